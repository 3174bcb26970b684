//! What a flow can be told from outside: pause, resume, run now, stop.

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// The signals of one flow.
pub(super) struct Signals {
    paused: watch::Sender<Option<String>>,
    run: Notify,
    stop: CancellationToken,
}

impl Signals {
    /// Signals of a flow that starts out paused for a reason, or not.
    pub fn new(paused: Option<String>, stop: CancellationToken) -> Self {
        Signals { paused: watch::Sender::new(paused), run: Notify::new(), stop }
    }

    /// Pauses with a reason, or resumes.
    pub fn pause(&self, reason: Option<String>) {
        self.paused.send_replace(reason);
    }

    /// Why the flow is paused, when it is.
    pub fn paused(&self) -> Option<String> {
        self.paused.borrow().clone()
    }

    /// Asks for a look now.
    pub fn run_now(&self) {
        self.run.notify_one();
    }

    /// Resolves when somebody asks for a look.
    pub async fn asked(&self) {
        self.run.notified().await;
    }

    /// Whether the flow must end.
    pub fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves when the flow must end or pause: the batch in hand is finished, no other begun.
    pub async fn halted(&self) {
        let mut paused = self.paused.subscribe();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            _ = paused.wait_for(Option::is_some) => {}
        }
    }

    /// Resolves when the flow may go on after a pause, or must end.
    pub async fn resumed(&self) {
        let mut paused = self.paused.subscribe();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            _ = paused.wait_for(Option::is_none) => {}
        }
    }
}

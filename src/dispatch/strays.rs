//! Commands no lane carries out: they never wait silently. What a project stopped carrying out is taken from the queue for
//! everybody to see, and goes on by itself once the project says again how.

use std::sync::Arc;
use std::time::Duration;

use guichet_sdk::Issue;
use tokio_util::sync::CancellationToken;

use super::codes;
use crate::model::{FlowName, Verb};
use crate::store::{KeptIssue, Store, StoreFault, Stranded};

/// How often it is looked again: an operator may put one back into the queue of nobody.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The watch over them.
pub struct Strays {
    /// What is carried out.
    pub carried: Vec<(FlowName, Verb)>,
    pub store: Arc<dyn Store>,
    /// Microseconds since 1970.
    pub clock: fn() -> i64,
}

impl Strays {
    /// Holds what nobody carries out, and releases what somebody does again.
    pub async fn strand(&self) -> Result<(), StoreFault> {
        let issue = Issue::error(codes::STRANDED, "the project no longer says how the command is carried out")
            .hint("restore `[flows.FLOW.settings.commands.VERB]` and restart the hub, or settle the command");
        let Stranded { held, released } =
            self.store.strand(&self.carried, KeptIssue::from(&issue), (self.clock)()).await?;
        if held > 0 {
            tracing::warn!(code = codes::STRANDED.0, commands = held, "nobody carries these commands out any more");
        }
        if released > 0 {
            tracing::info!(commands = released, "commands that nobody carried out go on");
        }
        Ok(())
    }

    /// Goes on doing so until it is stopped.
    pub async fn watch(self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            if let Err(fault) = self.strand().await {
                tracing::warn!(%fault, "commands that nobody carries out cannot be looked for");
            }
        }
    }
}

//! Counts refused credentials, so that a changed password does not lock our account: three tries, then none.
//!
//! New credentials count afresh. The same ones get one more try when a flow is opened again (an operator resumed it)
//! and the last try is long enough ago.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guichet_sdk::{Digest, Fault, FaultKind, Retry};
use tokio::time::Instant;

use crate::call::{Answer, Call};
use crate::codes;
use crate::stage::Stage;

/// Tries with the same credentials.
const TRIES: u32 = 3;
/// Longer than lock-out windows usually are.
const PAUSE: Duration = Duration::from_secs(15 * 60);

/// The refusals of one source.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    credentials: Option<Digest>,
    count: u32,
    last: Option<Instant>,
}

impl Refusals {
    /// A flow opens with these credentials.
    pub(crate) fn opened(&self, credentials: Digest) {
        let mut state = self.state();
        let rested = state.last.is_some_and(|last| last.elapsed() >= PAUSE);
        if state.credentials != Some(credentials) {
            *state = State { credentials: Some(credentials), ..State::default() };
        } else if rested {
            state.count = state.count.min(TRIES - 1);
        }
    }

    /// Whether a request may be sent.
    pub(crate) fn admit(&self) -> Result<(), Fault> {
        if self.state().count < TRIES { Ok(()) } else { Err(stopped()) }
    }

    /// Takes account of an outcome; the third refusal in a row becomes final.
    pub(crate) fn settle<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        let mut state = self.state();
        match &result {
            Ok(_) => {
                state.count = 0;
                result
            }
            Err(fault) if fault.kind == FaultKind::Unauthorized => {
                state.count += 1;
                state.last = Some(Instant::now());
                if state.count >= TRIES { Err(stopped()) } else { result }
            }
            Err(_) => result,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage for Arc<Refusals> {
    async fn pass<F>(self, call: Call, next: impl FnOnce(Call) -> F + Send) -> Result<Answer, Fault>
    where
        F: Future<Output = Result<Answer, Fault>> + Send,
    {
        self.admit()?;
        self.settle(next(call).await)
    }
}

fn stopped() -> Fault {
    let message = format!(
        "our credentials were refused {TRIES} times in a row and are not tried again: the account could be locked"
    );
    let mut fault = Fault::new(FaultKind::Unauthorized, codes::STOPPED, message).retry(Retry::Never);
    fault.issue.hint = Some("put the new secret where `auth` points, then resume the flow".to_owned());
    fault
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refused() -> Result<(), Fault> {
        Err(Fault::new(FaultKind::Unauthorized, codes::UNAUTHORIZED, "no").retry(Retry::After(None)))
    }

    #[tokio::test(start_paused = true)]
    async fn three_tries_then_none_until_the_secret_changes_or_time_has_passed() {
        let (refusals, old, new) = (Refusals::default(), Digest::of(&[b"old"]), Digest::of(&[b"new"]));
        refusals.opened(old);
        let retries: Vec<_> = (0..3).map(|_| refusals.settle(refused()).unwrap_err().retry).collect();
        assert_eq!(retries, [Retry::After(None), Retry::After(None), Retry::Never]);
        refusals.opened(old);
        assert_eq!(refusals.admit().unwrap_err().issue.code, codes::STOPPED);
        tokio::time::advance(PAUSE).await;
        assert!(refusals.admit().is_err(), "time alone opens nothing");
        refusals.opened(old);
        refusals.admit().unwrap();
        assert_eq!(refusals.settle(refused()).unwrap_err().retry, Retry::Never);
        refusals.opened(new);
        refusals.admit().unwrap();
        assert_eq!(refusals.settle(refused()).unwrap_err().retry, Retry::After(None));
    }

    #[test]
    fn an_accepted_request_forgives() {
        let refusals = Refusals::default();
        for _ in 0..5 {
            assert_eq!(refusals.settle(refused()).unwrap_err().retry, Retry::After(None));
            assert_eq!(refusals.settle(refused()).unwrap_err().retry, Retry::After(None));
            refusals.settle(Ok(())).unwrap();
        }
    }
}

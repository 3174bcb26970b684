//! Counts refused credentials, so that a changed password does not lock our account: three tries, then none. Reads no
//! clock: the time is an argument.
//!
//! New credentials count afresh. The same ones get one more try when a flow is opened again (an operator resumed it)
//! and the last try is long enough ago.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::fault::{Fault, FaultKind, Retry};
use crate::issue::Code;
use crate::record::Digest;

/// Credentials refused three times: not tried again.
pub const STOPPED: Code = Code("E303");

/// Tries with the same credentials.
const TRIES: u32 = 3;
/// Longer than lock-out windows usually are.
const PAUSE: Duration = Duration::from_secs(15 * 60);

/// The refusals of one source.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    credentials: Option<Digest>,
    count: u32,
    last: Option<Instant>,
}

impl Refusals {
    /// A flow opens with these credentials. The digest tells whether they are the same as before, and nothing else.
    pub fn opened(&self, credentials: Digest, now: Instant) {
        let mut state = self.state();
        let rested = state.last.is_some_and(|last| now.saturating_duration_since(last) >= PAUSE);
        if state.credentials != Some(credentials) {
            *state = State { credentials: Some(credentials), ..State::default() };
        } else if rested {
            state.count = state.count.min(TRIES - 1);
        }
    }

    /// Whether a request may be sent.
    pub fn admit(&self) -> Result<(), Fault> {
        if self.state().count < TRIES { Ok(()) } else { Err(stopped()) }
    }

    /// Takes account of an outcome; the third refusal in a row becomes final.
    pub fn settle<T>(&self, result: Result<T, Fault>, now: Instant) -> Result<T, Fault> {
        let mut state = self.state();
        match &result {
            Ok(_) => {
                state.count = 0;
                result
            }
            Err(fault) if fault.kind == FaultKind::Unauthorized => {
                state.count += 1;
                state.last = Some(now);
                if state.count >= TRIES { Err(stopped()) } else { result }
            }
            Err(_) => result,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stopped() -> Fault {
    let message = format!(
        "our credentials were refused {TRIES} times in a row and are not tried again: the account could be locked"
    );
    let mut fault = Fault::new(FaultKind::Unauthorized, STOPPED, message).retry(Retry::Never);
    fault.issue.hint = Some("put the new secret where `auth` points, then resume the flow".to_owned());
    fault
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refused() -> Result<(), Fault> {
        Err(Fault::new(FaultKind::Unauthorized, Code("E302"), "no").retry(Retry::After(None)))
    }

    #[test]
    fn three_tries_then_none_until_the_secret_changes_or_time_has_passed() {
        let (refusals, old, new) = (Refusals::default(), Digest::of(&[b"old"]), Digest::of(&[b"new"]));
        let now = Instant::now();
        refusals.opened(old, now);
        let retries: Vec<_> = (0..3).map(|_| refusals.settle(refused(), now).unwrap_err().retry).collect();
        assert_eq!(retries, [Retry::After(None), Retry::After(None), Retry::Never]);
        refusals.opened(old, now);
        assert_eq!(refusals.admit().unwrap_err().issue.code, STOPPED);
        let later = now + PAUSE;
        assert!(refusals.admit().is_err(), "time alone opens nothing");
        refusals.opened(old, later);
        refusals.admit().unwrap();
        assert_eq!(refusals.settle(refused(), later).unwrap_err().retry, Retry::Never);
        refusals.opened(new, later);
        refusals.admit().unwrap();
        assert_eq!(refusals.settle(refused(), later).unwrap_err().retry, Retry::After(None));
    }

    #[test]
    fn an_accepted_request_forgives() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for _ in 0..5 {
            assert_eq!(refusals.settle(refused(), now).unwrap_err().retry, Retry::After(None));
            assert_eq!(refusals.settle(refused(), now).unwrap_err().retry, Retry::After(None));
            refusals.settle(Ok(()), now).unwrap();
        }
    }
}

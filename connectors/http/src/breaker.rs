//! The circuit breaker of a source: after some failures in a row the peer is left alone, then one probe decides.
//!
//! A small state machine whose time is an argument, and a permit that settles it once; a dropped permit (a cancelled
//! request) leaves the machine ready for the next probe.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guichet_sdk::{BreakerLook, BreakerState, BreakerView, Fault, FaultKind, Issue, Retry};
use tokio::time::Instant;

use crate::call::{Answer, Call};
use crate::codes;
use crate::settings::Breaking;
use crate::stage::Stage;

/// The breaker in front of one peer.
#[derive(Debug)]
pub(crate) struct Breaker {
    source: Arc<str>,
    settings: Breaking,
    state: Mutex<State>,
}

#[derive(Debug, Clone, PartialEq)]
struct State {
    /// Failures in a row.
    failures: u32,
    /// What opened it, and when it opened or its probe started.
    tripped: Option<Tripped>,
}

#[derive(Debug, Clone, PartialEq)]
struct Tripped {
    at: Instant,
    because: Issue,
    probing: bool,
}

/// How a request went, for the breaker.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    /// The peer answered, even if it was a refusal.
    Alive,
    /// It did not, or says itself that it cannot.
    Failed(Box<Issue>),
    /// Nobody waited for the answer.
    Abandoned,
}

impl State {
    /// Lets a request through, and says whether it is a probe; or says how long until one will be.
    fn admit(&mut self, settings: Breaking, now: Instant) -> Result<bool, Duration> {
        let Some(tripped) = &mut self.tripped else { return Ok(false) };
        let left = settings.wait.0.saturating_sub(now.saturating_duration_since(tripped.at));
        if !left.is_zero() {
            return Err(left);
        }
        // a probe that takes longer than the wait itself does not keep others from probing
        (tripped.at, tripped.probing) = (now, true);
        Ok(true)
    }

    fn settle(&mut self, settings: Breaking, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Alive => *self = State { failures: 0, tripped: None },
            Outcome::Failed(because) => {
                self.failures = self.failures.saturating_add(1);
                if self.tripped.is_some() || self.failures >= settings.failures {
                    self.tripped = Some(Tripped { at: now, because: *because, probing: false });
                }
            }
            Outcome::Abandoned => {
                if let Some(tripped) = &mut self.tripped {
                    // as if the probe had never been let through
                    tripped.at = now.checked_sub(settings.wait.0).unwrap_or(tripped.at);
                    tripped.probing = false;
                }
            }
        }
    }

    fn look(&self, settings: Breaking, now: Instant) -> BreakerLook {
        let state = match &self.tripped {
            None => BreakerState::Closed,
            Some(Tripped { probing: true, .. }) => BreakerState::HalfOpen,
            Some(Tripped { probing: false, .. }) => BreakerState::Open,
        };
        let open = self.tripped.as_ref().filter(|tripped| !tripped.probing);
        BreakerLook {
            state,
            failures: self.failures,
            probe_in: open.map(|tripped| settings.wait.0.saturating_sub(now.saturating_duration_since(tripped.at))),
            because: self.tripped.as_ref().map(|tripped| tripped.because.clone()),
        }
    }
}

impl Breaker {
    pub(crate) fn new(source: Arc<str>, settings: Breaking) -> Self {
        Breaker { source, settings, state: Mutex::new(State { failures: 0, tripped: None }) }
    }

    /// Lets one request through.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Permit, Fault> {
        let probing = self.state().admit(self.settings, Instant::now()).map_err(|left| {
            let message = format!(
                "`{}` failed too often and is left alone; a probe goes out in {}s",
                self.source,
                left.as_secs().max(1)
            );
            Fault::new(FaultKind::Unreachable, codes::BREAKER, message).retry(Retry::After(Some(left)))
        })?;
        if probing {
            tracing::info!(source = &*self.source, "circuit breaker of `{}` half open: a probe goes out", self.source);
        }
        Ok(Permit { breaker: self.clone(), settled: false })
    }

    /// Takes account of an outcome; each turn of the state is told once.
    fn settle(&self, outcome: Outcome) {
        let now = Instant::now();
        let (before, after) = {
            let mut state = self.state();
            let before = state.look(self.settings, now).state;
            state.settle(self.settings, outcome, now);
            (before, state.look(self.settings, now))
        };
        let (source, failures) = (&*self.source, after.failures);
        match (before, after.state, after.because) {
            (BreakerState::Closed | BreakerState::HalfOpen, BreakerState::Open, Some(because)) => tracing::warn!(
                source, code = %because.code, failures, place = %because.place,
                "circuit breaker of `{source}` open after {failures} failures: {}", because.message
            ),
            (BreakerState::Open | BreakerState::HalfOpen, BreakerState::Closed, _) => {
                tracing::info!(source, "circuit breaker of `{source}` closed");
            }
            // what was under way when it turned changes nothing any more
            (_, BreakerState::Closed | BreakerState::Open | BreakerState::HalfOpen, _) => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage for Arc<Breaker> {
    async fn pass<F>(self, call: Call, next: impl FnOnce(Call) -> F + Send) -> Result<Answer, Fault>
    where
        F: Future<Output = Result<Answer, Fault>> + Send,
    {
        let permit = self.admit()?;
        let result = next(call).await;
        permit.settle(&result);
        result
    }
}

impl BreakerView for Breaker {
    fn look(&self) -> BreakerLook {
        self.state().look(self.settings, Instant::now())
    }
}

/// One request let through.
pub(crate) struct Permit {
    breaker: Arc<Breaker>,
    settled: bool,
}

impl Permit {
    /// Tells how it went. Refusals show that the peer is there; being asked to slow down is no failure either.
    pub(crate) fn settle<T>(mut self, result: &Result<T, Fault>) {
        self.settled = true;
        let outcome = match result {
            Ok(_) => Outcome::Alive,
            Err(fault) => match (fault.kind, fault.retry) {
                (FaultKind::Unauthorized | FaultKind::Throttled, _) | (_, Retry::Never) => Outcome::Alive,
                (
                    FaultKind::Unreachable
                    | FaultKind::Timeout
                    | FaultKind::Protocol
                    | FaultKind::Refused
                    | FaultKind::Content
                    | FaultKind::Environment,
                    Retry::After(_) | Retry::Unknown,
                ) => Outcome::Failed(fault.issue.clone()),
            },
        };
        self.breaker.settle(outcome);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            self.breaker.settle(Outcome::Abandoned);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::settings::Period;

    use super::*;

    fn failed() -> Outcome {
        Outcome::Failed(Box::new(Issue::error(codes::TIMEOUT, "late")))
    }

    fn settings() -> Breaking {
        Breaking { failures: 3, wait: Period(Duration::from_secs(30)) }
    }

    #[test]
    fn opens_after_failures_in_a_row_and_one_probe_decides() {
        let (mut state, start) = (State { failures: 0, tripped: None }, Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for outcome in [failed(), failed(), Outcome::Alive, failed(), failed()] {
            state.settle(settings(), outcome, at(0));
        }
        assert_eq!(state.look(settings(), at(0)).state, BreakerState::Closed);
        state.settle(settings(), failed(), at(1));
        assert_eq!(state.admit(settings(), at(11)), Err(Duration::from_secs(20)));
        let look = state.look(settings(), at(11));
        assert_eq!((look.state, look.probe_in), (BreakerState::Open, Some(Duration::from_secs(20))));
        assert_eq!(look.because.map(|issue| (issue.code, issue.message)), Some((codes::TIMEOUT, "late".to_owned())));
        assert_eq!(state.admit(settings(), at(31)), Ok(true));
        assert_eq!(state.look(settings(), at(31)).state, BreakerState::HalfOpen);
        assert!(state.admit(settings(), at(32)).is_err(), "one probe at a time");
        state.settle(settings(), failed(), at(33));
        assert_eq!(state.admit(settings(), at(62)), Err(Duration::from_secs(1)));
        assert_eq!(state.admit(settings(), at(63)), Ok(true));
        state.settle(settings(), Outcome::Alive, at(64));
        assert_eq!(
            state.look(settings(), at(64)),
            BreakerLook { state: BreakerState::Closed, failures: 0, probe_in: None, because: None }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_probe_leaves_the_way_free_for_the_next() {
        let breaker = Arc::new(Breaker::new("planning".into(), Breaking { failures: 1, ..settings() }));
        let failed: Result<(), _> = Err(Fault::new(FaultKind::Timeout, codes::TIMEOUT, "late"));
        breaker.admit().unwrap().settle(&failed);
        assert!(breaker.admit().is_err_and(|fault| fault.issue.code == codes::BREAKER));
        tokio::time::advance(Duration::from_secs(30)).await;
        drop(breaker.admit().unwrap());
        breaker.admit().unwrap().settle(&Ok(()));
        assert_eq!(breaker.look().state, BreakerState::Closed);
    }

    #[test]
    fn a_refusal_is_no_failure_of_the_peer() {
        let breaker = Arc::new(Breaker::new("planning".into(), Breaking { failures: 1, ..settings() }));
        for kind in [FaultKind::Unauthorized, FaultKind::Refused, FaultKind::Throttled] {
            breaker.admit().unwrap().settle::<()>(&Err(Fault::new(kind, codes::REFUSED, "no")));
        }
        assert_eq!(breaker.look().state, BreakerState::Closed);
    }
}

//! Repeating a request within one pull: only what changes nothing at the peer, only passing failures, with full jitter
//! and a budget, so that a peer in trouble does not get more requests than a healthy one.

use std::sync::Arc;
use std::time::Duration;

use guichet_sdk::{Fault, FaultKind, Retry};
use tower::retry::Policy;
use tower::retry::budget::{Budget, TpsBudget};
use tower::util::rng::{HasherRng, Rng as _};

use crate::call::{Answer, Call};
use crate::codes;
use crate::judge::wait_of;
use crate::settings::Retrying;

/// How one request is repeated.
#[derive(Clone)]
pub(crate) struct Repeat {
    settings: Retrying,
    budget: Arc<TpsBudget>,
    made: u32,
}

/// A budget: a fifth of the requests of the last ten seconds may be repetitions, and one a second besides.
pub(crate) fn budget() -> Arc<TpsBudget> {
    Arc::new(TpsBudget::new(Duration::from_secs(10), 1, 0.2))
}

impl Repeat {
    pub(crate) fn new(settings: Retrying, budget: Arc<TpsBudget>) -> Self {
        Repeat { settings, budget, made: 0 }
    }

    /// The wait before the next repetition; `None` where there is none.
    fn wait(&self, call: &Call, fault: &Fault, random: f64) -> Option<Duration> {
        let Retrying { times, first, longest } = self.settings;
        if !call.repeatable || self.made >= times || !passing(fault) {
            return None;
        }
        let asked = wait_of(fault).unwrap_or_default();
        let ceiling = first.0.saturating_mul(1 << self.made.min(20)).min(longest.0);
        (asked <= longest.0).then(|| asked + ceiling.mul_f64(random))
    }
}

/// Refused credentials are counted elsewhere, and an open breaker is not knocked at.
fn passing(fault: &Fault) -> bool {
    matches!(fault.retry, Retry::After(_))
        && fault.kind != FaultKind::Unauthorized
        && fault.issue.code != codes::BREAKER
}

impl Policy<Call, Answer, Fault> for Repeat {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, call: &mut Call, result: &mut Result<Answer, Fault>) -> Option<Self::Future> {
        let Err(fault) = result else {
            self.budget.deposit();
            return None;
        };
        let wait = self.wait(call, fault, HasherRng::new().next_f64()).filter(|_| self.budget.withdraw())?;
        self.made += 1;
        tracing::debug!(code = %fault.issue.code, about = &*call.about, wait = ?wait, "request is repeated");
        Some(tokio::time::sleep(wait))
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(call.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use reqwest::{Method, Url};

    use super::*;

    fn fault(kind: FaultKind) -> Fault {
        Fault::new(kind, codes::TIMEOUT, "late")
    }

    fn repeat(made: u32) -> Repeat {
        Repeat { made, ..Repeat::new(Retrying { times: 3, ..Retrying::default() }, budget()) }
    }

    #[test]
    fn waits_are_random_below_a_doubling_ceiling() {
        let get = Call::get(Url::parse("http://peer.example/").unwrap());
        let wait =
            |made, random| repeat(made).wait(&get, &fault(FaultKind::Timeout), random).map(|wait| wait.as_millis());
        assert_eq!(
            [wait(0, 0.0), wait(0, 1.0), wait(1, 1.0), wait(2, 0.5)],
            [Some(0), Some(200), Some(400), Some(400)]
        );
        assert_eq!(wait(3, 0.5), None);
    }

    #[test]
    fn only_passing_failures_of_repeatable_requests() {
        let url = Url::parse("http://peer.example/").unwrap();
        let (get, post) = (Call::get(url.clone()), Call::new(Method::POST, url, Bytes::new(), false));
        let again = |call, fault| repeat(0).wait(call, &fault, 0.5).is_some();
        assert!(again(&get, fault(FaultKind::Unreachable)));
        assert!(!again(&post, fault(FaultKind::Unreachable)));
        assert!(!again(&get, fault(FaultKind::Refused)));
        assert!(!again(&get, fault(FaultKind::Unauthorized).retry(Retry::After(None))));
        assert!(!again(&get, Fault::new(FaultKind::Unreachable, codes::BREAKER, "open")));
    }

    #[test]
    fn the_wait_a_peer_asks_for_is_kept_or_left_to_the_flow() {
        let get = Call::get(Url::parse("http://peer.example/").unwrap());
        let asks = |seconds| fault(FaultKind::Throttled).retry(Retry::After(Some(Duration::from_secs(seconds))));
        assert_eq!(repeat(0).wait(&get, &asks(5), 0.0), Some(Duration::from_secs(5)));
        assert_eq!(repeat(0).wait(&get, &asks(3_600), 0.0), None);
    }
}

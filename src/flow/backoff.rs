//! What follows a failure: how long to wait, when to stop trying, and what the circuit shows. Pure: chance is an argument.

use std::time::Duration;

use guichet_sdk::{BreakerState, Fault, FaultKind, Retry};

/// Failures in a row after which a source is no longer believed to be there.
const OPENS_AT: u32 = 3;
/// Refused credentials are tried so often, then never again on their own: a back office locks accounts.
const CREDENTIAL_TRIES: u32 = 3;

/// Bounds of the waits of a flow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// First wait, doubled with each failure.
    pub first: Duration,
    /// Longest wait.
    pub longest: Duration,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Try again after this long.
    Wait(Duration),
    /// Do not try again until somebody asks.
    Stop,
}

/// The failures of a flow since its last success.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trouble {
    /// Failures in a row.
    pub failures: u32,
    refused: u32,
}

impl Trouble {
    /// Counts a failure and says what follows. `chance` is a number from 0 to 1.
    pub fn failed(&mut self, fault: &Fault, bounds: Bounds, chance: f64) -> Verdict {
        self.failures = self.failures.saturating_add(1);
        let asked = match (fault.kind, fault.retry) {
            (FaultKind::Unauthorized, _) => {
                self.refused += 1;
                if self.refused >= CREDENTIAL_TRIES {
                    return Verdict::Stop;
                }
                None
            }
            (_, Retry::Never) => return Verdict::Stop,
            (_, Retry::After(asked)) => asked,
            // Reading has no effect at the source: not knowing whether it worked is no reason to wait for a human.
            (_, Retry::Unknown) => None,
        };
        let doubled = bounds.first.saturating_mul(1u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX));
        let jittered = doubled.min(bounds.longest).mul_f64(chance.clamp(0.0, 1.0));
        Verdict::Wait(jittered.max(asked.unwrap_or_default()))
    }

    /// The circuit while waiting, or while trying (`trying`).
    pub fn circuit(&self, trying: bool) -> BreakerState {
        match (self.failures >= OPENS_AT, trying) {
            (false, _) => BreakerState::Closed,
            (true, false) => BreakerState::Open,
            (true, true) => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use guichet_sdk::Code;

    use super::*;

    const BOUNDS: Bounds = Bounds { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

    fn fault(kind: FaultKind) -> Fault {
        Fault::new(kind, Code("E200"), "it failed")
    }

    #[test]
    fn waits_double_up_to_their_bound_and_are_jittered_over_their_whole_length() {
        let mut trouble = Trouble::default();
        let longest: Vec<u64> = (0..8)
            .map(|_| match trouble.failed(&fault(FaultKind::Unreachable), BOUNDS, 1.0) {
                Verdict::Wait(wait) => wait.as_secs(),
                Verdict::Stop => 0,
            })
            .collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(trouble.failed(&fault(FaultKind::Timeout), BOUNDS, 0.0), Verdict::Wait(Duration::ZERO));
        let mut many = Trouble { failures: 4_000_000_000, refused: 0 };
        assert_eq!(many.failed(&fault(FaultKind::Timeout), BOUNDS, 1.0), Verdict::Wait(BOUNDS.longest));
    }

    #[test]
    fn a_peer_that_asks_for_time_gets_at_least_that() {
        let asked = fault(FaultKind::Throttled).retry(Retry::After(Some(Duration::from_secs(120))));
        assert_eq!(Trouble::default().failed(&asked, BOUNDS, 0.5), Verdict::Wait(Duration::from_secs(120)));
    }

    #[test]
    fn what_can_only_fail_again_stops_and_credentials_after_three_tries() {
        assert_eq!(Trouble::default().failed(&fault(FaultKind::Refused), BOUNDS, 0.5), Verdict::Stop);
        let mut trouble = Trouble::default();
        let expired = fault(FaultKind::Unauthorized);
        let verdicts = [(); 3].map(|()| trouble.failed(&expired, BOUNDS, 0.0));
        assert_eq!(verdicts, [Verdict::Wait(Duration::ZERO), Verdict::Wait(Duration::ZERO), Verdict::Stop]);
    }

    #[test]
    fn the_circuit_opens_after_three_failures_and_a_try_half_opens_it() {
        let mut trouble = Trouble::default();
        let seen: Vec<_> = (0..3)
            .map(|_| {
                trouble.failed(&fault(FaultKind::Unreachable), BOUNDS, 0.0);
                (trouble.circuit(false), trouble.circuit(true))
            })
            .collect();
        assert_eq!(seen[1], (BreakerState::Closed, BreakerState::Closed));
        assert_eq!(seen[2], (BreakerState::Open, BreakerState::HalfOpen));
    }
}

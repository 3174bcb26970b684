//! Keeps a connection standing: after a loss or a failed attempt it waits, longer each time and by chance, and tries
//! again; after some in a row it gives the fault to whoever asked. For consumers and publishers alike.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guichet_sdk::{Fault, FaultKind, Retry};

use crate::client::{Line, Link};
use crate::settings::Reconnect;

/// What is needed on a connection, made anew on each.
pub trait Furnish: Sync {
    /// What is made.
    type Made: Send;
    /// Makes it.
    fn furnish(&self, link: &Link) -> impl Future<Output = Result<Self::Made, Fault>> + Send;
}

/// Keeps a connection to one broker standing.
pub struct Supervisor {
    line: Line,
    /// Losses and failed attempts since something last went well.
    trouble: Mutex<u32>,
}

impl Supervisor {
    /// A supervisor of this line.
    pub fn new(line: Line) -> Self {
        Supervisor { line, trouble: Mutex::new(0) }
    }

    /// The line.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// As many attempts as the settings allow, after a loss.
    pub async fn again<F: Furnish>(&self, with: &F) -> Result<(Link, F::Made), Fault> {
        let settings = self.line.peer().reconnect;
        loop {
            let trouble = *self.trouble();
            tokio::time::sleep(wait(settings, trouble, chance())).await;
            let fault = match self.once(with).await {
                Ok(raised) => return Ok(raised),
                Err(fault) => fault,
            };
            tracing::debug!(broker = self.line.peer().shown(), code = %fault.issue.code, "{}", fault.issue.message);
            if !passing(&fault) || self.failed() {
                return Err(fault);
            }
        }
    }

    /// One attempt; the back-off is that of the caller.
    pub async fn once<F: Furnish>(&self, with: &F) -> Result<(Link, F::Made), Fault> {
        let link = self.line.connect().await?;
        let made = with.furnish(&link).await?;
        Ok((link, made))
    }

    /// A connection was lost, or an attempt failed; whether that is more than the settings allow in a row.
    pub fn failed(&self) -> bool {
        let mut trouble = self.trouble();
        *trouble = trouble.saturating_add(1);
        let most = self.line.peer().reconnect.times;
        let given_up = *trouble >= most;
        if given_up {
            *trouble = 0;
        }
        given_up
    }

    /// Something went well: what went wrong before is forgotten.
    pub fn well(&self) {
        *self.trouble() = 0;
    }

    fn trouble(&self) -> MutexGuard<'_, u32> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refused credentials are for the back-off of the flow, and what can only fail again is not tried again.
fn passing(fault: &Fault) -> bool {
    matches!(fault.retry, Retry::After(_)) && fault.kind != FaultKind::Unauthorized
}

/// The wait before an attempt; `chance` is a number from 0 to 1.
fn wait(settings: Reconnect, trouble: u32, chance: f64) -> Duration {
    let doubled = settings.first.0.saturating_mul(1 << trouble.saturating_sub(1).min(20));
    doubled.min(settings.longest.0).mul_f64(chance)
}

/// A number from 0 to 1. Jitter needs no better source than the keys the standard library gives its hash maps.
fn chance() -> f64 {
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_random_below_a_doubling_ceiling() {
        let millis = |trouble, chance| wait(Reconnect::default(), trouble, chance).as_millis();
        assert_eq!([millis(1, 1.0), millis(2, 1.0), millis(3, 0.5), millis(9, 1.0)], [200, 400, 400, 10_000]);
        assert_eq!(millis(u32::MAX, 0.0), 0);
    }
}

//! How fast we may ask: our own budget (governor) and what the peer says in `Retry-After` and `RateLimit` headers.
//!
//! Waits are bounded: a peer that wants a longer pause than a pull can wait is a `Throttled` fault, and the flow backs off.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use guichet_sdk::{Fault, FaultKind, Retry};
use reqwest::header::{self, HeaderMap};
use tokio::time::Instant;

use crate::call::{Answer, Call, date, text};
use crate::codes;
use crate::judge::wait_of;
use crate::settings::Rate;
use crate::stage::Stage;

/// The pace of one source, shared by its flows.
#[derive(Debug)]
pub(crate) struct Pace {
    budget: Option<DefaultDirectRateLimiter>,
    /// The peer wants no request before this.
    not_before: Mutex<Option<Instant>>,
}

/// Waits for our turn before each request.
#[derive(Clone)]
pub(crate) struct Turn {
    pub pace: Arc<Pace>,
    /// The longest pause a request waits out.
    pub patience: Duration,
}

impl Stage for Turn {
    async fn pass<F>(self, call: Call, next: impl FnOnce(Call) -> F + Send) -> Result<Answer, Fault>
    where
        F: Future<Output = Result<Answer, Fault>> + Send,
    {
        self.pace.turn(self.patience).await?;
        let result = next(call).await;
        self.pace.heed(match &result {
            Ok(answer) => used_up(&answer.headers),
            Err(fault) => wait_of(fault),
        });
        result
    }
}

impl Pace {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        let quota = rate.and_then(|rate| {
            let requests = NonZeroU32::new(rate.requests)?;
            Some(Quota::with_period(rate.per.0 / rate.requests)?.allow_burst(requests))
        });
        Pace { budget: quota.map(RateLimiter::direct), not_before: Mutex::default() }
    }

    /// Waits for our turn.
    pub(crate) async fn turn(&self, patience: Duration) -> Result<(), Fault> {
        if let Some(wait) = self.pause() {
            if wait > patience {
                let message = format!("the peer wants no request for another {}s", wait.as_secs().max(1));
                return Err(Fault::new(FaultKind::Throttled, codes::THROTTLED, message).retry(Retry::After(Some(wait))));
            }
            tokio::time::sleep(wait).await;
        }
        let Some(budget) = &self.budget else { return Ok(()) };
        while let Err(early) = budget.check() {
            tokio::time::sleep(early.wait_time_from(DefaultClock::default().now())).await;
        }
        Ok(())
    }

    /// The peer wants a pause.
    pub(crate) fn heed(&self, pause: Option<Duration>) {
        let Some(until) = pause.and_then(|pause| Instant::now().checked_add(pause)) else { return };
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(not_before.map_or(until, |known| known.max(until)));
    }

    fn pause(&self) -> Option<Duration> {
        let not_before = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        Some(not_before?.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero())
    }
}

/// The longest pause taken seriously: a peer that says "next year" is mistaken.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// `Retry-After`: seconds, or a date (measured against the peer's own `Date`).
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, header::RETRY_AFTER.as_str()).trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = date(value)?.duration_since(date(text(headers, header::DATE.as_str()))?);
            Duration::try_from(until).ok()?
        }
    };
    Some(wait.min(LONGEST))
}

/// What `RateLimit` headers, old and new, ask for: a pause once nothing remains.
pub(crate) fn used_up(headers: &HeaderMap) -> Option<Duration> {
    // RateLimit: "default";r=0;t=30
    let combined = text(headers, "ratelimit");
    let parameter = |name: &str| {
        combined
            .split(';')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')?.trim().parse::<u64>().ok())
    };
    if let (Some(0), Some(seconds)) = (parameter("r"), parameter("t")) {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    ["ratelimit", "x-ratelimit", "x-rate-limit"].iter().find_map(|prefix| {
        let number = |what: &str| text(headers, &format!("{prefix}-{what}")).trim().parse::<u64>().ok();
        let reset = number("reset").filter(|_| number("remaining") == Some(0))?;
        // some peers count seconds, others give the moment
        let seconds = if reset < MOMENTS { reset } else { reset.checked_sub(now(headers)?)? };
        Some(Duration::from_secs(seconds).min(LONGEST))
    })
}

/// Above this, a reset is a moment in seconds since 1970 (2001 and later), not a wait.
const MOMENTS: u64 = 1_000_000_000;

fn now(headers: &HeaderMap) -> Option<u64> {
    u64::try_from(date(text(headers, header::DATE.as_str()))?.as_second()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::settings::Period;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn seconds(wait: Option<Duration>) -> Option<u64> {
        wait.map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_counts_seconds_or_names_a_date() {
        let date = ("date", "Tue, 24 Nov 2026 20:00:00 GMT");
        for (value, expected) in [
            ("7", Some(7)),
            ("Tue, 24 Nov 2026 20:00:30 GMT", Some(30)),
            ("Tue, 24 Nov 2026 19:00:30 GMT", None),
            ("99999999999", Some(24 * 3_600)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(seconds(retry_after(&headers(&[("retry-after", value), date]))), expected, "{value}");
        }
        assert_eq!(retry_after(&headers(&[("retry-after", "Tue, 24 Nov 2026 20:00:30 GMT")])), None);
    }

    #[test]
    fn rate_limit_headers_ask_for_a_pause_only_when_nothing_remains() {
        let asked = |pairs: &[_]| seconds(used_up(&headers(pairs)));
        assert_eq!(asked(&[("ratelimit", "\"default\";r=0;t=30")]), Some(30));
        assert_eq!(asked(&[("ratelimit", "\"default\";r=3;t=30")]), None);
        assert_eq!(asked(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "12")]), Some(12));
        assert_eq!(asked(&[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "12")]), None);
        let moment = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1795550445"),
            ("date", "Tue, 24 Nov 2026 20:00:00 GMT"),
        ];
        assert_eq!(asked(&moment), Some(45));
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_pause_is_waited_out_and_a_long_one_is_a_fault() {
        let (pace, patience) = (Pace::new(None), Duration::from_secs(10));
        pace.heed(Some(Duration::from_secs(5)));
        let before = Instant::now();
        pace.turn(patience).await.unwrap();
        assert_eq!(before.elapsed().as_secs(), 5);
        pace.heed(Some(Duration::from_secs(60)));
        pace.heed(Some(Duration::from_secs(1)));
        let fault = pace.turn(patience).await.unwrap_err();
        assert_eq!((fault.kind, fault.retry), (FaultKind::Throttled, Retry::After(Some(Duration::from_secs(60)))));
    }

    #[test]
    fn the_budget_is_the_written_one() {
        let pace = Pace::new(Some(Rate { requests: 3, per: Period(Duration::from_secs(3_600)) }));
        let budget = pace.budget.unwrap();
        assert_eq!((0..10).filter(|_| budget.check().is_ok()).count(), 3);
    }
}

//! When a flow looks at its source next. Pure: now is an argument, microseconds since 1970.

use jiff::Timestamp;

use crate::config::Schedule;

/// When a flow looks for the first time after a start; `None` = when somebody asks or something arrives.
///
/// A time of a `cron` schedule that passed while the hub was down is made up for; what can wake on its own is looked at
/// once, because nobody saw what arrived while the hub was down.
pub(super) fn first(schedule: &Schedule, wakes: bool, verified_at: Option<i64>, now: i64) -> Option<i64> {
    match schedule {
        Schedule::Every(_) => Some(now),
        Schedule::Cron(..) => next(schedule, verified_at.unwrap_or(now).min(now), now).map(|due| due.max(now)),
        Schedule::OnDemand => wakes.then_some(now),
    }
}

/// When a flow looks again after a look that started at `last`.
pub(super) fn next(schedule: &Schedule, last: i64, now: i64) -> Option<i64> {
    match schedule {
        Schedule::Every(period) => {
            let period = i64::try_from(period.as_micros()).unwrap_or(i64::MAX);
            // A clock set back must not make a flow wait for its old future.
            Some(last.saturating_add(period).clamp(now, now.saturating_add(period)))
        }
        Schedule::Cron(cron, zone) => {
            let from = Timestamp::from_microsecond(last).ok()?.to_zoned(zone.clone());
            let due = cron.find_next_occurrence(&from, false).ok()?;
            Some(due.timestamp().as_microsecond())
        }
        Schedule::OnDemand => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::str::FromStr;
    use std::time::Duration;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn nightly() -> Schedule {
        let cron = croner::Cron::from_str("0 3 * * *").unwrap();
        Schedule::Cron(Box::new(cron), jiff::tz::TimeZone::get("Europe/Paris").unwrap())
    }

    #[test]
    fn a_pace_counts_from_the_start_of_the_last_look() {
        let every = Schedule::Every(Duration::from_secs(10));
        assert_eq!(first(&every, false, None, 5 * SECOND), Some(5 * SECOND));
        assert_eq!(next(&every, 0, 4 * SECOND), Some(10 * SECOND));
        assert_eq!(next(&every, 0, 40 * SECOND), Some(40 * SECOND), "a long look is followed at once");
        assert_eq!(next(&every, 9_000 * SECOND, 0), Some(10 * SECOND), "a clock set back does not stop the flow");
    }

    #[test]
    fn cron_follows_the_wall_clock_of_its_zone() {
        let due = next(&nightly(), at("2026-03-28T12:00:00Z"), at("2026-03-28T12:00:00Z")).unwrap();
        assert_eq!(due, at("2026-03-29T01:00:00Z"), "03:00 in Paris is 01:00 UTC from that night on");
    }

    #[test]
    fn a_time_missed_while_down_is_made_up_for() {
        let now = at("2026-06-10T08:00:00Z");
        assert_eq!(first(&nightly(), false, Some(at("2026-06-09T12:00:00Z")), now), Some(now));
        assert_eq!(first(&nightly(), false, Some(at("2026-06-10T02:00:00Z")), now), Some(at("2026-06-11T01:00:00Z")));
        assert_eq!(first(&nightly(), false, None, now), Some(at("2026-06-11T01:00:00Z")));
    }

    #[test]
    fn on_demand_waits_unless_something_may_have_arrived() {
        assert_eq!(first(&Schedule::OnDemand, false, None, 7), None);
        assert_eq!(first(&Schedule::OnDemand, true, None, 7), Some(7));
        assert_eq!(next(&Schedule::OnDemand, 0, 7), None);
    }
}

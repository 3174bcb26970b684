//! The values `since` counts by: times or sequence numbers, as the source writes them. Pure.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// How values are read and written.
#[derive(Debug, Clone)]
pub enum Counting {
    /// Times: read as RFC 3339, or in this form; without an offset they are of this zone.
    Times {
        /// strptime form of the source, where it is not RFC 3339.
        form: Option<String>,
        /// Zone of times without an offset.
        zone: TimeZone,
        /// How far back records are asked for again.
        look_back: Duration,
    },
    /// Whole numbers that only grow.
    Numbers,
}

/// A value; only values of one counting are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A number.
    Number(i64),
    /// A time.
    Time(Timestamp),
}

impl Counting {
    /// Reads a value of a record.
    pub fn read(&self, text: &str) -> Option<Moment> {
        let text = text.trim();
        match self {
            Counting::Numbers => text.parse().ok().map(Moment::Number),
            Counting::Times { form, zone, .. } => time(text, form.as_deref(), zone).map(Moment::Time),
        }
    }

    /// Writes a value for the source, in its own form.
    pub fn write(&self, moment: Moment) -> String {
        match (self, moment) {
            (_, Moment::Number(number)) => number.to_string(),
            (Counting::Numbers, Moment::Time(time)) => time.to_string(),
            (Counting::Times { form: None, .. }, Moment::Time(time)) => time.to_string(),
            (Counting::Times { form: Some(form), zone, .. }, Moment::Time(time)) => {
                strtime::format(form, &time.to_zoned(zone.clone())).unwrap_or_else(|_| time.to_string())
            }
        }
    }

    /// From where on records are asked for, when everything up to a value is known.
    pub fn look_back(&self, moment: Moment) -> Moment {
        match (self, moment) {
            (Counting::Times { look_back, .. }, Moment::Time(time)) => {
                Moment::Time(time.checked_sub(*look_back).unwrap_or(Timestamp::MIN))
            }
            (Counting::Times { .. }, Moment::Number(_)) | (Counting::Numbers, _) => moment,
        }
    }

    /// The furthest a cursor may go: never past the start of the run, for a record changed meanwhile may have been
    /// missed (P3).
    pub fn cap(&self, reached: Moment, start: Timestamp) -> Moment {
        match reached {
            Moment::Time(time) => Moment::Time(time.min(start)),
            Moment::Number(_) => reached,
        }
    }
}

/// Whole seconds are kept whole: sources compare what they write.
fn time(text: &str, form: Option<&str>, zone: &TimeZone) -> Option<Timestamp> {
    let civil = |time: DateTime| zone.to_ambiguous_timestamp(time).compatible().ok();
    match form {
        None => text.parse::<Timestamp>().ok().or_else(|| civil(text.parse().ok()?)),
        Some(form) => {
            let parts = strtime::parse(form, text).ok()?;
            parts.to_timestamp().ok().or_else(|| civil(parts.to_datetime().ok()?))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn times(form: Option<&str>, zone: &str) -> Counting {
        let zone = TimeZone::get(zone).unwrap();
        Counting::Times { form: form.map(str::to_owned), zone, look_back: Duration::from_secs(300) }
    }

    #[test]
    fn times_are_read_in_their_form_and_written_back() {
        let plain = times(None, "UTC");
        let moment = plain.read("2011-12-01T07:00:00+01:00").unwrap();
        assert_eq!(plain.write(moment), "2011-12-01T06:00:00Z");
        assert_eq!(plain.write(plain.look_back(moment)), "2011-12-01T05:55:00Z");
        let french = times(Some("%d/%m/%Y %H:%M"), "Europe/Paris");
        let moment = french.read("01/12/2011 07:00").unwrap();
        assert_eq!(moment, plain.read("2011-12-01T06:00:00Z").unwrap());
        assert_eq!(french.write(moment), "01/12/2011 07:00");
        assert_eq!(times(None, "Europe/Paris").read("2011-12-01T07:00:00"), Some(moment));
        assert_eq!(times(None, "UTC").read("yesterday"), None);
    }

    #[test]
    fn a_cursor_never_passes_the_start_of_the_run() {
        let counting = times(None, "UTC");
        let at = |text: &str| counting.read(text).unwrap();
        let start = "2026-11-24T12:00:00Z".parse().unwrap();
        assert_eq!(counting.cap(at("2026-11-24T13:00:00Z"), start), at("2026-11-24T12:00:00Z"));
        assert_eq!(counting.cap(at("2026-11-24T11:00:00Z"), start), at("2026-11-24T11:00:00Z"));
        assert_eq!(Counting::Numbers.cap(Moment::Number(9), start), Moment::Number(9));
    }

    #[test]
    fn numbers_count_without_looking_back() {
        assert_eq!(Counting::Numbers.read(" 42 "), Some(Moment::Number(42)));
        assert_eq!(Counting::Numbers.look_back(Moment::Number(42)), Moment::Number(42));
        assert_eq!(Counting::Numbers.read("4.2"), None);
    }
}

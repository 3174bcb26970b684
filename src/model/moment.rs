//! Moments: a point in time with the precision its source gave it. Refuses to invent an hour for a bare date.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

words! {
    /// How precisely a source said when.
    pub enum Precision {
        /// A civil date; the instant is the start of that day in the source's time zone.
        Day = "day",
        /// To the minute.
        Minute = "minute",
        /// To the second or finer.
        Second = "second",
    }
}

/// A point in time, in microseconds since 1970-01-01T00:00:00Z, with its precision and the source's civil date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// Microseconds since 1970.
    #[serde(rename = "t")]
    pub micros: i64,
    /// How precise.
    #[serde(rename = "p")]
    pub precision: Precision,
    /// The source's civil date as days since 1970-01-01 (code tables are looked up on it, not on the UTC day).
    #[serde(rename = "d")]
    pub civil_day: i32,
}

impl Moment {
    /// RFC 3339 in UTC; a bare date stays a date (`2024-03-01`).
    pub fn rfc3339(&self) -> String {
        match self.precision {
            Precision::Day => civil_date(self.civil_day),
            Precision::Minute | Precision::Second => rfc3339(self.micros),
        }
    }
}

/// Microseconds since 1970 as RFC 3339 in UTC; what lies outside jiff's years (−9999…9999) prints as its nearest bound.
pub fn rfc3339(micros: i64) -> String {
    let bounded = micros.clamp(Timestamp::MIN.as_microsecond(), Timestamp::MAX.as_microsecond());
    Timestamp::from_microsecond(bounded).unwrap_or(Timestamp::MAX).to_string()
}

/// Days since 1970 as `YYYY-MM-DD`.
pub fn civil_date(days: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    match epoch.checked_add(jiff::Span::new().days(days)) {
        Ok(date) => date.to_string(),
        Err(_) => epoch.to_string(),
    }
}

//! How "changed since" is asked: as an integrator writes it, and checked. Pure.

use std::time::Duration;

use guichet_sdk::Issue;
use guichet_sdk::settings::{Period, unusable};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::cursor::Standing;
use super::moment::{Counting, Moment};
use super::pick::Path;

/// How "changed since" is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Since {
    /// Path in each list item of the time or number it counts by; required unless `from = "request"`.
    pub path: Option<String>,
    /// What `path` holds; `time` when not written.
    pub counts: Counts,
    /// Where the next pull takes up: at the highest value seen, or at the time of this request.
    pub from: Anchor,
    /// Value for the first pull; without it the first pull asks for everything.
    pub start: Option<String>,
    /// How far back records are asked for again, each time, because they may have come late; 5m when not written.
    pub look_back: Period,
    /// How the source writes times, where that is not RFC 3339: `%d/%m/%Y %H:%M:%S`.
    pub format: Option<String>,
    /// Time zone of times without an offset; UTC when not written.
    pub tz: String,
    /// Leave out older items here, for interfaces that cannot.
    pub filter: bool,
}

impl Default for Since {
    fn default() -> Self {
        Since {
            path: None,
            counts: Counts::Time,
            from: Anchor::Records,
            start: None,
            look_back: Period(Duration::from_secs(300)),
            format: None,
            tz: "UTC".to_owned(),
            filter: false,
        }
    }
}

/// What `since` counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// Times.
    Time,
    /// Whole numbers that only grow.
    Number,
}

/// Where the next pull takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// At the highest value seen, never past the start of the pull that saw it.
    Records,
    /// At the time of the first request of the pull, by the clock of the peer where it gives one.
    Request,
}

/// How "changed since" is asked, checked.
#[derive(Debug, Clone)]
pub struct Changed {
    /// Where the value stands in a list item.
    pub path: Option<Path>,
    /// How values are read and written.
    pub counting: Counting,
    /// Where the next pull takes up.
    pub from: Anchor,
    /// Value for the first pull.
    pub start: Option<Moment>,
    /// Leave out older items here.
    pub filter: bool,
}

impl Changed {
    /// The value of `{since}` where a flow stands; `None` in a first pull that asks for everything.
    pub fn value(&self, standing: &Standing) -> Option<String> {
        let known = standing.since.map(|seen| self.counting.look_back(seen));
        known.or(self.start).map(|moment| self.counting.write(moment))
    }
}

impl Since {
    /// Checks what is written; every problem is told.
    pub fn check(self, issues: &mut Vec<Issue>) -> Option<Changed> {
        let mut wrong = |message: String, hint: &str| issues.push(unusable("since", message).hint(hint));
        let Since { path, counts, from, start, look_back, format, tz, filter } = self;
        let picked = path.as_deref().and_then(Path::parse);
        if let Some(path) = path.as_ref().filter(|_| picked.is_none()) {
            wrong(format!("`{path}` is not a path"), "write keys with `/` between them, as `meta/changed`");
        } else if picked.is_none() && (from == Anchor::Records || filter) {
            wrong(
                "`path` is missing: what do records count by?".to_owned(),
                "write `since = { path = \"updated_on\" }`",
            );
        }
        let counting = match (counts, TimeZone::get(&tz)) {
            (Counts::Number, _) => Counting::Numbers,
            (Counts::Time, Ok(zone)) => Counting::Times { form: format, zone, look_back: look_back.0 },
            (Counts::Time, Err(_)) => {
                wrong(format!("`{tz}` is not a time zone"), "write an IANA name, as `tz = \"Europe/Paris\"`");
                return None;
            }
        };
        if counts == Counts::Number && from == Anchor::Request {
            wrong("a request has no number".to_owned(), "write `from = \"records\"`");
        }
        // a form that cannot read what it wrote would lose its place
        let probe = Moment::Time(Timestamp::UNIX_EPOCH);
        if counts == Counts::Time && counting.read(&counting.write(probe)) != Some(probe) {
            wrong(
                "`format` cannot read the times it writes".to_owned(),
                "write one with date and time, as `%d/%m/%Y %H:%M:%S`",
            );
        }
        let first = start.as_deref().map(|text| counting.read(text));
        if first == Some(None) {
            wrong("`start` is not written as `format` says".to_owned(), "write `start = \"2020-01-01T00:00:00Z\"`");
        }
        Some(Changed { path: picked, counting, from, start: first.flatten(), filter })
    }
}

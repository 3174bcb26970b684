//! Where a flow stands: what it has seen, and the page it is in. Pure.

use guichet_sdk::Cursor;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::moment::Moment;

/// The cursor of this connector, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Everything up to here was seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<Moment>,
    /// What the list said of its version, where it is one page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<Version>,
    /// The pull under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<Run>,
}

/// What a list said of its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The request it answered: another one is asked without condition.
    pub of: String,
    /// `ETag`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
    /// `Last-Modified`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub modified: Option<String>,
}

/// A pull under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// When it started, by the clock of the peer where it gives one.
    pub start: Timestamp,
    /// The highest value seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reached: Option<Moment>,
    /// List items seen, of the pages before this one.
    pub read: u64,
    /// Pages read.
    pub pages: u64,
    /// List items there are in all, by the last page that said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total: Option<u64>,
    /// The page it is in.
    pub at: At,
    /// Items of this page that were given, and the digest of the page they were counted in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub given: Option<(u64, String)>,
    /// The page before, to notice one that comes again and again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<String>,
}

impl Run {
    /// A pull that starts.
    pub fn new(start: Timestamp, at: At) -> Self {
        Run { start, reached: None, read: 0, pages: 0, total: None, at, given: None, before: None }
    }
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// The first, without more ado.
    First,
    /// By its number.
    Number(u64),
    /// By the records before it.
    Offset(u64),
    /// By what the page before gave.
    Cursor(String),
    /// By its address.
    Url(String),
}

impl Standing {
    /// Reads a cursor; `None` for one that is not ours.
    pub fn read(cursor: &Cursor) -> Option<Self> {
        serde_json::from_str(&cursor.0).ok()
    }

    /// Writes it.
    pub fn write(&self) -> Cursor {
        // these types always have a JSON form; an empty cursor would only start again from the beginning
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let start = "2026-11-24T12:00:00Z".parse().unwrap();
        let run = Run { given: Some((3, "07".into())), ..Run::new(start, At::Cursor("x/ü".into())) };
        let version = Version { of: "01".into(), etag: Some("W/\"1\"".into()), modified: None };
        for standing in [
            Standing::default(),
            Standing { since: Some(Moment::Number(7)), version: Some(version), run: Some(run) },
            Standing { since: Some(Moment::Time(start)), version: None, run: None },
        ] {
            assert_eq!(Standing::read(&standing.write()), Some(standing));
        }
        for foreign in ["", "x", "[1]", "{\"file\":\"a\"}", "null"] {
            assert_eq!(Standing::read(&Cursor(foreign.into())), None, "{foreign}");
        }
    }
}

//! Settings as written by an integrator, read with *every* problem reported at once. Refuses unknown keys, and numbers without a unit.

use std::borrow::Cow;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::issue::{Code, Issue, Place};
pub use crate::size::Size;

/// A key the connector does not have.
pub const UNKNOWN: Code = Code("E140");
/// A value that cannot be used.
pub const UNUSABLE: Code = Code("E141");

/// Reads settings, or tells everything that is wrong with them. Issue paths are relative to the settings.
///
/// `T` must have a default for every key (check afterwards that the required ones are there): serde stops at its first
/// error, so each key is first read alone.
pub fn read<T: DeserializeOwned + JsonSchema>(settings: &Value) -> Result<T, Vec<Issue>> {
    let none = Map::new();
    let keys = match settings {
        Value::Null => &none,
        Value::Object(keys) => keys,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(vec![
                Issue::error(UNUSABLE, "settings are not a table").hint("write `[settings]` with `key = value` lines"),
            ]);
        }
    };
    let known = keys_of::<T>();
    let mut issues = Vec::new();
    for (key, value) in keys {
        if !known.contains(key) {
            issues.push(unknown(key, &known));
        } else if let Err(error) =
            serde_json::from_value::<T>(Value::Object(Map::from_iter([(key.clone(), value.clone())])))
        {
            issues.push(unusable(key, error.to_string()));
        }
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    serde_json::from_value(Value::Object(keys.clone())).map_err(|error| vec![Issue::error(UNUSABLE, error.to_string())])
}

/// An issue about the value of one setting.
pub fn unusable(key: &str, message: impl Into<String>) -> Issue {
    Issue::error(UNUSABLE, message).at(Place::default().path(key))
}

/// The word nearest to what was written, when it is near enough to be a typing mistake.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |word: &str| strsim::osa_distance(&written.to_lowercase(), &word.to_lowercase());
    let best = known.into_iter().min_by_key(|word| distance(word))?;
    (distance(best) <= 1 + written.chars().count() / 4).then_some(best)
}

fn unknown(key: &str, known: &[String]) -> Issue {
    let issue =
        Issue::error(UNKNOWN, format!("`{key}` is not a setting of this connector")).at(Place::default().path(key));
    match nearest(key, known.iter().map(String::as_str)) {
        Some(word) => issue.hint(format!("did you mean `{word}`?")),
        None => issue.hint(format!("known settings: `{}`", known.join("`, `"))),
    }
}

fn keys_of<T: JsonSchema>() -> Vec<String> {
    let schema = schemars::schema_for!(T).to_value();
    schema["properties"].as_object().map(|keys| keys.keys().cloned().collect()).unwrap_or_default()
}

/// A duration as text with its unit: `"500ms"`, `"2s"`, `"1h30m"`, `"3d"` (a day is 24 hours; longer units are refused,
/// because months and years have no fixed length).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        let span: Span = text.parse().ok()?;
        let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        Duration::try_from(length).ok().map(Period)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        value.as_str().and_then(Period::parse).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{value}` is not a duration; write a number with its unit, as \"30s\", \"5m\", \"1h30m\" or \"3d\""
            ))
        })
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^[0-9]", "examples": ["30s", "5m", "1h30m", "3d"] })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        folder: String,
        settle: Period,
        keep: bool,
    }

    impl Default for Sample {
        fn default() -> Self {
            Sample { folder: String::new(), settle: Period(Duration::from_secs(2)), keep: false }
        }
    }

    #[test]
    fn reads_what_is_there_and_defaults_the_rest() {
        let sample: Sample = read(&json!({ "folder": "in", "settle": "1m 30s" })).unwrap();
        assert_eq!(
            (sample.folder.as_str(), sample.settle, sample.keep),
            ("in", Period(Duration::from_secs(90)), false)
        );
        assert!(read::<Sample>(&Value::Null).is_ok());
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let issues = read::<Sample>(&json!({ "foldr": "in", "settle": 2, "keep": "yes", "colour": 1 })).unwrap_err();
        let said: Vec<_> = issues.iter().map(|issue| (issue.code.0, issue.place.path.as_deref().unwrap())).collect();
        assert_eq!(said, [("E140", "foldr"), ("E141", "settle"), ("E141", "keep"), ("E140", "colour")]);
        assert_eq!(issues[0].hint.as_deref(), Some("did you mean `folder`?"));
        assert!(issues[3].hint.as_deref().unwrap().starts_with("known settings:"));
    }

    #[test]
    fn durations_need_a_unit_and_are_not_negative() {
        assert_eq!(Period::parse("0s"), Some(Period(Duration::ZERO)));
        assert_eq!(Period::parse("250ms"), Some(Period(Duration::from_millis(250))));
        assert_eq!(Period::parse("3d"), Some(Period(Duration::from_secs(3 * 86_400))));
        for wrong in ["2", "", "-2s", "soon", "2 fortnights", "1 month", "1y"] {
            assert_eq!(Period::parse(wrong), None, "{wrong}");
        }
    }
}

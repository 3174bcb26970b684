//! The settings of a spool: as written, and checked. Pure; nobody is asked anything here.

use std::time::Duration;

use guichet_sdk::format::Shape;
use guichet_sdk::settings::{Period, read, unusable};
use guichet_sdk::{FlowSettings, Format, Issue};
use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of a flow that reads a spool.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Required. Where the spool listens: `spool.example.org:7070`.
    #[schemars(required)]
    pub address: Option<String>,
    /// For one question and its whole answer, the connection included; 30s when not written.
    pub timeout: Period,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { address: None, timeout: Period(Duration::from_secs(30)) }
    }
}

/// Checked settings: what the rest of the crate works with.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Where the spool listens.
    pub address: String,
    /// For one question and its whole answer.
    pub timeout: Duration,
    /// How records are written.
    pub format: Format,
}

/// Checks the settings of a flow; tells every problem at once.
pub fn check(flow: FlowSettings) -> Result<Intake, Vec<Issue>> {
    let Settings { address, timeout } = read(&flow.settings)?;
    let mut issues = Vec::new();
    let address = address.unwrap_or_default();
    let (host, port) = address.rsplit_once(':').unwrap_or_default();
    if host.is_empty() || port.parse::<u16>().is_err() {
        issues.push(
            unusable("address", "`address` is not a host and a port")
                .hint("write `address = \"spool.example.org:7070\"`"),
        );
    }
    if timeout.0.is_zero() {
        issues.push(unusable("timeout", "`timeout` is 0: nothing answers at once").hint("write `timeout = \"30s\"`"));
    }
    if flow.format.shape != Shape::Ndjson {
        issues.push(
            unusable("address", "a spool sends one JSON value per line, and the mapping expects something else")
                .hint("write `format = \"ndjson\"` in `[source]` of the mapping"),
        );
    }
    if issues.is_empty() { Ok(Intake { address, timeout: timeout.0, format: flow.format }) } else { Err(issues) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::format::Limits;
    use serde_json::{Value, json};

    use super::*;

    fn flow(settings: Value, shape: Shape) -> FlowSettings {
        let format = Format { shape, encoding: "utf-8".to_owned(), limits: Limits::default() };
        FlowSettings { source: "taxis".into(), flow: "licences".into(), settings, format, base: "/srv".into() }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let wrong = json!({ "address": "spool", "timeout": "0s" });
        let issues = check(flow(wrong, Shape::Json { record: String::new() })).unwrap_err();
        assert_eq!(issues.len(), 3, "{issues:?}");
        assert!(issues.iter().all(|issue| issue.hint.is_some()));
        assert!(check(flow(json!({ "address": "spool:0x7" }), Shape::Ndjson)).is_err());
    }

    #[test]
    fn an_address_is_enough() {
        let intake = check(flow(json!({ "address": "[::1]:7070" }), Shape::Ndjson)).unwrap();
        assert_eq!((intake.address.as_str(), intake.timeout), ("[::1]:7070", Duration::from_secs(30)));
    }
}

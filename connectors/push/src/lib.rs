//! The `push` connector: a source that pushes its records to the hub and cannot be asked for them.
//!
//! Everything of it is the hub's own (`POST /v1/inbound/{source}/{flow}`), so it has no settings and opens nothing.

use std::sync::Arc;

use guichet_sdk::{ConnectorKind, FlowSettings, Issue, Plan, ReceivesOnly};
use schemars::JsonSchema;
use serde::Deserialize;

/// `connector = "push"`.
pub struct PushKind;

/// It has no settings.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {}

impl ConnectorKind for PushKind {
    fn name(&self) -> &'static str {
        "push"
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(Settings).to_value()
    }

    fn plan(&self, flow: FlowSettings) -> Result<Arc<dyn Plan>, Vec<Issue>> {
        guichet_sdk::settings::read::<Settings>(&flow.settings)?;
        Ok(Arc::new(ReceivesOnly(None)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::Capability;
    use guichet_sdk::format::{Format, Limits, Shape};

    use super::*;

    fn flow(settings: serde_json::Value) -> FlowSettings {
        let format = Format { shape: Shape::Ndjson, encoding: "auto".into(), limits: Limits::default() };
        FlowSettings { source: "s".into(), flow: "f".into(), settings, format, base: ".".into() }
    }

    #[test]
    fn it_has_no_settings_and_cannot_be_asked() {
        let plan = PushKind.plan(flow(serde_json::json!({}))).unwrap();
        assert_eq!((plan.capability(), plan.claims()), (Capability::default(), vec![]));
        let issues = PushKind.plan(flow(serde_json::json!({ "url": "x" }))).err().unwrap();
        assert_eq!((issues[0].code.0, issues[0].place.path.as_deref()), ("E140", Some("url")));
    }
}

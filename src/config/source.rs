//! Checks a source and its flows.

use guichet_sdk::Registry;
use guichet_sdk::settings::nearest;

use super::checked::{FlowConfig, SourceConfig};
use super::checker::Checker;
use super::codes;
use super::flow::{self, Around};
use super::mappings::Mappings;
use super::secret::Secrets;
use super::service::texts;
use super::written::{FlowDefaults, SourceFile};
use crate::model::FlowName;

/// What sources are checked against.
pub struct World<'a> {
    /// Where secrets are kept.
    pub secrets: Secrets<'a>,
    /// Connector kinds.
    pub registry: &'a Registry,
    /// Mappings.
    pub mappings: &'a Mappings,
    /// Defaults of flows.
    pub defaults: &'a FlowDefaults,
    /// Languages of the hub.
    pub languages: &'a [String],
}

/// Checks the file of the source with this name.
pub fn check(
    name: &str,
    file: &SourceFile,
    world: &World<'_>,
    to: &mut Checker<'_>,
) -> (Option<SourceConfig>, Vec<FlowConfig>) {
    to.name(name, "source", &[]);
    texts(&file.source.title, world.languages, &["source", "title"], true, to);
    let connector = to.required(file.source.connector.as_ref(), &["source", "connector"], "connector = \"files\"");
    let kind = connector.and_then(|word| {
        let kind = world.registry.0.get(word.as_str());
        if kind.is_none() {
            let known: Vec<_> = world.registry.0.keys().copied().collect();
            let hint = match nearest(word, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known connectors: `{}`", known.join("`, `")),
            };
            to.error(&["source", "connector"], codes::CONNECTOR, format!("`{word}` is not a connector"), hint);
        }
        kind
    });
    if file.flows.is_empty() {
        to.required(None::<()>, &["flows"], "[flows.NAME]");
    }
    let around = Around {
        secrets: world.secrets,
        source: &file.source,
        kind,
        mappings: world.mappings,
        defaults: world.defaults,
    };
    let flows = file.flows.iter();
    let flows = flows.filter_map(|(flow, table)| flow::check(&FlowName::new(name, flow), table, &around, to)).collect();
    let source = connector.map(|connector| SourceConfig {
        name: name.to_owned(),
        title: file.source.title.clone(),
        connector: connector.clone(),
        epoch: file.source.epoch.unwrap_or(0),
    });
    (source, flows)
}

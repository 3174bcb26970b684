//! Checks the way back: what a service takes, who carries it out, and whether flow and mapping fit together.

use std::collections::BTreeMap;
use std::path::Path;

use guichet_sdk::Capability;
use guichet_sdk::settings::nearest;
use serde_json::Value;

use super::checked::FlowConfig;
use super::checker::Checker;
use super::codes;
use super::written::{CommandTable, Settings, WordOr};
use crate::mapping::Mapping;
use crate::model::{CommandRule, FlowName, PayloadSchema, Verb};

/// Who can carry out commands.
pub struct Carriers<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// Every flow that was found right.
    pub flows: &'a [FlowConfig],
}

/// Checks what a service takes.
pub fn check(
    tables: &BTreeMap<Verb, CommandTable>,
    carriers: &Carriers<'_>,
    to: &mut Checker<'_>,
) -> BTreeMap<Verb, CommandRule> {
    let mut rules = BTreeMap::new();
    for (verb, table) in tables {
        let path = ["commands", verb.word()];
        let carrier = to.required(table.to.as_ref(), &[path[0], path[1], "to"], "to = \"SOURCE/FLOW\"");
        let carrier = carrier.and_then(|name| carrier_of(*verb, name, carriers, to));
        let example = "schema = { type = \"object\" }";
        let schema = to.required(table.schema.as_ref(), &[path[0], path[1], "schema"], example);
        let schema = schema.and_then(|written| schema_of(*verb, written, carriers.root, to));
        if let (Some(to), Some(schema)) = (carrier, schema) {
            rules.insert(*verb, CommandRule { to, schema });
        }
    }
    rules
}

fn carrier_of(verb: Verb, name: &str, carriers: &Carriers<'_>, to: &mut Checker<'_>) -> Option<FlowName> {
    let path = ["commands", verb.word(), "to"];
    let known = || carriers.flows.iter().map(|flow| flow.name.to_string());
    let Some(flow) = carriers.flows.iter().find(|flow| flow.name.to_string() == name) else {
        let names: Vec<String> = known().collect();
        let hint = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write `SOURCE/FLOW`, as in `config/sources/SOURCE.toml` and its `[flows.FLOW]`".to_owned(),
        };
        to.error(&path, codes::NO_WAY, format!("there is no usable flow `{name}`"), hint);
        return None;
    };
    if !flow.plan.capability().commands.contains_key(verb.word()) {
        let message = format!("the flow `{name}` cannot carry out `{verb}`");
        let hint = format!("say how in its settings, as `[flows.{}.settings.commands.{verb}]`", flow.name.flow);
        to.error(&path, codes::NO_WAY, message, hint);
        return None;
    }
    Some(flow.name.clone())
}

fn schema_of(
    verb: Verb,
    written: &WordOr<String, Settings>,
    root: &Path,
    to: &mut Checker<'_>,
) -> Option<PayloadSchema> {
    let path = ["commands", verb.word(), "schema"];
    let value = match written {
        WordOr::Table(table) => Value::Object(table.clone()),
        WordOr::Word(name) => match beside(name, root) {
            Ok(value) => value,
            Err(what) => {
                let hint = "write the name of a JSON file in `config/services/`, or the schema itself";
                to.error(&path, codes::SCHEMA, format!("the schema `{name}` cannot be read: {what}"), hint);
                return None;
            }
        },
    };
    match PayloadSchema::new(value) {
        Ok(schema) => Some(schema),
        Err(what) => {
            let hint =
                "write a JSON Schema (draft 2020-12 unless `$schema` says otherwise); nothing outside it is fetched";
            to.error(&path, codes::SCHEMA, format!("the schema cannot be used: {what}"), hint);
            None
        }
    }
}

fn beside(name: &str, root: &Path) -> Result<Value, String> {
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Err("it is not the name of a file".to_owned());
    }
    let bytes = std::fs::read(root.join("config/services").join(name)).map_err(|error| error.kind().to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// Checks that a flow can carry out what its mapping translates, and the other way round.
pub fn fit(flow: &str, mapping: &Mapping, capability: &Capability, to: &mut Checker<'_>) {
    let translated: BTreeMap<Verb, Vec<&str>> = mapping.commands().collect();
    for (name, able) in &capability.commands {
        let path = ["flows", flow, "settings", "commands", name];
        let Some(verb) = Verb::parse(name) else {
            let hint = match nearest(name, Verb::WORDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are `{}`", Verb::WORDS.join("`, `")),
            };
            to.error(&path, codes::VERB, format!("`{name}` is not a verb of a command"), hint);
            continue;
        };
        let Some(values) = translated.get(&verb) else {
            let hint = format!("write `[commands.{verb}.fields]` in the mapping, or leave the verb out here");
            to.error(&path, codes::VERB, format!("the mapping of the flow does not translate `{verb}`"), hint);
            continue;
        };
        for value in able.values.iter().filter(|value| !values.contains(&value.as_str())) {
            let hint = format!("write `{value} = \"…\"` into `[commands.{verb}.values]` of the mapping");
            to.error(&path, codes::VERB, format!("`{{{value}}}` is not a value of the mapping"), hint);
        }
    }
    for verb in translated.keys().filter(|verb| !capability.commands.contains_key(verb.word())) {
        let hint = format!("write `[flows.{flow}.settings.commands.{verb}]`, as the connector's page says");
        let message = format!("the mapping translates `{verb}`, and the flow does not say how it is sent");
        to.warning(&["flows", flow, "mapping"], codes::VERB, message, hint);
    }
}

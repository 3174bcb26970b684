//! JSON Schemas of what a project's files hold, for editors: completion, and mistakes shown while typing.

use figment::value::Dict;
use guichet_sdk::Registry;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::DEFAULTS;
use super::file::File;
use super::written::{HubFile, ServiceFile, SourceFile};

/// A kind of file of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `config/guichet.toml`.
    Hub,
    /// `config/sources/NAME.toml`.
    Source,
    /// `config/services/CODE.toml`.
    Service,
    /// `mappings/**/mapping.toml`.
    Mapping,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [FileKind; 4] = [FileKind::Hub, FileKind::Source, FileKind::Service, FileKind::Mapping];

    /// Its word: `guichet`, `source`, `service`, `mapping`.
    pub const fn word(self) -> &'static str {
        match self {
            FileKind::Hub => "guichet",
            FileKind::Source => "source",
            FileKind::Service => "service",
            FileKind::Mapping => "mapping",
        }
    }
}

/// The schema of mapping files, written by hand: their leaves are expressions, which the compiler checks better.
const MAPPING: &str = include_str!("../../config/schema/mapping.json");

/// The schema of a kind of file; settings of sources are described by the connectors of the registry.
pub fn of(kind: FileKind, registry: &Registry) -> Value {
    match kind {
        FileKind::Hub => hub(),
        FileKind::Source => source(registry),
        FileKind::Service => written::<ServiceFile>("Guichet: a public service (config/services/CODE.toml)"),
        FileKind::Mapping => serde_json::from_str(MAPPING).unwrap_or_default(),
    }
}

fn written<T: JsonSchema>(title: &str) -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    schema["title"] = json!(title);
    schema
}

/// A project writes only what differs, so nothing is required, and every key tells its default.
fn hub() -> Value {
    let mut schema = written::<HubFile>("Guichet: the hub (config/guichet.toml)");
    forget_required(&mut schema);
    let defaults = File::parse("defaults", DEFAULTS).map(|file| file.values).unwrap_or_default();
    for (table, keys) in &defaults {
        let name = schema["properties"][table]["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/"));
        if let (Some(name), Some(keys)) = (name.map(str::to_owned), keys.as_dict()) {
            tell_defaults(&mut schema["$defs"][name]["properties"], keys);
        }
    }
    schema
}

fn tell_defaults(properties: &mut Value, keys: &Dict) {
    for (key, value) in keys {
        if let Some(property) = properties.get_mut(key) {
            property["default"] = serde_json::to_value(value).unwrap_or_default();
        }
    }
}

/// Settings depend on the connector, and may stand with the source or with a flow: nothing in them is required here.
fn source(registry: &Registry) -> Value {
    let mut schema = written::<SourceFile>("Guichet: a source and its flows (config/sources/NAME.toml)");
    let mut rules = Vec::new();
    for (name, kind) in &registry.0 {
        let reference = json!({ "$ref": format!("#/$defs/{name}") });
        rules.push(json!({
            "if": { "properties": { "source": { "properties": { "connector": { "const": name } } } } },
            "then": { "properties": {
                "source": { "properties": { "settings": reference } },
                "flows": { "additionalProperties": { "properties": { "settings": reference } } }
            } }
        }));
        embed(&mut schema["$defs"], name, kind.schema());
    }
    schema["$defs"]["SourceTable"]["properties"]["connector"]["enum"] = json!(registry.0.keys().collect::<Vec<_>>());
    schema["allOf"] = Value::Array(rules);
    schema
}

/// Puts a whole schema among the definitions of another, its own definitions renamed after it.
fn embed(definitions: &mut Value, name: &str, mut schema: Value) {
    forget_required(&mut schema);
    rename(&mut schema, name);
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
        let own = schema.remove("$defs");
        for (key, value) in own.as_ref().and_then(Value::as_object).into_iter().flatten() {
            definitions[format!("{name}.{key}")] = value.clone();
        }
    }
    definitions[name] = schema;
}

fn rename(schema: &mut Value, name: &str) {
    each_object(schema, &mut |object| {
        if let Some(Value::String(reference)) = object.get_mut("$ref") {
            *reference = reference.replace("#/$defs/", &format!("#/$defs/{name}."));
        }
    });
}

fn forget_required(schema: &mut Value) {
    each_object(schema, &mut |object| {
        if object.get("required").is_some_and(Value::is_array) {
            object.remove("required");
        }
    });
}

fn each_object(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            change(object);
            object.values_mut().for_each(|value| each_object(value, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| each_object(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

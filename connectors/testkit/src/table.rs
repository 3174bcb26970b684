//! The table of settings in a connector's page, generated from its schema and pinned by a test.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// The lines between which the table stands in a page.
const BEGIN: &str = "<!-- settings: generated from the schema -->";
const END: &str = "<!-- end of settings -->";

/// Compares the table in a page with the schema; `BLESS=1` rewrites the page instead.
pub fn pin(page: &Path, schema: &Value) -> Result<(), String> {
    let told = |what: String| format!("{}: {what}", page.display());
    let text = fs::read_to_string(page).map_err(|error| told(error.to_string()))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| told(format!("no lines `{BEGIN}` and `{END}`")))?;
    let wanted = format!("{before}{BEGIN}\n\n{}\n{END}{after}", table(schema));
    if text == wanted {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        return fs::write(page, wanted).map_err(|error| told(error.to_string()));
    }
    Err(told("the table is not what the schema says; run the test with `BLESS=1`".to_owned()))
}

/// Every setting of a schema with what it takes and what it means.
pub fn table(schema: &Value) -> String {
    let mut rows = String::from("| setting | takes | meaning |\n|---|---|---|\n");
    members(schema, schema, "", &mut rows);
    rows
}

fn members(root: &Value, schema: &Value, prefix: &str, rows: &mut String) {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in properties {
        // the word that tells variants apart stands in their name
        if property.get("const").is_none() {
            row(root, property, &format!("{prefix}{name}"), required.contains(&name.as_str()), rows);
        }
    }
}

fn row(root: &Value, property: &Value, name: &str, required: bool, rows: &mut String) {
    let schema = resolved(root, property);
    let meaning = [property, schema].iter().find_map(|schema| schema["description"].as_str()).unwrap_or_default();
    let must = if required { " (required)" } else { "" };
    let meaning = meaning.replace('|', "\\|").replace('\n', " ");
    rows.push_str(&format!("| `{name}`{must} | {} | {meaning} |\n", takes(root, schema)));
    nested(root, schema, name, rows);
}

fn nested(root: &Value, schema: &Value, name: &str, rows: &mut String) {
    members(root, schema, &format!("{name}."), rows);
    if schema["type"] == "array" {
        let items = resolved(root, &schema["items"]);
        members(root, items, &format!("{name}[]."), rows);
    }
    for variant in variants(schema) {
        let variant = resolved(root, variant);
        let properties: Vec<_> = variant["properties"].as_object().into_iter().flatten().collect();
        let tag = properties.iter().find_map(|(key, value)| Some(format!("{name}({key} = {}).", value.get("const")?)));
        match (&properties[..], tag) {
            // what it is chosen with needs no row of its own
            ([(key, value)], None) => nested(root, resolved(root, value), &format!("{name}.{key}"), rows),
            (_, tag) => members(root, variant, &tag.unwrap_or_else(|| format!("{name}.")), rows),
        }
    }
}

fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten()
}

/// What a setting takes, in a few words.
fn takes(root: &Value, schema: &Value) -> String {
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(example) = schema["examples"].as_array().and_then(|examples| examples.first()) {
        return format!("as `{example}`");
    }
    let mut words: Vec<_> = variants(schema).map(|variant| word(root, resolved(root, variant))).collect();
    words.retain(|word| word != "null");
    words.dedup();
    if words.is_empty() { word(root, schema) } else { words.join(", ") }
}

fn word(root: &Value, schema: &Value) -> String {
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    if schema["enum"].is_array() {
        return takes(root, schema);
    }
    match &schema["type"] {
        Value::String(kind) if kind == "object" => variant_name(schema),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect::<Vec<_>>().join(" or ")
        }
        _ => "table".to_owned(),
    }
}

/// A variant by what it is chosen with: `{ basic = … }`, `{ by = "page" }`.
fn variant_name(schema: &Value) -> String {
    let properties: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
    let tag = properties.iter().find_map(|(key, value)| Some(format!("`{{ {key} = {} }}`", value.get("const")?)));
    match (&properties[..], tag) {
        (_, Some(tag)) => tag,
        ([(key, _)], None) => format!("`{{ {key} = … }}`"),
        _ => "table".to_owned(),
    }
}

/// A schema behind its reference, or behind "this or nothing".
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(path) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        return root.pointer(path).map_or(schema, |found| resolved(root, found));
    }
    match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([one, null]) if null["type"] == "null" => resolved(root, one),
        _ => schema,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_setting_has_a_row() {
        let schema = json!({
            "properties": {
                "path": { "type": "string", "description": "Where." },
                "page": { "anyOf": [{ "$ref": "#/$defs/Page" }, { "type": "null" }] },
                "mode": { "enum": ["a", "b"] }
            },
            "required": ["path"],
            "$defs": { "Page": { "description": "How.", "oneOf": [
                { "type": "object", "properties": { "by": { "const": "link" } } },
                { "type": "object", "properties": { "by": { "const": "page" }, "size": { "type": ["integer", "null"] } } }
            ] } }
        });
        let rows: Vec<_> = table(&schema).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            rows,
            [
                "| `path` (required) | string | Where. |",
                "| `page` | `{ by = \"link\" }`, `{ by = \"page\" }` | How. |",
                "| `page(by = \"page\").size` | integer |  |",
                "| `mode` | `\"a\"`, `\"b\"` |  |",
            ]
        );
    }
}

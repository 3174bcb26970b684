//! Reads secrets from where their references point, and finds the references in the settings of any connector by its
//! schema. Refuses nothing but absence: a secret others can read is a warning.

use std::fs;
use std::path::{Path, PathBuf};

use guichet_sdk::{Issue, Place, Secret, SecretRef};
use serde_json::Value;

use super::codes;
use super::environment::Environment;

/// The places of secrets: the project's folder and the environment.
#[derive(Debug, Clone, Copy)]
pub struct Secrets<'a> {
    /// Folder against which files are read.
    pub root: &'a Path,
    /// Environment.
    pub environment: &'a Environment,
}

impl Secrets<'_> {
    /// The secret, and a warning when others can read it.
    pub fn read(&self, reference: &SecretRef) -> Result<(Secret, Option<Issue>), Issue> {
        match reference {
            SecretRef::Env(name) => match self.environment.get(name) {
                Some(value) if !value.is_empty() => Ok((Secret::new(value), None)),
                Some(_) => Err(absent(format!("the environment variable `{name}` is empty"))),
                None => Err(absent(format!("the environment variable `{name}` is not set"))),
            },
            SecretRef::File(path) => self.file(path),
        }
    }

    fn file(&self, path: &PathBuf) -> Result<(Secret, Option<Issue>), Issue> {
        let shown = path.display();
        let full = self.root.join(path);
        let text = fs::read_to_string(&full)
            .map_err(|error| absent(format!("the secret file `{shown}` cannot be read: {}", error.kind())))?;
        let secret = Secret::new(&text);
        if secret.expose().is_empty() {
            return Err(absent(format!("the secret file `{shown}` is empty")));
        }
        let warning = open_to_others(&full).then(|| {
            Issue::warning(codes::OPEN_SECRET, format!("others can read the secret file `{shown}`"))
                .at(Place::file(shown.to_string()))
                .hint(format!("run `chmod 600 {shown}`"))
        });
        Ok((secret, warning))
    }
}

fn absent(message: String) -> Issue {
    Issue::error(codes::NO_SECRET, message).hint("put the secret there, or point the reference elsewhere")
}

/// The references to secrets in settings, with their paths: what the schema of the connector says is one.
pub fn references(schema: &Value, settings: &Value) -> Vec<(String, SecretRef)> {
    let mut found = Vec::new();
    walk(schema, schema, settings, &mut Vec::new(), &mut found);
    found
}

fn walk(root: &Value, schema: &Value, value: &Value, path: &mut Vec<String>, found: &mut Vec<(String, SecretRef)>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        if name == "SecretRef" {
            let reference = serde_json::from_value(value.clone()).ok();
            found.extend(reference.map(|reference| (path.join("."), reference)));
        } else {
            walk(root, &root["$defs"][name], value, path, found);
        }
    }
    for either in ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema[*key].as_array()).flatten() {
        walk(root, either, value, path, found);
    }
    let inner: Vec<(String, &Value, &Value)> = match value {
        Value::Object(keys) => {
            let of = |key: &String| schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
            keys.iter().map(|(key, value)| (key.clone(), of(key), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, item)| (at.to_string(), &schema["items"], item)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, schema, value) in inner.into_iter().filter(|(_, schema, _)| schema.is_object()) {
        path.push(key);
        walk(root, schema, value, path, found);
        path.pop();
    }
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::JsonSchema;
    use serde_json::json;

    use super::*;

    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its schema is read")]
    struct Settings {
        url: String,
        auth: Option<Auth>,
        keys: Vec<SecretRef>,
        headers: BTreeMap<String, SecretRef>,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its schema is read")]
    #[serde(rename_all = "snake_case")]
    enum Auth {
        Basic { user: String, password: SecretRef },
        Bearer { token: SecretRef },
    }

    #[test]
    fn references_are_found_wherever_the_schema_has_one() {
        let schema = schemars::schema_for!(Settings).to_value();
        let settings = json!({
            "url": { "env": "NOT_A_SECRET" },
            "auth": { "basic": { "user": "u", "password": { "env": "P" } } },
            "keys": [{ "file": "k" }, "plain"],
            "headers": { "X-Key": { "env": "H" } }
        });
        let found: Vec<_> = references(&schema, &settings).into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, ["auth.basic.password", "keys.0", "headers.X-Key"]);
    }
}

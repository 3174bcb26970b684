//! Secrets: a type that prints `***`, and references to where one is kept. Refuses to be serialized or compared in the
//! open, and refuses a secret written in plain text.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use crate::issue::{Code, Issue, Place as At};

/// A secret value; `Debug` and `Display` print `***`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value; trailing line ends (files written by editors) are not part of it.
    pub fn new(value: &str) -> Self {
        Secret(SecretString::from(value.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is kept: `{ file = "…" }` or `{ env = "…" }`. Plain text is refused: configuration is copied, shown
/// and versioned, secrets are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// A file holding nothing else; relative to the project.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

impl SecretRef {
    /// What is said about a secret in plain text.
    pub const PLAIN: &str = "a secret is written in plain text";
    /// A secret that is not where its reference points.
    pub const ABSENT: Code = Code("E316");
    const HINT: &str = "write `{ file = \"path\" }` or `{ env = \"VARIABLE\" }`";
}

impl SecretRef {
    /// Reads the secret, relative files against `base`. The one look at the world in this crate: every connector opens
    /// with it, at each open, so that a rotated secret is taken up by a reopen.
    pub fn read(&self, base: &Path) -> Result<Secret, Issue> {
        let (text, shown) = match self {
            SecretRef::Env(name) => (std::env::var(name).ok(), format!("the environment variable `{name}`")),
            SecretRef::File(path) => {
                (std::fs::read_to_string(base.join(path)).ok(), format!("the file `{}`", path.display()))
            }
        };
        let secret = text.map(|text| Secret::new(&text)).filter(|secret| !secret.expose().is_empty());
        secret.ok_or_else(|| {
            let issue =
                Issue::error(SecretRef::ABSENT, format!("{shown} holds no secret: absent, unreadable or empty"));
            let place = match self {
                SecretRef::Env(_) => At::default(),
                SecretRef::File(path) => At::file(path.display().to_string()),
            };
            issue.at(place).hint("put the secret there, readable by the hub, or point the reference elsewhere")
        })
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reference)
    }
}

struct Reference;

impl Reference {
    fn plain<E: de::Error>() -> E {
        E::custom(format!("{}; {}", SecretRef::PLAIN, SecretRef::HINT))
    }
}

impl<'de> Visitor<'de> for Reference {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference to a secret")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(Reference::plain())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(Reference::plain())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretRef, E> {
        Err(Reference::plain())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(Reference::plain())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(Reference::plain())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(Reference::plain())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let ambiguous = || de::Error::custom(format!("a secret needs one place; {}", SecretRef::HINT));
        let reference = match map.next_key::<Place>()? {
            Some(Place::File) => SecretRef::File(map.next_value()?),
            Some(Place::Env) => SecretRef::Env(map.next_value()?),
            None => return Err(ambiguous()),
        };
        match map.next_entry::<Place, IgnoredAny>()? {
            None => Ok(reference),
            Some(_) => Err(ambiguous()),
        }
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Place {
    File,
    Env,
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = |key: &str, what: &str| {
            serde_json::json!({
                "type": "object",
                "properties": { key: { "type": "string", "description": what } },
                "required": [key],
                "additionalProperties": false
            })
        };
        json_schema!({
            "description": "Where a secret is kept; never the secret itself.",
            "oneOf": [one("file", "A file holding nothing else; relative to the project."), one("env", "An environment variable.")]
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_never_shows() {
        let secret = Secret::new("s3cret\n");
        assert_eq!((secret.expose(), format!("{secret} {secret:?}").as_str()), ("s3cret", "*** ***"));
    }

    #[test]
    fn an_absent_secret_is_told_by_its_place() {
        let absent = SecretRef::Env("GUICHET_TEST_NO_SUCH_SECRET".into()).read(Path::new("/")).unwrap_err();
        assert!(absent.message.contains("GUICHET_TEST_NO_SUCH_SECRET"), "{absent}");
        let absent = SecretRef::File("no/such".into()).read(Path::new("/")).unwrap_err();
        assert_eq!((absent.code, absent.place.file.as_deref()), (SecretRef::ABSENT, Some("no/such")));
    }

    #[test]
    fn references_are_read_and_plain_text_is_refused_without_being_repeated() {
        let read = |value| serde_json::from_value::<SecretRef>(value).map_err(|error| error.to_string());
        assert_eq!(read(json!({ "file": "secrets/key" })), Ok(SecretRef::File("secrets/key".into())));
        assert_eq!(read(json!({ "env": "KEY" })), Ok(SecretRef::Env("KEY".into())));
        for plain in [json!("hunter2"), json!(42), json!(true), json!(["hunter2"])] {
            let message = read(plain).unwrap_err();
            assert!(message.starts_with(SecretRef::PLAIN) && !message.contains("hunter2"), "{message}");
        }
        assert!(read(json!({})).unwrap_err().contains("needs one place"));
        assert!(read(json!({ "env": "KEY", "file": "key" })).unwrap_err().contains("needs one place"));
        assert!(read(json!({ "enw": "KEY" })).unwrap_err().contains("unknown"));
    }
}

//! Texts with bindings: `>={since}`, `/issues/{id}.json`. Pure. Values are put in as values: whoever places the result
//! (a query pair, a path segment, a JSON string) encodes it, so that no value can become syntax.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use crate::slots::{self, cut};

/// A name that can stand between braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Binding {
    /// From where on records are asked for.
    Since,
    /// The number of the page.
    Page,
    /// Records to pass over.
    Offset,
    /// Records of a page.
    Size,
    /// What the page before gave to get this one.
    Cursor,
    /// The id of a list item.
    Id,
}

const BINDINGS: [(&str, Binding); 6] = [
    ("since", Binding::Since),
    ("page", Binding::Page),
    ("offset", Binding::Offset),
    ("size", Binding::Size),
    ("cursor", Binding::Cursor),
    ("id", Binding::Id),
];

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = BINDINGS.iter().find(|(_, binding)| binding == self).map_or("", |(name, _)| name);
        write!(f, "{{{name}}}")
    }
}

/// A text with bindings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Bound(Binding),
}

impl Template {
    /// Reads a text; `{{` and `}}` are braces.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pieces = cut(text)?.into_iter().map(|piece| match piece {
            slots::Piece::Text(text) => Ok(Piece::Text(text)),
            slots::Piece::Name(name) => {
                let binding = BINDINGS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                    let known = BINDINGS.map(|(known, _)| format!("`{{{known}}}`")).join(", ");
                    format!("`{{{name}}}` is not a binding; there are {known}")
                })?;
                Ok(Piece::Bound(binding.1))
            }
        });
        pieces.collect::<Result<_, String>>().map(Template)
    }

    /// The bindings it holds.
    pub fn bindings(&self) -> impl Iterator<Item = Binding> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Bound(binding) => Some(*binding),
            Piece::Text(_) => None,
        })
    }

    /// The text with its values; `None` where one of them has no value (yet).
    pub fn fill<'a>(&self, value: impl Fn(Binding) -> Option<Cow<'a, str>>) -> Option<String> {
        self.0.iter().try_fold(String::new(), |mut filled, piece| {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Bound(binding) => filled.push_str(&value(*binding)?),
            }
            Some(filled)
        })
    }

    /// The binding, where the text is nothing else.
    pub fn only(&self) -> Option<Binding> {
        match self.0[..] {
            [Piece::Bound(binding)] => Some(binding),
            _ => None,
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Bound(binding) => write!(f, "{binding}"),
        })
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(from)? {
            Value::String(text) => text,
            // `limit = 100`
            number @ (Value::Number(_) | Value::Bool(_)) => number.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(D::Error::custom("a text or a number is expected"));
            }
        };
        Template::parse(&text).map_err(D::Error::custom)
    }
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Text with bindings in braces.",
            "type": ["string", "number", "boolean"],
            "examples": [">={since}", "{page}", 100]
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Option<String> {
        let value = |binding| match binding {
            Binding::Since => Some("2026".into()),
            Binding::Id => Some("../x".into()),
            Binding::Page | Binding::Offset | Binding::Size | Binding::Cursor => None,
        };
        Template::parse(text).unwrap().fill(value)
    }

    #[test]
    fn values_go_where_their_names_stand() {
        assert_eq!(filled(">={since}").as_deref(), Some(">=2026"));
        assert_eq!(filled("{since}{id}").as_deref(), Some("2026../x"));
        assert_eq!(filled("{{since}} 100 %").as_deref(), Some("{since} 100 %"));
        assert_eq!(filled("").as_deref(), Some(""));
        assert_eq!(filled("x{page}"), None);
    }

    #[test]
    fn what_is_not_a_binding_is_told() {
        for wrong in ["{", "}", "a}b", "{since", "{Since}", "{}", "{sinc}"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Template::parse("{sinc}").unwrap_err().contains("`{since}`"));
        let template: Template = serde_json::from_str("100").unwrap();
        assert_eq!((template.fill(|_| None).as_deref(), template.only()), (Some("100"), None));
    }
}

//! Layers of one kind of file (defaults ← project ← environment), read with *every* mistake reported.
//!
//! serde stops at its first error, so what is wrong is reported, taken out of the topmost layer that says it, and the
//! rest is read again: a layer below may then answer, and the next mistake shows. Bounded by [`MISTAKES`].

use figment::error::Kind;
use figment::providers::Serialized;
use figment::value::{Dict, Value};
use figment::{Figment, Profile};
use guichet_sdk::settings::nearest;
use guichet_sdk::{Issue, Place, SecretRef};
use serde::de::DeserializeOwned;

use super::codes;
use super::environment::Environment;
use super::file::{End, File};
use super::report::Report;

/// Most mistakes looked for in one file; above it the reader has seen enough.
const MISTAKES: usize = 500;

/// Where a layer comes from.
enum Origin<'a> {
    File(&'a File),
    Environment(&'a Environment),
}

/// Layers, lowest first.
pub struct Layers<'a> {
    layers: Vec<(Origin<'a>, Dict)>,
}

impl<'a> Layers<'a> {
    /// One file, its defaults first.
    pub fn of(files: &[&'a File]) -> Self {
        Layers { layers: files.iter().map(|file| (Origin::File(file), file.values.clone())).collect() }
    }

    /// The environment above the files.
    pub fn and(mut self, environment: &'a Environment) -> Self {
        self.layers.extend(environment.settings().map(|dict| (Origin::Environment(environment), dict)));
        self
    }

    /// Reads the layers as a type; every mistake goes to the report. `None` only when what is left still cannot be read.
    pub fn read<T: DeserializeOwned>(&mut self, report: &mut Report) -> Option<T> {
        for _ in 0..MISTAKES {
            let error = match self.merged().extract::<T>() {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            report.push(self.issue(&error));
            if !self.take_out(&error.path) {
                return None;
            }
        }
        None
    }

    /// The place of a path in the topmost layer that says something there.
    pub fn place(&self, path: &[String], end: End) -> Place {
        let said = self.layers.iter().rev().find(|(_, values)| find(values, path).is_some());
        let file = || self.layers.iter().rev().find(|(origin, _)| matches!(origin, Origin::File(_)));
        match said.or_else(file) {
            Some((Origin::File(file), _)) => file.place(path, end),
            Some((Origin::Environment(environment), _)) => environment.place(path),
            None => Place::default(),
        }
    }

    /// Whether a layer says something at a path.
    pub fn has(&self, path: &[String]) -> bool {
        self.layers.iter().any(|(_, values)| find(values, path).is_some())
    }

    fn merged(&self) -> Figment {
        self.layers.iter().fold(Figment::new(), |merged, (_, values)| {
            merged.merge(Serialized::from(values.clone(), Profile::Default))
        })
    }

    fn take_out(&mut self, path: &[String]) -> bool {
        self.layers.iter_mut().rev().any(|(_, values)| remove(values, path))
    }

    fn issue(&self, error: &figment::Error) -> Issue {
        let path = &error.path;
        let key = path.last().map_or("", String::as_str);
        let value = |issue: Issue| issue.at(self.place(path, End::Value));
        match &error.kind {
            Kind::UnknownField(name, known) => {
                let message = format!("`{name}` is not a key of `{}`", path[..path.len().saturating_sub(1)].join("."));
                let message = if path.len() < 2 { format!("`{name}` is not a key of this file") } else { message };
                Issue::error(codes::UNKNOWN_KEY, message)
                    .at(self.place(path, End::Key))
                    .hint(meant(name, known, "keys"))
            }
            Kind::UnknownVariant(name, known) => {
                let message = format!("`{name}` is not a word of `{key}`");
                value(Issue::error(codes::UNUSABLE, message).hint(meant(name, known, "words")))
            }
            Kind::MissingField(name) => {
                let message = format!("`{name}` is missing");
                value(Issue::error(codes::MISSING, message).hint(format!("add `{name} = …`")))
            }
            Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
                let (expected, hint) = expectation(key, expected);
                let message = format!("`{key}` is {} where {expected} is expected", kind(actual));
                value(Issue::error(codes::UNUSABLE, message).hint(hint))
            }
            Kind::Message(text) => {
                let (message, hint) = text.split_once("; ").unwrap_or((text, ""));
                let code = if message == SecretRef::PLAIN { codes::PLAIN_SECRET } else { codes::UNUSABLE };
                let issue = value(Issue::error(code, format!("`{key}`: {message}")));
                if hint.is_empty() { issue } else { issue.hint(hint) }
            }
            Kind::InvalidLength(..)
            | Kind::DuplicateField(_)
            | Kind::ISizeOutOfRange(_)
            | Kind::USizeOutOfRange(_)
            | Kind::Unsupported(_)
            | Kind::UnsupportedKey(..) => value(Issue::error(codes::UNUSABLE, format!("`{key}`: {}", error.kind))),
        }
    }
}

/// The value at a path.
fn find<'v>(values: &'v Dict, path: &[String]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(values.get(first)?, |value, part| match value {
        Value::Dict(_, dict) => dict.get(part),
        Value::Array(_, items) => items.get(part.parse::<usize>().ok()?),
        Value::String(..) | Value::Char(..) | Value::Bool(..) | Value::Num(..) | Value::Empty(..) => None,
    })
}

/// Removes the key at a path; an item of a list goes with its whole list, so that other items keep their places.
fn remove(values: &mut Dict, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let Some(next) = rest.first() else { return values.remove(first).is_some() };
    match values.get_mut(first) {
        Some(Value::Dict(_, dict)) => remove(dict, rest),
        Some(Value::Array(_, items)) => {
            let item = next.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            match item {
                Some(Value::Dict(_, dict)) if rest.len() > 1 => remove(dict, &rest[1..]),
                Some(_) => values.remove(first).is_some(),
                None => false,
            }
        }
        // the mistake is inside a value given whole (`{ … }` in a variable): the value goes
        Some(_) => values.remove(first).is_some(),
        None => false,
    }
}

fn meant(written: &str, known: &[&str], what: &str) -> String {
    match nearest(written, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known {what}: `{}`", known.join("`, `")),
    }
}

/// A kind of value in words, without the value.
fn kind(actual: &figment::error::Actual) -> &'static str {
    use figment::error::Actual;
    match actual {
        Actual::Bool(_) => "a boolean",
        Actual::Unsigned(_) | Actual::Signed(_) => "a number",
        Actual::Float(_) => "a number with a point",
        Actual::Char(_) | Actual::Str(_) => "text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        Actual::Unit | Actual::Option => "empty",
        Actual::Bytes(_)
        | Actual::NewtypeStruct
        | Actual::Enum
        | Actual::UnitVariant
        | Actual::NewtypeVariant
        | Actual::TupleVariant
        | Actual::StructVariant
        | Actual::Other(_) => "something else",
    }
}

/// What serde calls what it expects, in words, and how to write it.
fn expectation(key: &str, expected: &str) -> (String, String) {
    let said = |words: &str, hint: String| (words.to_owned(), hint);
    let number =
        |from: &str| expected.strip_prefix(from).is_some_and(|rest| rest == "size" || rest.parse::<u8>().is_ok());
    match expected {
        "a string" => said("text", format!("write it in quotes: `{key} = \"…\"`")),
        "a boolean" => said("true or false", format!("write `{key} = true` or `{key} = false`, without quotes")),
        "a sequence" => said("a list", format!("write a list: `{key} = [\"…\"]`")),
        "a map" => said("a table", format!("write a table: `{key} = {{ … }}`")),
        _ if expected.starts_with("struct ") => said("a table", format!("write a table: `{key} = {{ … }}`")),
        _ if number("u") => said("a whole number from 0", format!("write a number without quotes: `{key} = 10`")),
        _ if number("i") => said("a whole number", format!("write a number without quotes: `{key} = 10`")),
        _ if number("f") => said("a number", format!("write a number without quotes: `{key} = 0.5`")),
        _ => said(expected, format!("write {expected}")),
    }
}

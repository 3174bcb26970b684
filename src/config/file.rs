//! A TOML file with the place of everything in it: parsed once into values (for figment) and spots (for messages).
//! Refuses nothing by itself: syntax errors are issues, and such a file gives no values.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use figment::value::{Dict, Num, Value};
use guichet_sdk::{Issue, Place};
use toml::de::{DeTable, DeValue};

use super::codes;

/// A file of the project.
#[derive(Debug, Clone)]
pub struct File {
    /// Name relative to the project, as shown.
    pub name: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// What it says.
    pub values: Dict,
    spot: Spot,
}

/// Where a key and its value stand, in bytes.
#[derive(Debug, Clone, Default)]
struct Spot {
    key: Range<usize>,
    value: Range<usize>,
    children: BTreeMap<String, Spot>,
}

/// Which end of `key = value` a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl File {
    /// Parses a file, or tells every syntax error.
    pub fn parse(name: &str, text: &str) -> Result<File, Vec<Issue>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors.iter().map(|error| syntax(name, text, error)).collect());
        }
        let mut spot = Spot::default();
        let values = dict(table.get_ref(), &mut spot);
        Ok(File { name: name.into(), text: text.into(), values, spot })
    }

    /// The place of a path; where the path goes further than the file, its deepest part that is there.
    pub fn place(&self, path: &[String], end: End) -> Place {
        let (spot, whole) = self.deepest(path);
        let end = if whole { end } else { End::Key };
        let offset = match end {
            End::Key => spot.key.start,
            End::Value => spot.value.start,
        };
        at(&self.name, &self.text, offset).path(path.join("."))
    }

    fn deepest(&self, path: &[String]) -> (&Spot, bool) {
        let mut spot = &self.spot;
        for part in path {
            match spot.children.get(part) {
                Some(child) => spot = child,
                None => return (spot, false),
            }
        }
        (spot, true)
    }
}

/// A place by its offset in bytes.
pub fn at(name: &str, text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() as u64 + 1;
    Place::file(name).at(line, column)
}

fn syntax(name: &str, text: &str, error: &toml::de::Error) -> Issue {
    let place = at(name, text, error.span().map_or(0, |span| span.start));
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    Issue::error(codes::SYNTAX, message)
        .at(place)
        .hint("text stands in quotes, tables in `[brackets]`; see https://toml.io")
}

fn dict(table: &DeTable<'_>, spot: &mut Spot) -> Dict {
    let entry = |(key, value): (&toml::Spanned<std::borrow::Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
        let mut child = Spot { key: key.span(), value: value.span(), children: BTreeMap::new() };
        let converted = convert(value.get_ref(), &mut child);
        spot.children.insert(key.get_ref().to_string(), child);
        (key.get_ref().to_string(), converted)
    };
    table.iter().map(entry).collect()
}

fn convert(value: &DeValue<'_>, spot: &mut Spot) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(yes) => Value::from(*yes),
        // a number too large for its type stays text, and is refused where a number is expected
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::from(number.to_string()), |n| Value::from(Num::I64(n))),
        DeValue::Float(number) => {
            number.as_str().parse::<f64>().map_or_else(|_| Value::from(number.to_string()), Value::from)
        }
        // a date without quotes reads as the text it is written as
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(items) => {
            let item = |(index, item): (usize, &toml::Spanned<DeValue<'_>>)| {
                let mut child = Spot { key: item.span(), value: item.span(), children: BTreeMap::new() };
                let converted = convert(item.get_ref(), &mut child);
                spot.children.insert(index.to_string(), child);
                converted
            };
            Value::from(items.iter().enumerate().map(item).collect::<Vec<_>>())
        }
        DeValue::Table(table) => Value::from(dict(table, spot)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn place(text: &str, path: &str, end: End) -> String {
        let path: Vec<_> = path.split('.').map(str::to_owned).collect();
        File::parse("f.toml", text).unwrap().place(&path, end).to_string()
    }

    #[test]
    fn everything_has_its_place() {
        let text =
            "[flows.dossiers]\nmapping = 'a/b'\nschedule = { every = '3 moons' }\nordre = 1\n[[steps]]\ncode = 'é'\n";
        assert_eq!(
            place(text, "flows.dossiers.schedule.every", End::Value),
            "f.toml:3:22 `flows.dossiers.schedule.every`"
        );
        assert_eq!(place(text, "flows.dossiers.ordre", End::Key), "f.toml:4:1 `flows.dossiers.ordre`");
        assert_eq!(place(text, "flows.dossiers.order", End::Value), "f.toml:1:8 `flows.dossiers.order`");
        assert_eq!(place(text, "steps.0.code", End::Value), "f.toml:6:8 `steps.0.code`");
        assert_eq!(place("a = 'x' # é\n'ö' = { k = 1 }", "ö.k", End::Value), "f.toml:2:13 `ö.k`");
    }

    #[test]
    fn every_syntax_error_is_told() {
        let issues = File::parse("f.toml", "a = \nb = 1\nc = 'x\nd = 2\n").unwrap_err();
        let lines: Vec<_> = issues.iter().filter_map(|issue| issue.place.line).collect();
        assert!(lines.contains(&1) && lines.contains(&3), "{issues:?}");
    }

    #[test]
    fn values_keep_their_meaning() {
        let file = File::parse("f.toml", "n = 0x10\nd = 2026-01-02\nx = 1e400\nl = [1, 'a']").unwrap();
        assert_eq!(file.values["n"].to_i128(), Some(16));
        assert_eq!(file.values["d"].as_str(), Some("2026-01-02"));
        assert_eq!(file.values["l"].as_array().map(<[Value]>::len), Some(2));
    }
}

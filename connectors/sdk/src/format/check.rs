//! Checks a format before any record is there: what could never work is told at start, every problem at once.

use super::charset::{self, Charset};
use super::{Format, Shape, Terminator};
use crate::issue::{Code, Issue, Place};

const IMPOSSIBLE: Code = Code("E105");

impl Format {
    /// Everything that keeps this format from working; places are paths below `[source]` of a mapping (`record`).
    pub fn check(&self) -> Vec<Issue> {
        let mut issues = match &self.shape {
            Shape::Xml { record, namespaces, .. } => xml(record, namespaces),
            Shape::Csv { delimiter, quote, columns, terminator, .. } => {
                csv(*delimiter, *quote, columns, terminator.as_ref())
            }
            Shape::Fixed { fields, terminator, .. } => {
                let names = repeated(fields.iter().map(|field| field.name.as_str()), "fields");
                let nowhere = fields.iter().filter(|field| field.start == 0 || field.width == 0).map(|field| {
                    impossible("fields", format!("field `{}` needs a start and a width, both from 1", field.name))
                });
                names.into_iter().chain(nowhere).chain(ends(terminator.as_ref())).collect()
            }
            Shape::Json { .. } | Shape::Ndjson => Vec::new(),
        };
        if !matches!(self.encoding.as_str(), "" | "auto") && Charset::named(&self.encoding).is_none() {
            issues.push(charset::unknown(&self.encoding).at(Place::default().path("encoding")));
        }
        issues
    }
}

fn impossible(path: &str, message: impl Into<String>) -> Issue {
    Issue::error(IMPOSSIBLE, message).at(Place::default().path(path))
}

fn xml(record: &str, namespaces: &[(String, String)]) -> Vec<Issue> {
    let mut issues = repeated(namespaces.iter().map(|(_, uri)| uri.as_str()), "namespaces");
    let prefix = record.split_once(':').map(|(prefix, _)| prefix);
    if let Some(prefix) = prefix.filter(|prefix| namespaces.iter().all(|(known, _)| known != prefix)) {
        issues.push(
            undeclared_record(record)
                .at(Place::default().path("record"))
                .hint(format!("declare it: `namespaces = {{ {prefix} = \"…\" }}` with the URI the files declare")),
        );
    }
    issues
}

/// The issue of a record boundary whose prefix the mapping does not declare.
pub(crate) fn undeclared_record(record: &str) -> Issue {
    Issue::error(IMPOSSIBLE, format!("the prefix of `record = \"{record}\"` is not declared"))
        .hint("declare it under `namespaces` in `[source]` of the mapping")
}

fn csv(delimiter: u8, quote: Option<u8>, columns: &[String], terminator: Option<&Terminator>) -> Vec<Issue> {
    let mut issues = repeated(columns.iter().map(String::as_str), "columns");
    let usable = |byte: u8| byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0);
    if !usable(delimiter) {
        issues.push(
            impossible("delimiter", "a delimiter is one ASCII character, no line end")
                .hint("write `\";\"` or `\"\\t\"`"),
        );
    }
    if quote.is_some_and(|quote| !usable(quote) || quote == delimiter) {
        let issue = impossible("quote", "a quote is one ASCII character other than the delimiter");
        issues.push(issue.hint("write `'\"'`, or `\"\"` if the source does not quote"));
    }
    issues.extend(ends(terminator));
    issues
}

fn ends(terminator: Option<&Terminator>) -> Option<Issue> {
    let empty = terminator.is_some_and(|terminator| terminator.text.is_empty());
    empty.then(|| impossible("terminator", "a terminator cannot be empty").hint("leave it out if lines end in nothing"))
}

/// Names that are empty or given twice.
fn repeated<'a>(names: impl Iterator<Item = &'a str> + Clone, path: &str) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (at, name) in names.clone().enumerate() {
        if path != "namespaces" && name.trim().is_empty() {
            issues.push(impossible(path, format!("entry {} of `{path}` has no name", at + 1)));
        } else if names.clone().take(at).any(|other| other == name) {
            issues.push(impossible(path, format!("`{name}` stands twice in `{path}`")).hint("give each its own"));
        }
    }
    issues
}

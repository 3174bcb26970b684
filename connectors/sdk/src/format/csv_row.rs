//! Delimited text: splitting one row into its fields.

use std::borrow::Cow;

use memchr::memchr;

use super::{Shape, Terminator};
use crate::issue::{Code, Issue};

/// How fields are told apart.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    pub(crate) terminator: Option<Terminator>,
}

impl Dialect {
    pub(crate) fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Csv { delimiter, quote, terminator, .. } => {
                Dialect { delimiter: *delimiter, quote: *quote, terminator: terminator.clone() }
            }
            Shape::Xml { .. } | Shape::Json { .. } | Shape::Ndjson | Shape::Fixed { .. } => {
                Dialect { delimiter: b',', quote: None, terminator: None }
            }
        }
    }
}

impl Terminator {
    /// Why this line is broken: it should end in the terminator and does not.
    pub(crate) fn flaw(&self, line: &[u8]) -> Option<Issue> {
        let due = self.starts.is_empty() || self.starts.iter().any(|start| line.starts_with(start.as_bytes()));
        (due && !line.ends_with(self.text.as_bytes())).then(|| {
            Issue::error(Code("E115"), format!("the line does not end in `{}`: it was cut short", self.text))
                .hint("ask the source for the whole file, or correct `terminator`")
        })
    }

    /// The line without its terminator.
    pub(crate) fn strip<'a>(&self, line: &'a str) -> &'a str {
        line.strip_suffix(self.text.as_str()).unwrap_or(line)
    }
}

/// The fields of a row.
pub(crate) fn fields<'a>(row: &'a str, dialect: &Dialect) -> Vec<Cow<'a, str>> {
    let mut all = Vec::new();
    each_field(row, dialect, |field| all.push(field));
    all
}

/// Calls `with` for each field of a row.
pub(crate) fn each_field<'a>(row: &'a str, dialect: &Dialect, mut with: impl FnMut(Cow<'a, str>)) {
    let row = dialect.terminator.as_ref().map_or(row, |terminator| terminator.strip(row));
    let mut at = 0;
    loop {
        let rest = &row[at..];
        let (field, length) = match dialect.quote {
            Some(quote) if rest.as_bytes().first() == Some(&quote) => quoted(rest, quote, dialect.delimiter),
            Some(_) | None => {
                let length = memchr(dialect.delimiter, rest.as_bytes()).unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..length]), length)
            }
        };
        with(field);
        at += length;
        if at >= row.len() {
            return;
        }
        at += 1;
    }
}

/// A quoted field and its length in the row, quotes included; doubled quotes become one.
fn quoted(rest: &str, quote: u8, delimiter: u8) -> (Cow<'_, str>, usize) {
    let bytes = rest.as_bytes();
    let mut text = Cow::Borrowed("");
    let mut at = 1;
    loop {
        let end = memchr(quote, &bytes[at..]).map_or(bytes.len(), |found| at + found);
        text += &rest[at..end];
        if bytes.get(end + 1) != Some(&quote) {
            let close = (end + 1).min(bytes.len());
            // Text after the closing quote: the cutter refuses such rows, a reader given one keeps what is written.
            let length = memchr(delimiter, &bytes[close..]).map_or(bytes.len(), |found| close + found);
            text += &rest[close..length];
            return (text, length);
        }
        text += &rest[end..=end];
        at = end + 2;
    }
}

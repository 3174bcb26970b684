//! Tests of framing and reading: data through a few functions that cut and read whole inputs.
#![allow(clippy::unwrap_used)]

mod check;
mod csv;
mod encodings;
mod fixed;
mod json;
mod properties;
mod real;
mod walk;
mod xml;

use std::fmt::Write;

use super::*;
use crate::document::Node;
use crate::record::Record;

pub(crate) fn format(shape: Shape) -> Format {
    Format { shape, encoding: "auto".into(), limits: Limits::default() }
}

pub(crate) fn csv(delimiter: u8) -> Format {
    format(Shape::Csv { delimiter, quote: Some(b'"'), header: 1, columns: vec![], ragged: false, terminator: None })
}

pub(crate) fn xml(record: &str) -> Format {
    format(Shape::Xml { record: record.into(), namespaces: vec![], raw: vec![] })
}

/// Everything a framer finds in these bytes, pushed in chunks of a size.
pub(crate) fn cut_in(format: &Format, bytes: &[u8], chunk: usize) -> (Vec<Cut>, Option<Issue>, Vec<Issue>) {
    drain(&mut Framer::new(format, "file".into(), 7), bytes, chunk)
}

pub(crate) fn drain(framer: &mut Framer, bytes: &[u8], chunk: usize) -> (Vec<Cut>, Option<Issue>, Vec<Issue>) {
    let mut cuts = Vec::new();
    let mut chunks = bytes.chunks(chunk);
    loop {
        match framer.next() {
            Ok(Some(cut)) => cuts.push(cut),
            Ok(None) => match chunks.next() {
                Some(chunk) => framer.push(chunk),
                None => break,
            },
            Err(issue) => return (cuts, Some(issue), framer.notices()),
        }
    }
    framer.end();
    loop {
        match framer.next() {
            Ok(Some(cut)) => cuts.push(cut),
            Ok(None) => return (cuts, None, framer.notices()),
            Err(issue) => return (cuts, Some(issue), framer.notices()),
        }
    }
}

pub(crate) fn record(cut: &Cut) -> &Record {
    match cut {
        Cut::Record(record) | Cut::Broken(record, _) => record,
    }
}

/// One line per cut: `line:column document`, or what is wrong; a last line for an error of the whole.
pub(crate) fn told(format: &Format, bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    let reader = Reader::new(format);
    let (cuts, error, notices) = cut_in(format, bytes, bytes.len().max(1));
    let mut text = String::new();
    for notice in notices {
        writeln!(text, "! {}", line(&notice)).unwrap();
    }
    for cut in &cuts {
        let origin = &record(cut).origin;
        match cut {
            Cut::Record(record) => match reader.read(record) {
                Ok(document) => writeln!(text, "{}:{} {}", origin.line, origin.column, show(&document.root)).unwrap(),
                Err(issue) => writeln!(text, "{}:{} unread {}", origin.line, origin.column, line(&issue)).unwrap(),
            },
            Cut::Broken(_, issue) => {
                writeln!(text, "{}:{} broken {}", origin.line, origin.column, line(issue)).unwrap()
            }
        }
    }
    if let Some(issue) = error {
        writeln!(text, "stopped {}", line(&issue)).unwrap();
    }
    text
}

pub(crate) fn line(issue: &Issue) -> String {
    format!("{} {} at {}", issue.code, issue.message, issue.place)
}

/// A node as one line of JSON-like text; numbers and text are told apart, maps keep their order.
pub(crate) fn show(node: &Node) -> String {
    match node {
        Node::Empty => "∅".into(),
        Node::Text(text) => format!("{text:?}"),
        Node::Number(text) => text.to_string(),
        Node::Bool(value) => value.to_string(),
        Node::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|(name, node)| format!("{name}: {}", show(node))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Node::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
    }
}

/// The same, as a check: the expected text may be indented.
#[track_caller]
pub(crate) fn check(format: &Format, bytes: impl AsRef<[u8]>, expected: &str) {
    let expected: String = expected.trim().lines().map(|line| format!("{}\n", line.trim_start())).collect();
    let bytes = bytes.as_ref();
    pretty_eq(&told(format, bytes), &expected);
    // Whatever the chunks, the cuts are the same.
    let whole = format!("{:?}", cut_in(format, bytes, bytes.len().max(1)));
    for chunk in [1, 2, 3, 7] {
        assert_eq!(format!("{:?}", cut_in(format, bytes, chunk)), whole, "in chunks of {chunk}");
    }
}

#[track_caller]
fn pretty_eq(found: &str, expected: &str) {
    assert!(found == expected, "found:\n{found}\nexpected:\n{expected}");
}

//! Fixed width: reading one line. Positions count characters, not bytes. A field is kept as written, trailing blanks
//! included; a blank field, and one beyond the end of a short line, is empty: editors and transfers strip trailing blanks.

use super::{FixedField, Terminator};
use crate::document::{Name, Node};

/// The fields of a line.
pub(crate) fn read(line: &str, fields: &[FixedField], names: &[Name], terminator: Option<&Terminator>) -> Node {
    let line = terminator.map_or(line, |terminator| terminator.strip(line));
    let entries = names.iter().zip(fields).map(|(name, field)| {
        let text = field_text(line, field);
        let blank = text.chars().all(char::is_whitespace);
        (name.clone(), if blank { Node::Empty } else { Node::Text(text.into()) })
    });
    Node::Map(entries.collect())
}

fn field_text<'a>(line: &'a str, field: &FixedField) -> &'a str {
    let start = field.start.saturating_sub(1);
    if line.is_ascii() {
        let end = start.saturating_add(field.width).min(line.len());
        return line.get(start..end).unwrap_or_default();
    }
    let mut starts = line.char_indices().map(|(at, _)| at).skip(start);
    match starts.next() {
        None => "",
        Some(from) if field.width == 0 => &line[from..from],
        Some(from) => &line[from..starts.nth(field.width - 1).unwrap_or(line.len())],
    }
}

//! Formats: how records are cut out of a stream (framing) and read into documents. Pure: bytes in, values out.

use serde::{Deserialize, Serialize};

use crate::issue::{Code, Issue};

mod charset;
mod check;
mod csv;
mod csv_row;
mod csv_scan;
mod entries;
mod fixed;
mod framer;
mod intake;
mod json_cut;
mod json_tree;
mod lines;
mod names;
mod reader;
#[cfg(test)]
mod tests;
mod xml_cut;
mod xml_escape;
mod xml_scan;
mod xml_scope;
mod xml_tree;
mod xml_walk;

pub use framer::{Cut, Framer, Mark};
pub use reader::Reader;
pub use xml_escape::escape_xml;
pub use xml_walk::{Element, Event, Property, Walk, place, text_of};

/// Limits of what a record may hold (defaults of `reliability.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one record.
    pub record_bytes: usize,
    /// Nesting of elements or objects.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Columns of one row.
    pub columns: usize,
    /// Bytes of one CSV field.
    pub field_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { record_bytes: 1 << 20, depth: 64, attributes: 256, columns: 512, field_bytes: 64 << 10 }
    }
}

/// The character encoding of a source, by name: `auto`, `utf-8`, `windows-1252`, `iso-8859-15`, `cp850`, `utf-16`…
pub type EncodingName = String;

/// How the records of a flow are written (the `[source]` table of a mapping, checked).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum Shape {
    /// XML; the record boundary is an element, by prefixed name (`ads:dossier`); empty = the root element is the record.
    Xml {
        /// Element that is one record.
        record: String,
        /// Prefix → namespace URI, as used in paths.
        namespaces: Vec<(String, String)>,
        /// Paths kept as raw mixed-content text.
        raw: Vec<String>,
    },
    /// JSON: one document whose array at `record` (a `/`-path, empty = the root) holds the records, or a single object.
    Json {
        /// Path of the array.
        record: String,
    },
    /// One JSON value per line.
    Ndjson,
    /// Delimited text.
    Csv {
        /// One byte; `;`, `,`, tab, `|`…
        delimiter: u8,
        /// Quote byte; `None` = no quoting.
        quote: Option<u8>,
        /// Row number of the header, from 1 (rows before it are skipped); 0 = no header, columns are `c1`, `c2`…
        header: u64,
        /// Column names that replace the header's.
        columns: Vec<String>,
        /// Rows may have fewer fields than there are columns (absent) or more (`cN`); else such a row is broken.
        #[serde(default)]
        ragged: bool,
        /// Text that ends complete lines (BAI2: `/`), not part of the last field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terminator: Option<Terminator>,
    },
    /// Fixed width, one record per line.
    Fixed {
        /// Fields: name, start (from 1), width, in characters.
        fields: Vec<FixedField>,
        /// Only lines starting with this text are records (others are skipped); empty = all.
        prefix: String,
        /// Text that ends complete lines, not part of the last field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terminator: Option<Terminator>,
    },
}

/// Text that ends complete lines: a line that should end in it and does not was cut short, and is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminator {
    /// The text, such as `/`.
    pub text: String,
    /// Only lines starting with one of these must end in it (record codes); empty = all lines.
    #[serde(default)]
    pub starts: Vec<String>,
}

/// A field of a fixed-width line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedField {
    /// Name in the document.
    pub name: String,
    /// First character, from 1.
    pub start: usize,
    /// Characters.
    pub width: usize,
}

/// A shape with its encoding and limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Format {
    /// How records are written.
    pub shape: Shape,
    /// Character encoding.
    pub encoding: EncodingName,
    /// Limits of one record.
    pub limits: Limits,
}

/// What cannot be read, and the byte of the record's text where it stands.
pub(crate) struct Misread {
    pub(crate) at: usize,
    pub(crate) issue: Issue,
}

/// The issue of a record larger than allowed.
pub(crate) fn too_large(limit: usize) -> Issue {
    Issue::error(Code("E103"), format!("record is larger than {limit} bytes; only its beginning is kept"))
        .hint("check the record boundary, or raise `record_bytes` in `[source]`")
}

/// The issue of nesting that goes too deep.
pub(crate) fn too_deep(limit: usize) -> Issue {
    Issue::error(Code("E126"), format!("nested deeper than {limit}"))
}

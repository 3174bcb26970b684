//! Reads records into documents. Compiled once per flow; shared by threads; interns names.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use super::charset::{self, Charset};
use super::csv_row::{Dialect, each_field, fields};
use super::names::Names;
use super::xml_scope::Vocabulary;
use super::xml_tree::{self, XmlNames};
use super::{Format, Misread, Shape, fixed, json_tree};
use crate::document::{Document, Name, Node};
use crate::issue::{Issue, Place};
use crate::record::{Context, Record};

/// Contexts remembered; a flow has one, or one for each layout of its files.
const CONTEXTS: usize = 8;

/// What a context says, made ready for use.
struct Prepared {
    charset: Charset,
    /// CSV: the columns.
    columns: Vec<Name>,
    /// XML: the namespaces.
    vocabulary: Vocabulary,
}

/// Reads records into documents.
pub struct Reader {
    format: Format,
    dialect: Dialect,
    /// Fixed width: the fields' names. CSV: `c1`, `c2`… for columns nothing names.
    given: Vec<Name>,
    raw: Vec<Vec<String>>,
    names: Names,
    attributes: Names,
    prepared: RwLock<Vec<(Context, Arc<Prepared>)>>,
}

impl Reader {
    /// A reader of records of this format.
    pub fn new(format: &Format) -> Self {
        let (given, raw) = match &format.shape {
            Shape::Csv { .. } => ((1..=format.limits.columns).map(|n| format!("c{n}").into()).collect(), Vec::new()),
            Shape::Fixed { fields, .. } => {
                (fields.iter().map(|field| field.name.as_str().into()).collect(), Vec::new())
            }
            Shape::Xml { raw, .. } => {
                (Vec::new(), raw.iter().map(|path| path.split('/').map(str::to_owned).collect()).collect())
            }
            Shape::Json { .. } | Shape::Ndjson => (Vec::new(), Vec::new()),
        };
        Reader {
            format: format.clone(),
            dialect: Dialect::of(&format.shape),
            given,
            raw,
            names: Names::default(),
            attributes: Names::default(),
            prepared: RwLock::default(),
        }
    }

    /// Reads a record. A record that was not cut by a `Framer` (its context is empty) is read by its own first bytes.
    pub fn read(&self, record: &Record) -> Result<Document, Issue> {
        let mut bytes = &record.bytes[..];
        let mut prepared = self.prepared(record)?;
        if record.context.is_empty()
            && let Some(sniffed) = charset::sniff(bytes, true, &self.format.encoding, self.is_xml())
                .map_err(|issue| self.located(record, issue))?
        {
            bytes = &bytes[sniffed.mark..];
            prepared = Arc::new(self.prepare(sniffed.charset, ""));
        }
        let text = match prepared.charset.decode(bytes) {
            Ok(text) => text,
            Err(at) => {
                let before = String::from_utf8_lossy(&bytes[..at]);
                let misread = Misread { at: before.len(), issue: charset::invalid(prepared.charset, bytes) };
                return Err(self.place(record, &before, misread));
            }
        };
        let root = self.tree(&text, &prepared).map_err(|misread| self.place(record, &text, misread))?;
        Ok(Document { root })
    }

    fn tree(&self, text: &str, prepared: &Prepared) -> Result<Node, Misread> {
        let limits = self.format.limits;
        match &self.format.shape {
            Shape::Csv { .. } => Ok(self.row(text, &prepared.columns)),
            Shape::Fixed { fields, terminator, .. } => Ok(fixed::read(text, fields, &self.given, terminator.as_ref())),
            Shape::Json { .. } | Shape::Ndjson => {
                let mut names = self.names.reading();
                let node = json_tree::read(text, limits, &mut names);
                let fresh = names.finish();
                self.names.learn(fresh);
                node
            }
            Shape::Xml { .. } => {
                let (mut elements, mut attributes) = (self.names.reading(), self.attributes.reading());
                let names = XmlNames { elements: &mut elements, attributes: &mut attributes };
                let node = xml_tree::read(text, &prepared.vocabulary, &self.raw, limits, names);
                let (elements, attributes) = (elements.finish(), attributes.finish());
                self.names.learn(elements);
                self.attributes.learn(attributes);
                node
            }
        }
    }

    /// Fields beyond the named columns are `cN`; missing ones are absent.
    fn row(&self, text: &str, columns: &[Name]) -> Node {
        let mut entries = Vec::with_capacity(columns.len());
        each_field(text, &self.dialect, |field| {
            let at = entries.len();
            if let Some(name) = columns.get(at).or_else(|| self.given.get(at)) {
                entries.push((name.clone(), if field.is_empty() { Node::Empty } else { Node::Text(field.into()) }));
            }
        });
        Node::Map(entries)
    }

    /// What the record's context says; worked out once.
    fn prepared(&self, record: &Record) -> Result<Arc<Prepared>, Issue> {
        let context = &record.context;
        {
            let known = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, prepared)) = known.iter().find(|(other, _)| Arc::ptr_eq(other, context) || other == context)
            {
                return Ok(prepared.clone());
            }
        }
        let (name, rest) = context.split_once('\n').unwrap_or((context, ""));
        let charset = match name {
            "" => Charset::Utf8,
            name => Charset::named(name).ok_or_else(|| self.located(record, charset::unknown(name)))?,
        };
        let prepared = Arc::new(self.prepare(charset, rest));
        let mut known = self.prepared.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() == CONTEXTS {
            known.remove(0);
        }
        known.push((context.clone(), prepared.clone()));
        Ok(prepared)
    }

    fn prepare(&self, charset: Charset, rest: &str) -> Prepared {
        let (columns, declared): (Vec<Cow<'_, str>>, &[_]) = match &self.format.shape {
            Shape::Csv { columns, .. } if !columns.is_empty() => (columns.iter().map(Cow::from).collect(), &[]),
            Shape::Csv { .. } if !rest.is_empty() => (fields(rest, &self.dialect), &[]),
            Shape::Xml { namespaces, .. } => (Vec::new(), namespaces),
            Shape::Csv { .. } | Shape::Json { .. } | Shape::Ndjson | Shape::Fixed { .. } => (Vec::new(), &[]),
        };
        let around = if self.is_xml() { rest } else { "" };
        let columns = columns.iter().map(|name| Name::from(&**name)).collect();
        Prepared { charset, columns, vocabulary: Vocabulary::new(declared, around) }
    }

    fn is_xml(&self) -> bool {
        matches!(self.format.shape, Shape::Xml { .. })
    }

    /// An issue about the whole record.
    fn located(&self, record: &Record, mut issue: Issue) -> Issue {
        issue.place = Place { file: Some(record.origin.name.to_string()), ..Place::default() };
        issue
    }

    /// Where in the source a byte of the record's text stands.
    fn place(&self, record: &Record, text: &str, misread: Misread) -> Issue {
        let Misread { at, mut issue } = misread;
        let before = &text[..at.min(text.len())];
        let line_start = before.rfind('\n').map(|at| at + 1);
        let column = before[line_start.unwrap_or(0)..].chars().count() as u64;
        let origin = &record.origin;
        issue.place.file = Some(origin.name.to_string());
        if origin.line > 0 {
            issue.place.line = Some(origin.line + before.matches('\n').count() as u64);
            issue.place.column = match line_start {
                Some(_) => Some(column + 1),
                None => (origin.column > 0).then(|| origin.column + column),
            };
        }
        issue
    }
}

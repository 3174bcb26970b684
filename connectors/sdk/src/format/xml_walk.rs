//! XML: following the elements of a text, with namespaces by URI, for those who need no document: an envelope, a
//! template. Refuses what the reader of records refuses, and sees the same: both stand on one scanner.

use std::borrow::Cow;
use std::ops::Range;

use super::xml_scan::{Attribute, Attributes, Markup, Section, Tag, markup, split_name, unescape};
use super::xml_scope::{declared_prefix, undeclared};
use super::{Limits, charset, too_deep};
use crate::issue::{Code, Issue, Place};

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// What is met on the way.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// A start tag; `Close` follows also where the element is empty.
    Open(Element<'a>),
    /// Text, entities replaced.
    Text(Cow<'a, str>),
    /// CDATA.
    Cdata(&'a str),
    /// A comment or an instruction.
    Aside,
    /// The end of an element with this many around it.
    Close(usize),
}

/// A start tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Element<'a> {
    /// Its namespace; empty for none.
    pub namespace: Cow<'a, str>,
    /// Its name without prefix.
    pub local: &'a str,
    /// Elements around it.
    pub depth: usize,
    /// Its attributes, declarations aside.
    pub attributes: Vec<Property<'a>>,
}

/// An attribute of an element.
#[derive(Debug, Clone, PartialEq)]
pub struct Property<'a> {
    /// Its namespace; empty for none.
    pub namespace: Cow<'a, str>,
    /// Its name without prefix.
    pub local: &'a str,
    /// Its value, entities replaced.
    pub value: Cow<'a, str>,
    /// Where it stands, the blank before it not included.
    pub span: Range<usize>,
}

impl Element<'_> {
    /// Whether it is the element of this name.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }

    /// The value of an attribute.
    pub fn attribute(&self, namespace: &str, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|found| found.local == local && found.namespace == namespace)?;
        Some(&found.value)
    }
}

/// A declaration in force.
struct Scope<'a> {
    depth: usize,
    prefix: &'a str,
    uri: Cow<'a, str>,
}

/// Follows the elements of a text.
pub struct Walk<'a> {
    text: &'a str,
    at: usize,
    limits: Limits,
    open: Vec<&'a str>,
    scopes: Vec<Scope<'a>>,
    /// The element given last was empty: its end comes next.
    ends: bool,
    /// The root element is closed.
    past: bool,
}

impl<'a> Walk<'a> {
    /// Follows a whole document.
    pub fn new(text: &'a str, limits: Limits) -> Self {
        Walk { text, at: 0, limits, open: Vec::new(), scopes: Vec::new(), ends: false, past: false }
    }

    /// The next thing and where it stands; `None` at the end of a document that is whole. Errors carry line and column.
    #[allow(clippy::should_implement_trait, reason = "not an iterator: an error ends it")]
    pub fn next(&mut self) -> Result<Option<(Range<usize>, Event<'a>)>, Issue> {
        if std::mem::take(&mut self.ends) {
            return Ok(Some(self.leave(self.at..self.at)));
        }
        let (text, start) = (self.text, self.at);
        let bytes = &text.as_bytes()[start..];
        if bytes.is_empty() {
            return match self.open.last() {
                Some(name) => Err(self.wrong(start, "E121", format!("it ends before `</{name}>`"))),
                None if !self.past => Err(self.wrong(start, "E122", "no root element")),
                None => Ok(None),
            };
        }
        let event = match markup(bytes) {
            Markup::Text(length) => {
                self.at += length;
                Event::Text(self.content(start, &text[start..start + length])?)
            }
            Markup::Open(tag) => {
                let element = self.enter(tag)?;
                self.at += tag.length;
                self.ends = tag.is_empty();
                Event::Open(element)
            }
            Markup::Close(tag) => {
                let name = &text[start + tag.name_start..start + tag.name_end];
                if self.open.last() != Some(&name) {
                    let open = self.open.last().map_or("no end tag".to_owned(), |open| format!("`</{open}>`"));
                    return Err(self.wrong(start, "E121", format!("`</{name}>` where {open} is expected")));
                }
                self.at += tag.length;
                return Ok(Some(self.leave(start..self.at)));
            }
            Markup::Section { kind, opening } => {
                let end = kind.close(&bytes[opening..]).map(|length| opening + length);
                let end = end.ok_or_else(|| self.wrong(start, "E120", "what is opened here is not closed"))?;
                self.at += end;
                match kind {
                    Section::Cdata if self.open.is_empty() => {
                        return Err(self.wrong(start, "E122", "CDATA outside the root element"));
                    }
                    Section::Cdata => Event::Cdata(&text[start + opening..start + end - kind.end().len()]),
                    Section::Comment | Section::Instruction => Event::Aside,
                }
            }
            Markup::Doctype => {
                let issue =
                    self.wrong(start, "E123", "a DOCTYPE is refused: it can pull in files and blow up entities");
                return Err(issue.hint("ask the source to write without a DOCTYPE"));
            }
            Markup::More => return Err(self.wrong(start, "E120", "it ends inside a tag")),
            Markup::Bad(at, what) => return Err(self.wrong(start + at, "E120", what)),
        };
        Ok(Some((start..self.at, event)))
    }

    fn wrong(&self, at: usize, code: &'static str, message: impl Into<String>) -> Issue {
        Issue::error(Code(code), message).at(place(self.text, at))
    }

    fn content(&self, start: usize, raw: &'a str) -> Result<Cow<'a, str>, Issue> {
        if self.open.is_empty()
            && let Some(at) = raw.find(|c: char| !c.is_ascii_whitespace() && c != '\u{feff}')
        {
            return Err(self.wrong(start + at, "E122", "text outside the root element: is this XML?"));
        }
        unescape(raw).map_err(|at| self.wrong(start + at, "E128", "an entity that is not predefined"))
    }

    fn enter(&mut self, tag: Tag) -> Result<Element<'a>, Issue> {
        let (text, start, depth) = (self.text, self.at, self.open.len());
        if self.past {
            return Err(self.wrong(start, "E122", "a second root element"));
        }
        if depth >= self.limits.depth {
            return Err(too_deep(self.limits.depth).at(place(text, start)));
        }
        let name = &text[start + tag.name_start..start + tag.name_end];
        let inside = start + tag.name_end;
        let written = &text[inside..start + tag.attributes_end];
        let mut own = Vec::new();
        for attribute in Attributes::of(written.as_bytes()) {
            let Attribute { at, name, value_at, value } =
                attribute.map_err(|(at, what)| self.wrong(inside + at, "E120", what))?;
            let raw = &written[value_at..value_at + value.len()];
            let value = unescape(raw)
                .map_err(|at| self.wrong(inside + value_at + at, "E128", "an entity that is not predefined"))?;
            if own.len() == self.limits.attributes {
                let message = format!("more than {} attributes on one element", self.limits.attributes);
                return Err(self.wrong(inside + at, "E127", message));
            }
            match declared_prefix(name) {
                Some(prefix) => {
                    let prefix = &written[at + name.len() - prefix.len()..at + name.len()];
                    self.scopes.push(Scope { depth, prefix, uri: value });
                }
                None => {
                    own.push((&written[at..at + name.len()], value, inside + at..inside + value_at + raw.len() + 1))
                }
            }
        }
        let mut attributes = Vec::with_capacity(own.len());
        for (name, value, span) in own {
            let (prefix, local) = split(name);
            // an attribute without prefix is in no namespace, whatever the default one is
            let namespace = if prefix.is_empty() { Cow::Borrowed("") } else { self.resolve(prefix, span.start)? };
            attributes.push(Property { namespace, local, value, span });
        }
        let (prefix, local) = split(name);
        let namespace = self.resolve(prefix, start)?;
        self.open.push(name);
        Ok(Element { namespace, local, depth, attributes })
    }

    fn resolve(&self, prefix: &str, at: usize) -> Result<Cow<'a, str>, Issue> {
        match self.scopes.iter().rev().find(|scope| scope.prefix == prefix) {
            Some(scope) => Ok(scope.uri.clone()),
            None if prefix.is_empty() => Ok(Cow::Borrowed("")),
            None if prefix == "xml" => Ok(Cow::Borrowed(XML)),
            None => Err(undeclared(prefix).at(place(self.text, at))),
        }
    }

    fn leave(&mut self, span: Range<usize>) -> (Range<usize>, Event<'a>) {
        self.open.pop();
        let depth = self.open.len();
        while self.scopes.last().is_some_and(|scope| scope.depth >= depth) {
            self.scopes.pop();
        }
        self.past = depth == 0;
        (span, Event::Close(depth))
    }
}

fn split(name: &str) -> (&str, &str) {
    let (prefix, local) = split_name(name.as_bytes());
    (&name[..prefix.len()], &name[name.len() - local.len()..])
}

/// Where a byte of a text stands.
pub fn place(text: &str, at: usize) -> Place {
    let before = &text[..at.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[line_start..].chars().count() as u64 + 1;
    Place::default().at(before.matches('\n').count() as u64 + 1, column)
}

/// The text of an XML document in the encoding it says itself, or the one configured.
pub fn text_of<'a>(bytes: &'a [u8], encoding: &str) -> Result<Cow<'a, str>, Issue> {
    let Some(sniffed) = charset::sniff(bytes, true, encoding, true)? else { return Ok(Cow::Borrowed("")) };
    let bytes = &bytes[sniffed.mark..];
    sniffed.charset.decode(bytes).map_err(|_| charset::invalid(sniffed.charset, bytes))
}

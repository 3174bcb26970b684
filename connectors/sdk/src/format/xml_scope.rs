//! XML: the elements that are open around a place, and the namespaces they declare.

use std::fmt;

use super::xml_scan::{Attribute, Attributes, unescape};
use crate::issue::{Code, Issue};

/// A namespace declaration of an open element.
struct Scope {
    depth: usize,
    prefix: String,
    uri: String,
}

/// The names of the open elements, in one allocation.
#[derive(Default)]
pub(crate) struct Open {
    names: Vec<u8>,
    starts: Vec<usize>,
}

impl Open {
    pub(crate) fn push(&mut self, name: &[u8]) {
        self.starts.push(self.names.len());
        self.names.extend_from_slice(name);
    }

    pub(crate) fn pop(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.names.truncate(start);
        }
    }

    pub(crate) fn depth(&self) -> usize {
        self.starts.len()
    }

    /// The name of the element with this many around it.
    pub(crate) fn get(&self, depth: usize) -> &[u8] {
        let end = self.starts.get(depth + 1).copied().unwrap_or(self.names.len());
        self.starts.get(depth).map_or(&[], |start| &self.names[*start..end])
    }

    /// The innermost name.
    pub(crate) fn last(&self) -> &[u8] {
        self.starts.last().map_or(&[], |start| &self.names[*start..])
    }
}

/// The namespace declarations of the open elements.
#[derive(Default)]
pub(crate) struct Scopes {
    all: Vec<Scope>,
    /// Those in force, as XML attributes; made anew when it is older than `all`.
    text: String,
    stale: bool,
}

impl Scopes {
    /// An element with this many around it declares these.
    pub(crate) fn declare(&mut self, depth: usize, declared: impl IntoIterator<Item = (String, String)>) {
        let before = self.all.len();
        self.all.extend(declared.into_iter().map(|(prefix, uri)| Scope { depth, prefix, uri }));
        self.stale |= self.all.len() > before;
    }

    /// The element with this many around it is closed.
    pub(crate) fn close(&mut self, depth: usize) {
        while self.all.last().is_some_and(|scope| scope.depth >= depth) {
            self.all.pop();
            self.stale = true;
        }
    }

    /// The namespace a prefix stands for.
    pub(crate) fn resolve(&self, prefix: &[u8]) -> Option<&str> {
        // Most prefixes are empty: comparing lengths first spares the comparison of nothing with nothing.
        let is = |scope: &&Scope| {
            scope.prefix.len() == prefix.len() && (prefix.is_empty() || scope.prefix.as_bytes() == prefix)
        };
        self.all.iter().rev().find(is).map(|scope| scope.uri.as_str())
    }

    /// The declarations in force, as XML attributes, as of the last `refresh`.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn refresh(&mut self) {
        if std::mem::take(&mut self.stale) {
            let overridden =
                |at: usize, scope: &Scope| self.all[at + 1..].iter().any(|later| later.prefix == scope.prefix);
            let visible = self.all.iter().enumerate().filter(|(at, scope)| !overridden(*at, scope));
            self.text = visible.map(|(_, scope)| scope.to_string()).collect();
        }
    }

    /// The declarations of the element with this many around it, as XML attributes.
    pub(crate) fn of(&self, depth: usize) -> String {
        self.all.iter().filter(|scope| scope.depth == depth).map(Scope::to_string).collect()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { prefix, uri, .. } = self;
        let colon = if prefix.is_empty() { "" } else { ":" };
        let uri = uri.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('\n', "&#10;");
        write!(f, " xmlns{colon}{prefix}=\"{uri}\"")
    }
}

const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of `nil` and `type`.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The number of no namespace.
pub(crate) const NO_NAMESPACE: usize = 0;

/// A namespace, and the prefix paths know it by.
#[derive(Debug)]
struct Namespace {
    uri: String,
    prefix: Option<String>,
}

/// The namespaces a mapping declares, and those around the record.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    namespaces: Vec<Namespace>,
    /// Prefixes in scope around the record, and the namespaces they mean.
    scope: Vec<(String, usize)>,
}

impl Vocabulary {
    /// From the declarations of the mapping and those around the records (as XML attributes).
    pub(crate) fn new(mapped: &[(String, String)], around: &str) -> Self {
        let known = [("", ""), ("xml", XML)].map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned()));
        let xsi = ("xsi".to_owned(), XSI.to_owned());
        let all = known.iter().chain(mapped).chain(std::iter::once(&xsi));
        let namespaces =
            all.map(|(prefix, uri)| Namespace { uri: uri.clone(), prefix: Some(prefix.clone()) }).collect();
        let mut vocabulary =
            Vocabulary { namespaces, scope: vec![(String::new(), NO_NAMESPACE), ("xml".to_owned(), 1)] };
        for (prefix, uri) in declared(around) {
            let id = vocabulary.id(&uri).unwrap_or_else(|| {
                vocabulary.namespaces.push(Namespace { uri, prefix: None });
                vocabulary.namespaces.len() - 1
            });
            vocabulary.scope.push((prefix, id));
        }
        vocabulary
    }

    /// How many namespaces are numbered.
    pub(crate) fn len(&self) -> usize {
        self.namespaces.len()
    }

    /// The number of a namespace.
    pub(crate) fn id(&self, uri: &str) -> Option<usize> {
        self.namespaces.iter().position(|namespace| namespace.uri == uri)
    }

    /// Whether a number stands for this namespace.
    pub(crate) fn is(&self, id: usize, uri: &str) -> bool {
        self.namespaces.get(id).is_some_and(|namespace| namespace.uri == uri)
    }

    /// The prefix paths know a namespace by.
    pub(crate) fn prefix(&self, id: usize) -> Option<&str> {
        self.namespaces.get(id).and_then(|namespace| namespace.prefix.as_deref())
    }

    /// The namespace of the innermost prefix around the record that is the one wanted.
    pub(crate) fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        self.scope.iter().rev().find(|(prefix, _)| wanted(prefix)).map(|(_, id)| *id)
    }
}

/// The prefix an `xmlns` attribute declares; empty for the default namespace.
pub(crate) fn declared_prefix(attribute: &[u8]) -> Option<&[u8]> {
    let rest = attribute.strip_prefix(b"xmlns")?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(b":") }
}

/// Reads declarations written as XML attributes.
pub(crate) fn declared(attributes: &str) -> Vec<(String, String)> {
    let read = |attribute: Attribute<'_>| {
        let prefix = String::from_utf8_lossy(declared_prefix(attribute.name)?).into_owned();
        let uri = unescape(attributes.get(attribute.value_at..)?.get(..attribute.value.len())?).ok()?;
        Some((prefix, uri.into_owned()))
    };
    Attributes::of(attributes.as_bytes()).flatten().filter_map(read).collect()
}

/// The issue of a prefix without declaration.
pub(crate) fn undeclared(prefix: &str) -> Issue {
    let hint = match prefix {
        "xsi" => "the source must write `xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"` on this element or around it".to_owned(),
        _ => format!("the source must write `xmlns:{prefix}=\"…\"` on this element or around it"),
    };
    Issue::error(Code("E124"), format!("prefix `{prefix}` is not declared")).hint(hint)
}

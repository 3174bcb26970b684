//! XML: reading one element into a document, with namespaces by URI. Refuses what would make a path mean two things:
//! the same local name from two namespaces under one parent, prefixes nobody declared, a second root, any DOCTYPE.

use std::borrow::Cow;
use std::collections::HashMap;

use super::entries::Entries;
use super::names::NamesRead;
use super::xml_scan::{Attribute, Attributes, Markup, Section, Tag, markup, split_name, unescape};
use super::xml_scope::{NO_NAMESPACE, Vocabulary, XSI, declared_prefix, undeclared};
use super::{Limits, Misread, too_deep};
use crate::document::{Name, Node, TEXT};
use crate::issue::{Code, Issue};

/// The shared names of elements, and of attributes (looked up without their `@`).
pub(crate) struct XmlNames<'n, 'g> {
    pub(crate) elements: &'n mut NamesRead<'g>,
    pub(crate) attributes: &'n mut NamesRead<'g>,
}

/// Reads the element that is all of this text, a prolog and comments aside.
pub(crate) fn read(
    text: &str,
    vocabulary: &Vocabulary,
    raw: &[Vec<String>],
    limits: Limits,
    names: XmlNames<'_, '_>,
) -> Result<Node, Misread> {
    let mut tree = XmlTree {
        text,
        at: 0,
        vocabulary,
        raw,
        limits,
        names,
        more_namespaces: Vec::new(),
        scope: Vec::new(),
        siblings: Vec::new(),
        frames: Vec::new(),
        root: None,
    };
    match tree.read() {
        Ok(()) => {}
        Err(misread) => return Err(tree.with_path(misread)),
    }
    tree.root.ok_or_else(|| Misread { at: text.len(), issue: Issue::error(Code("E122"), "no root element") })
}

/// An open element.
struct Frame<'a> {
    raw_name: &'a str,
    name: Name,
    /// Its attributes, then its children.
    entries: Entries,
    attributes: usize,
    /// Text beside children, as far as it is not blank.
    text: Cow<'a, str>,
    /// Text since the last child.
    run: Cow<'a, str>,
    children: Children<'a>,
    /// How many declarations and siblings were there before it.
    scope: usize,
    siblings: usize,
    nil: bool,
    /// Where its content starts, if it is kept as written.
    verbatim: Option<usize>,
}

/// The namespaces of the children seen so far.
enum Children<'a> {
    None,
    /// All in this one.
    Same(usize),
    Mixed(HashMap<&'a str, usize>),
}

struct XmlTree<'a, 'n, 'g> {
    text: &'a str,
    at: usize,
    vocabulary: &'a Vocabulary,
    raw: &'a [Vec<String>],
    limits: Limits,
    names: XmlNames<'n, 'g>,
    /// Namespaces only the record knows, numbered on from those of the vocabulary.
    more_namespaces: Vec<Cow<'a, str>>,
    /// Declarations inside the record.
    scope: Vec<(&'a str, usize)>,
    /// Local names of the children of all open elements.
    siblings: Vec<&'a str>,
    frames: Vec<Frame<'a>>,
    root: Option<Node>,
}

impl<'a> XmlTree<'a, '_, '_> {
    fn read(&mut self) -> Result<(), Misread> {
        if let Some(at) = control_character(self.text.as_bytes()) {
            return Err(Misread { at, issue: Issue::error(Code("E104"), "a control character stands in the record") });
        }
        let text = self.text;
        while self.at < text.len() {
            let bytes = &text.as_bytes()[self.at..];
            match markup(bytes) {
                Markup::Text(length) => {
                    self.run(&text[self.at..self.at + length])?;
                    self.at += length;
                }
                Markup::Open(tag) => {
                    self.open(tag)?;
                    self.at += tag.length;
                    if tag.is_empty() {
                        self.close(self.at);
                    }
                }
                Markup::Close(tag) => {
                    let name = tag.name(bytes);
                    let open = self.frames.last().map(|frame| frame.raw_name);
                    if open.is_none_or(|open| open.as_bytes() != name) {
                        let open = open.map_or("no end tag".to_owned(), |open| format!("`</{open}>`"));
                        let message = format!("`</{}>` where {open} is expected", String::from_utf8_lossy(name));
                        return Err(self.bad("E121", message));
                    }
                    self.close(self.at);
                    self.at += tag.length;
                }
                Markup::Section { kind, opening } => self.section(kind, opening)?,
                Markup::Doctype => {
                    let issue =
                        Issue::error(Code("E123"), "a DOCTYPE is refused: it can pull in files and blow up entities");
                    return Err(Misread {
                        at: self.at,
                        issue: issue.hint("ask the source to write without a DOCTYPE"),
                    });
                }
                Markup::More => return Err(self.bad("E120", "the record ends inside a tag")),
                Markup::Bad(at, what) => {
                    return Err(Misread { at: self.at + at, issue: Issue::error(Code("E120"), what) });
                }
            }
        }
        match self.frames.last() {
            Some(frame) => {
                let message = format!("the record ends before `</{}>`", frame.raw_name);
                Err(self.bad("E121", message))
            }
            None => Ok(()),
        }
    }

    fn bad(&self, code: &'static str, message: impl Into<String>) -> Misread {
        Misread { at: self.at, issue: Issue::error(Code(code), message) }
    }

    fn with_path(&self, mut misread: Misread) -> Misread {
        let path: Vec<_> = self.frames.iter().skip(1).map(|frame| &*frame.name).collect();
        if misread.issue.place.path.is_none() && !path.is_empty() {
            misread.issue.place.path = Some(path.join("/"));
        }
        misread
    }

    /// A piece of text, entities still in it.
    fn run(&mut self, raw: &'a str) -> Result<(), Misread> {
        let unknown = |at: usize| Misread { at: self.at + at, issue: unknown_entity() };
        let text = unescape(raw).map_err(unknown)?;
        self.append(text)
    }

    fn append(&mut self, text: Cow<'a, str>) -> Result<(), Misread> {
        match self.frames.last_mut() {
            Some(frame) => join(&mut frame.run, text),
            None if is_blank(&text) => {}
            None => return Err(self.bad("E122", "text outside the root element")),
        }
        Ok(())
    }

    fn section(&mut self, kind: Section, opening: usize) -> Result<(), Misread> {
        let start = self.at + opening;
        let Some(length) = kind.close(&self.text.as_bytes()[start..]) else {
            return Err(self.bad("E120", "a comment, CDATA section or instruction opened here is not closed"));
        };
        if kind == Section::Cdata {
            self.append(Cow::Borrowed(&self.text[start..start + length - kind.end().len()]))?;
        }
        self.at = start + length;
        Ok(())
    }

    fn open(&mut self, tag: Tag) -> Result<(), Misread> {
        let rest = &self.text[self.at..];
        let (raw_name, attributes) = (&rest[tag.name_start..tag.name_end], &rest[tag.name_end..tag.attributes_end]);
        if self.root.is_some() && self.frames.is_empty() {
            return Err(self.bad("E122", "a second root element"));
        }
        if self.frames.len() >= self.limits.depth {
            return Err(Misread { at: self.at, issue: too_deep(self.limits.depth) });
        }
        let scope = self.scope.len();
        let attributes_at = self.at + tag.name_end;
        let plain = self.declare(attributes, attributes_at)?;
        let (name, id) = self.element_name(raw_name)?;
        self.note_sibling(raw_name, id)?;
        let verbatim = self.is_verbatim(&name).then_some(self.at + tag.length);
        let mut frame = Frame {
            raw_name,
            name,
            entries: Entries::default(),
            attributes: 0,
            text: Cow::Borrowed(""),
            run: Cow::Borrowed(""),
            children: Children::None,
            scope,
            siblings: self.siblings.len(),
            nil: false,
            verbatim,
        };
        if plain {
            self.attributes(attributes, attributes_at, &mut frame)?;
        }
        self.frames.push(frame);
        Ok(())
    }

    /// Takes the namespace declarations of a start tag; whether it has other attributes. Refuses malformed ones.
    fn declare(&mut self, attributes: &'a str, start: usize) -> Result<bool, Misread> {
        let mut plain = false;
        let mut count = 0;
        for attribute in Attributes::of(attributes.as_bytes()) {
            let Attribute { at, name, value_at, value } =
                attribute.map_err(|(at, what)| Misread { at: start + at, issue: Issue::error(Code("E120"), what) })?;
            count += 1;
            if count > self.limits.attributes {
                let message = format!("an element has more than {} attributes", self.limits.attributes);
                return Err(self.bad("E127", message));
            }
            let Some(prefix) = declared_prefix(name) else {
                plain = true;
                continue;
            };
            let value = &attributes[value_at..value_at + value.len()];
            let uri = unescape(value).map_err(|_| Misread { at: start + value_at, issue: unknown_entity() })?;
            let id = self.namespace(uri);
            self.scope.push((&attributes[at + name.len() - prefix.len()..at + name.len()], id));
        }
        Ok(plain)
    }

    /// The number of a namespace.
    fn namespace(&mut self, uri: Cow<'a, str>) -> usize {
        if let Some(id) = self.vocabulary.id(&uri) {
            return id;
        }
        let more = self.more_namespaces.iter().position(|other| *other == uri);
        self.vocabulary.len()
            + more.unwrap_or_else(|| {
                self.more_namespaces.push(uri);
                self.more_namespaces.len() - 1
            })
    }

    fn resolve(&self, prefix: &str) -> Option<usize> {
        // Most prefixes are empty: comparing lengths first spares the comparison of nothing with nothing.
        let is = |known: &str| known.len() == prefix.len() && (prefix.is_empty() || known == prefix);
        let inner = self.scope.iter().rev().find(|(known, _)| is(known)).map(|(_, id)| *id);
        inner.or_else(|| self.vocabulary.find(is))
    }

    /// The prefix the mapping knows a namespace by.
    fn known_prefix(&self, id: usize) -> Option<&'a str> {
        self.vocabulary.prefix(id)
    }

    /// The name paths use for a name as written.
    fn known_name(&self, raw: &'a str, prefix: &str, local: &'a str, id: usize) -> Cow<'a, str> {
        match self.known_prefix(id) {
            Some("") => Cow::Borrowed(local),
            Some(known) if known != prefix => Cow::Owned(format!("{known}:{local}")),
            Some(_) | None => Cow::Borrowed(raw),
        }
    }

    fn element_name(&mut self, raw: &'a str) -> Result<(Name, usize), Misread> {
        let (prefix, local) = split(raw);
        let id = self.resolve(prefix).ok_or_else(|| Misread { at: self.at, issue: undeclared(prefix) })?;
        let known = self.known_name(raw, prefix, local, id);
        Ok((self.names.elements.name(&known, |known| known.into()), id))
    }

    /// Refuses the same local name from two namespaces under one parent, unless the mapping tells them apart.
    fn note_sibling(&mut self, raw_name: &'a str, id: usize) -> Result<(), Misread> {
        let Some(parent) = self.frames.last_mut() else {
            return Ok(());
        };
        let local = split(raw_name).1;
        match &mut parent.children {
            Children::None => parent.children = Children::Same(id),
            Children::Same(same) if *same == id => {}
            Children::Same(same) => {
                let seen = self.siblings[parent.siblings..].iter().map(|local| (*local, *same)).collect();
                parent.children = Children::Mixed(seen);
            }
            Children::Mixed(_) => {}
        }
        match &mut parent.children {
            Children::None | Children::Same(_) => self.siblings.push(local),
            Children::Mixed(seen) => {
                let other = *seen.entry(local).or_insert(id);
                if other != id && (self.known_prefix(id).is_none() || self.known_prefix(other).is_none()) {
                    let message = format!("`{local}` stands for two things here: it comes from two namespaces");
                    let hint =
                        "declare both namespaces under `namespaces` in `[source]`, so that paths can tell them apart";
                    return Err(Misread { at: self.at, issue: Issue::error(Code("E125"), message).hint(hint) });
                }
            }
        }
        Ok(())
    }

    fn is_verbatim(&self, name: &Name) -> bool {
        self.raw.iter().any(|path| {
            let names = self.frames.iter().skip(1).map(|frame| &frame.name).chain(std::iter::once(name));
            path.len() == self.frames.len() && path.iter().zip(names).all(|(step, name)| **step == **name)
        })
    }

    /// Takes the attributes of a start tag that declare nothing.
    fn attributes(&mut self, attributes: &'a str, start: usize, frame: &mut Frame<'a>) -> Result<(), Misread> {
        for Attribute { at, name, value_at, value } in Attributes::of(attributes.as_bytes()).flatten() {
            if declared_prefix(name).is_some() {
                continue;
            }
            let (raw, value) = (&attributes[at..at + name.len()], &attributes[value_at..value_at + value.len()]);
            let wrong = |issue| Misread { at: start + at, issue };
            let (prefix, local) = split(raw);
            // An attribute without prefix is in no namespace, whatever the default one is.
            let id = if prefix.is_empty() {
                NO_NAMESPACE
            } else {
                self.resolve(prefix).ok_or_else(|| wrong(undeclared(prefix)))?
            };
            let mut text = unescape(value).map_err(|_| wrong(unknown_entity()))?;
            if self.vocabulary.is(id, XSI) && local == "nil" {
                frame.nil = matches!(&*text, "true" | "1");
                continue;
            }
            if value.contains(['\t', '\n', '\r']) {
                text = text.replace(['\t', '\n'], " ").into();
            }
            let known = self.known_name(raw, prefix, local, id);
            let name = self.names.attributes.name(&known, |known| format!("@{known}").into());
            if !frame.entries.insert(name, Node::Text(text.into())) {
                return Err(wrong(Issue::error(
                    Code("E127"),
                    format!("attribute `{known}` stands twice on one element"),
                )));
            }
        }
        frame.attributes = frame.entries.len();
        Ok(())
    }

    /// Closes the innermost element, whose content ends at `end`.
    fn close(&mut self, end: usize) {
        let Some(mut frame) = self.frames.pop() else {
            return;
        };
        self.scope.truncate(frame.scope);
        self.siblings.truncate(frame.siblings);
        let name = frame.name.clone();
        if let Some(start) = frame.verbatim {
            frame.entries.truncate(frame.attributes);
            frame.text = Cow::Borrowed(&self.text[start.min(end)..end]);
        } else if frame.entries.len() == frame.attributes {
            frame.text = if frame.nil && is_blank(&frame.run) { Cow::Borrowed("") } else { frame.run };
        } else if !is_blank(&frame.run) {
            join(&mut frame.text, frame.run);
        }
        let node = match (frame.entries.len(), frame.text.is_empty()) {
            (0, true) => Node::Empty,
            (0, false) => Node::Text(frame.text.into()),
            (_, true) => frame.entries.into_map(),
            (_, false) => {
                let key = self.names.elements.name(TEXT, |text| text.into());
                frame.entries.push(key, Node::Text(frame.text.into()));
                frame.entries.into_map()
            }
        };
        match self.frames.last_mut() {
            Some(parent) => {
                let run = std::mem::take(&mut parent.run);
                if !is_blank(&run) {
                    join(&mut parent.text, run);
                }
                parent.entries.push(name, node);
            }
            None => self.root = Some(node),
        }
    }
}

/// Appends text, without copying the first piece.
fn join<'a>(text: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if text.is_empty() {
        *text = more;
    } else {
        text.to_mut().push_str(&more);
    }
}

fn split(raw: &str) -> (&str, &str) {
    let (prefix, local) = split_name(raw.as_bytes());
    (&raw[..prefix.len()], &raw[raw.len() - local.len()..])
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// The first byte that no XML document can hold.
fn control_character(bytes: &[u8]) -> Option<usize> {
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    // Counting all is vectorised where searching is not.
    (bytes.iter().filter(|byte| control(byte)).count() > 0).then(|| bytes.iter().position(control)).flatten()
}

fn unknown_entity() -> Issue {
    Issue::error(Code("E128"), "an entity that is not predefined")
        .hint("only `&amp;` `&lt;` `&gt;` `&quot;` `&apos;` and numbers such as `&#233;` exist; a bare `&` is written `&amp;`")
}

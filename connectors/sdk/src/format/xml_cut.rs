//! XML: cutting record elements out of a stream. Follows every tag, so what is not well-formed between the records is
//! refused too; what is wrong inside a record is told by its reader, unless it hides where the record ends.

use bytes::Bytes;
use memchr::memmem;

use super::framer::{Mark, Step};
use super::intake::{Intake, Spot};
use super::xml_scan::{Attribute, Attributes, Markup, Section, Tag, markup, split_name, unescape};
use super::xml_scope::{Open, Scopes, declared, declared_prefix, undeclared};
use super::{Limits, charset, check, too_deep, too_large};
use crate::issue::{Code, Issue};

/// Which element is a record.
enum Boundary {
    /// The root.
    Root,
    /// Any element of this local name; of this namespace where one is given.
    Element { local: Vec<u8>, namespace: Option<String> },
    /// A name whose prefix the mapping does not declare.
    Undeclared(String),
}

/// The record being cut.
struct Current {
    /// Open elements around it.
    depth: usize,
    spot: Spot,
    /// Its first bytes, once it is larger than a record may be.
    kept: Option<Bytes>,
    flaw: Option<Issue>,
}

/// Cuts record elements.
pub(crate) struct XmlCut {
    boundary: Boundary,
    limits: Limits,
    open: Open,
    scopes: Scopes,
    /// Bytes of the buffer already followed.
    scanned: usize,
    section: Option<Section>,
    current: Option<Current>,
    /// The root element is closed.
    past: bool,
}

impl XmlCut {
    pub(crate) fn new(record: &str, namespaces: &[(String, String)], limits: Limits) -> Self {
        let boundary = match record.split_once(':') {
            _ if record.is_empty() => Boundary::Root,
            None => Boundary::Element { local: record.into(), namespace: None },
            Some((prefix, local)) => match namespaces.iter().find(|(known, _)| known == prefix) {
                Some((_, uri)) => Boundary::Element { local: local.into(), namespace: Some(uri.clone()) },
                None => Boundary::Undeclared(record.to_owned()),
            },
        };
        XmlCut {
            boundary,
            limits,
            open: Open::default(),
            scopes: Scopes::default(),
            scanned: 0,
            section: None,
            current: None,
            past: false,
        }
    }

    /// The namespace declarations in scope around the records.
    pub(crate) fn scope(&self) -> &str {
        self.scopes.text()
    }

    pub(crate) fn save(&self, mark: &mut Mark) {
        mark.past = self.past;
        let depth = self.current.as_ref().map_or(self.open.depth(), |current| current.depth);
        mark.open = (0..depth)
            .map(|depth| String::from_utf8_lossy(self.open.get(depth)).into_owned() + &self.scopes.of(depth))
            .collect();
    }

    pub(crate) fn restore(&mut self, mark: &Mark) {
        self.past = mark.past;
        for tag in &mark.open {
            let end = tag.find(' ').unwrap_or(tag.len());
            self.scopes.declare(self.open.depth(), declared(&tag[end..]));
            self.open.push(&tag.as_bytes()[..end]);
        }
        self.scopes.refresh();
    }

    pub(crate) fn step(&mut self, intake: &mut Intake) -> Result<Step, Issue> {
        if let Boundary::Undeclared(record) = &self.boundary {
            return Err(check::undeclared_record(record));
        }
        loop {
            if self.current.as_ref().is_some_and(|current| current.flaw.is_some()) {
                return self.find_end_of_broken(intake);
            }
            self.inside(intake);
            self.give_up_oversize(intake);
            if self.scanned == intake.bytes().len() {
                return self.at_end(intake);
            }
            if let Some(section) = self.section {
                if !self.follow_section(intake, section) {
                    return self.at_end(intake);
                }
                continue;
            }
            match markup(self.ahead(intake)) {
                Markup::Text(length) => self.text(intake, length)?,
                Markup::Section { kind, opening } => self.start_section(intake, kind, opening)?,
                Markup::Open(tag) => {
                    if let Some(step) = self.element(intake, tag)? {
                        return Ok(step);
                    }
                }
                Markup::Close(tag) => {
                    if let Some(step) = self.close(intake, tag)? {
                        return Ok(step);
                    }
                }
                Markup::Doctype => {
                    let issue =
                        Issue::error(Code("E123"), "a DOCTYPE is refused: it can pull in files and blow up entities");
                    return Err(issue.at(self.place(intake, 0)).hint("ask the source to export without a DOCTYPE"));
                }
                Markup::More if intake.bytes().len() - self.scanned > self.limits.record_bytes => {
                    return Err(self.long_tag(intake));
                }
                Markup::More => return self.at_end(intake),
                Markup::Bad(at, what) => {
                    let issue = Issue::error(Code("E120"), what).at(self.place(intake, at));
                    self.damage(issue)?;
                }
            }
        }
    }

    fn place(&self, intake: &Intake, at: usize) -> crate::issue::Place {
        intake.spot_at(self.scanned + at).place()
    }

    /// What is not followed yet, as far as a tag may reach: what is found must not depend on how much has arrived.
    fn ahead<'a>(&self, intake: &'a Intake) -> &'a [u8] {
        let rest = &intake.bytes()[self.scanned..];
        &rest[..rest.len().min(self.limits.record_bytes)]
    }

    fn long_tag(&self, intake: &Intake) -> Issue {
        let message = format!("a tag is longer than {} bytes", self.limits.record_bytes);
        Issue::error(Code("E103"), message).at(self.place(intake, 0)).hint("is a quote or `>` missing?")
    }

    /// Inside a record: it is broken, but the next one may be found. Elsewhere the rest cannot be trusted.
    fn damage(&mut self, issue: Issue) -> Result<(), Issue> {
        match &mut self.current {
            Some(current) => {
                current.flaw = Some(issue);
                Ok(())
            }
            None => Err(issue),
        }
    }

    /// The common case, fast: text and matching tags inside a record. Stops before anything else.
    fn inside(&mut self, intake: &Intake) {
        let Some(Current { depth, kept: None, .. }) = self.current else {
            return;
        };
        if self.section.is_some() {
            return;
        }
        let (bytes, limit) = (intake.bytes(), self.limits.record_bytes);
        while self.scanned < bytes.len() && self.scanned <= limit {
            let rest = &bytes[self.scanned..bytes.len().min(self.scanned.saturating_add(limit))];
            if let [b'<', b'/', name @ ..] = rest {
                let last = self.open.last();
                if self.open.depth() <= depth + 1 || !name.starts_with(last) || name.get(last.len()) != Some(&b'>') {
                    return;
                }
                self.scanned += last.len() + 3;
                self.open.pop();
                continue;
            }
            match markup(rest) {
                Markup::Text(length) => self.scanned += length,
                Markup::Open(tag) if self.open.depth() - depth < self.limits.depth => {
                    if !tag.is_empty() {
                        self.open.push(tag.name(rest));
                    }
                    self.scanned += tag.length;
                }
                Markup::Open(_)
                | Markup::Close(_)
                | Markup::Section { .. }
                | Markup::Doctype
                | Markup::More
                | Markup::Bad(..) => return,
            }
        }
    }

    /// Bytes are followed: drop them unless they belong to a record that is kept.
    fn followed(&mut self, intake: &mut Intake, length: usize) {
        self.scanned += length;
        match &self.current {
            Some(Current { kept: None, .. }) => {}
            Some(Current { kept: Some(_), .. }) => self.release(intake),
            None => {
                self.release(intake);
                if self.section.is_none() && !intake.spot().after_return {
                    intake.drop_anchor();
                }
            }
        }
    }

    fn release(&mut self, intake: &mut Intake) {
        intake.skip(self.scanned);
        self.scanned = 0;
    }

    /// A record larger than allowed keeps its beginning; the rest is followed to its end and dropped.
    fn give_up_oversize(&mut self, intake: &mut Intake) {
        let limit = self.limits.record_bytes;
        if self.scanned > limit
            && let Some(current @ Current { kept: None, .. }) = &mut self.current
        {
            current.kept = Some(Bytes::copy_from_slice(&intake.bytes()[..limit]));
            self.release(intake);
        }
    }

    fn text(&mut self, intake: &mut Intake, length: usize) -> Result<(), Issue> {
        if self.open.depth() == 0 {
            let text = &intake.bytes()[self.scanned..self.scanned + length];
            if let Some(at) = text.iter().position(|byte| !byte.is_ascii_whitespace()) {
                let what = if self.past {
                    "text after the root element"
                } else {
                    "text before the root element: is this XML?"
                };
                return Err(Issue::error(Code("E122"), what).at(self.place(intake, at)));
            }
        }
        self.followed(intake, length);
        Ok(())
    }

    fn start_section(&mut self, intake: &mut Intake, kind: Section, opening: usize) -> Result<(), Issue> {
        let bytes = &intake.bytes()[self.scanned..];
        if kind == Section::Instruction && is_declaration(bytes) && (self.open.depth() > 0 || self.past) {
            let issue = Issue::error(Code("E122"), "a second XML declaration: two documents in one file");
            return Err(issue.at(self.place(intake, 0)).hint("ask for one document per file"));
        }
        if kind == Section::Cdata && self.open.depth() == 0 {
            return Err(Issue::error(Code("E122"), "CDATA outside the root element").at(self.place(intake, 0)));
        }
        self.section = Some(kind);
        self.followed(intake, opening);
        Ok(())
    }

    /// Follows a section to its end; false where more bytes are needed.
    fn follow_section(&mut self, intake: &mut Intake, section: Section) -> bool {
        let bytes = &intake.bytes()[self.scanned..];
        match section.close(bytes) {
            Some(length) => {
                self.section = None;
                self.followed(intake, length);
                true
            }
            None => {
                let length = bytes.len().saturating_sub(section.end().len() - 1);
                self.followed(intake, length);
                self.give_up_oversize(intake);
                false
            }
        }
    }

    /// A start tag.
    fn element(&mut self, intake: &mut Intake, tag: Tag) -> Result<Option<Step>, Issue> {
        let bytes = &intake.bytes()[self.scanned..];
        let (name, attributes) = (tag.name(bytes), tag.attributes(bytes));
        let (empty, length) = (tag.is_empty(), tag.length);
        if let Some(current) = &self.current {
            if self.open.depth() - current.depth >= self.limits.depth {
                let issue = too_deep(self.limits.depth).at(self.place(intake, 0));
                return self.damage(issue).map(|()| None);
            }
            if !empty {
                self.open.push(name);
            }
            self.followed(intake, length);
            return Ok(None);
        }
        if self.past {
            let issue = Issue::error(Code("E122"), "a second root element").at(self.place(intake, 0));
            return Err(issue.hint("XML has one root; ask for one document per file, or a root around them"));
        }
        if self.open.depth() >= self.limits.depth {
            return Err(too_deep(self.limits.depth).at(self.place(intake, 0)));
        }
        let depth = self.open.depth();
        let place = || intake.spot_at(self.scanned).place();
        let own = outer_attributes(intake, attributes);
        if self.is_record(name, own.as_deref().unwrap_or_default()) {
            // What is wrong with its attributes is told by its reader, and spoils this record only.
            self.scopes.refresh();
            self.current = Some(Current { depth, spot: intake.spot(), kept: None, flaw: None });
            self.open.push(name);
            self.scanned += length;
            if empty {
                self.open.pop();
                return Ok(Some(self.finish(intake)));
            }
            return Ok(None);
        }
        self.scopes.declare(depth, own.map_err(|issue| issue.at(place()))?);
        if let Some(prefix) = self.undeclared(name, attributes) {
            return Err(undeclared(&prefix).at(place()));
        }
        if empty {
            self.scopes.close(depth);
            self.past = depth == 0;
        } else {
            self.open.push(name);
        }
        self.followed(intake, length);
        Ok(None)
    }

    /// An end tag.
    fn close(&mut self, intake: &mut Intake, tag: Tag) -> Result<Option<Step>, Issue> {
        let length = tag.length;
        let name = tag.name(&intake.bytes()[self.scanned..]);
        if self.open.depth() == 0 {
            let message = format!("`</{}>` closes no element", String::from_utf8_lossy(name));
            return Err(Issue::error(Code("E121"), message).at(self.place(intake, 0)));
        }
        if self.open.last() != name {
            let (found, open) = (String::from_utf8_lossy(name), String::from_utf8_lossy(self.open.last()));
            let message = format!("`</{found}>` where `</{open}>` is expected");
            let issue = Issue::error(Code("E121"), message).at(self.place(intake, 0));
            return self.damage(issue).map(|()| None);
        }
        self.open.pop();
        let depth = self.open.depth();
        if self.current.as_ref().is_some_and(|current| current.depth == depth) {
            self.scanned += length;
            return Ok(Some(self.finish(intake)));
        }
        if self.current.is_none() {
            self.scopes.close(depth);
            self.past = depth == 0;
        }
        self.followed(intake, length);
        Ok(None)
    }

    /// Cuts the record that ends where the scanner stands.
    fn finish(&mut self, intake: &mut Intake) -> Step {
        let limit = self.limits.record_bytes;
        self.give_up_oversize(intake);
        let spot = intake.spot();
        let length = std::mem::take(&mut self.scanned);
        let taken = intake.take(length);
        self.past = self.open.depth() == 0;
        intake.drop_anchor();
        match self.current.take() {
            Some(Current { kept: Some(bytes), spot, flaw, .. }) => {
                Step::cut(bytes, spot, flaw.or_else(|| Some(too_large(limit).at(spot.place()))))
            }
            Some(Current { kept: None, flaw, spot, .. }) => Step::cut(taken, spot, flaw),
            None => Step::cut(taken, spot, None),
        }
    }

    /// The tags of a broken record do not match: its end is the next end tag of its own name.
    fn find_end_of_broken(&mut self, intake: &mut Intake) -> Result<Step, Issue> {
        let depth = self.current.as_ref().map_or(0, |current| current.depth);
        let end = [b"</", self.open.get(depth)].concat();
        let rest = &intake.bytes()[self.scanned..];
        let bytes = &rest[..rest.len().min(self.limits.record_bytes)];
        let mut at = 0;
        while let Some(found) = memmem::find(&bytes[at..], &end).map(|found| at + found) {
            if let Markup::Close(tag) = markup(&bytes[found..])
                && tag.name_end == end.len()
            {
                self.scanned += found + tag.length;
                while self.open.depth() > depth {
                    self.open.pop();
                }
                return Ok(self.finish(intake));
            }
            at = found + end.len();
        }
        let flaw = self.current.as_ref().and_then(|current| current.flaw.clone());
        match flaw {
            Some(flaw) if intake.ended() || rest.len() > bytes.len() => Err(flaw),
            Some(_) | None => Ok(Step::More),
        }
    }

    /// What it means that the bytes end here.
    fn at_end(&self, intake: &Intake) -> Result<Step, Issue> {
        if !intake.ended() {
            return Ok(Step::More);
        }
        let place = intake.spot_at(intake.bytes().len()).place();
        if let Some(section) = self.section {
            let end = String::from_utf8_lossy(section.end());
            return Err(Issue::error(Code("E120"), format!("the file ends before `{end}`")).at(place));
        }
        if self.scanned < intake.bytes().len() {
            return Err(Issue::error(Code("E120"), "the file ends inside a tag")
                .at(place)
                .hint("it was cut short: ask for it again"));
        }
        if self.open.depth() > 0 {
            let name = String::from_utf8_lossy(self.open.last());
            let issue = Issue::error(Code("E121"), format!("the file ends before `</{name}>`")).at(place);
            return Err(issue.hint("it was cut short: ask for it again"));
        }
        if !self.past {
            let issue = Issue::error(Code("E122"), "no root element").at(place);
            return Err(
                issue.hint("an empty export must still hold its root element; is the file still being written?")
            );
        }
        Ok(Step::Done)
    }

    /// Whether an element of this name, with declarations of its own, is a record.
    fn is_record(&self, name: &[u8], own: &[(String, String)]) -> bool {
        match &self.boundary {
            Boundary::Root => self.open.depth() == 0,
            Boundary::Undeclared(_) => false,
            Boundary::Element { local, namespace } => {
                let (prefix, found) = split_name(name);
                let own = own.iter().find(|(known, _)| known.as_bytes() == prefix).map(|(_, uri)| uri.as_str());
                let is = |uri: &String| own.or_else(|| self.scopes.resolve(prefix)) == Some(uri);
                found == local && namespace.as_ref().is_none_or(is)
            }
        }
    }

    /// A prefix of this tag that no open element declares.
    fn undeclared(&self, name: &[u8], attributes: &[u8]) -> Option<String> {
        let attributes = Attributes::of(attributes).flatten().map(|attribute| attribute.name);
        std::iter::once(name)
            .chain(attributes)
            .map(|name| split_name(name).0)
            .find(|prefix| !matches!(*prefix, b"" | b"xml" | b"xmlns") && self.scopes.resolve(prefix).is_none())
            .map(|prefix| String::from_utf8_lossy(prefix).into_owned())
    }
}

/// Checks the attributes of an element outside records; its namespace declarations.
fn outer_attributes(intake: &Intake, attributes: &[u8]) -> Result<Vec<(String, String)>, Issue> {
    let mut declared = Vec::new();
    for attribute in Attributes::of(attributes) {
        let Attribute { name, value, .. } = attribute.map_err(|(_, what)| Issue::error(Code("E120"), what))?;
        if let Some(prefix) = declared_prefix(name) {
            let charset = intake.charset();
            let text = charset.of_records().decode(value).map_err(|_| charset::invalid(charset, value))?;
            let uri = unescape(&text).map_err(|_| Issue::error(Code("E128"), "an entity that is not predefined"))?;
            declared.push((String::from_utf8_lossy(prefix).into_owned(), uri.into_owned()));
        }
    }
    Ok(declared)
}

fn is_declaration(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"<?xml").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_whitespace))
}

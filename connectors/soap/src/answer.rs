//! Answers: the envelope out of its parts, whether it can be read, and single values below its body. Pure.

use std::borrow::Cow;

use bytes::Bytes;
use guichet_http::list::Path;
use guichet_http::{Answer, Judge, Judged, Means, Rules, codes as http, text};
use guichet_sdk::format::{Event, Format, Limits, Shape, Walk, place, text_of};
use guichet_sdk::{Fault, FaultKind, Issue, Place, Retry};
use memchr::memmem;

use crate::codes;
use crate::envelope::{self, Block, Envelope};
use crate::parts::{parameter, split};
use crate::rules::{FaultRule, told, verdict};
use crate::security::{WSSE, WSU};
use crate::settings::{Addressing, Attachments};

/// Decides what answers mean: what an integrator says of them, what the fault in them says, then what HTTP says.
pub struct FaultJudge {
    rules: Rules,
    faults: Vec<FaultRule>,
    encoding: String,
}

impl FaultJudge {
    /// A judge with these rules, for answers in this encoding.
    pub fn new(rules: Rules, faults: Vec<FaultRule>, encoding: String) -> Self {
        FaultJudge { rules, faults, encoding }
    }

    /// An envelope without a fault.
    fn good(&self, answer: &Answer, envelope: &Envelope<'_>, text: &str) -> Result<Judged, Fault> {
        if let Some(block) = envelope.blocks.iter().find(|block| block.must_understand && !is_understood(block)) {
            let message = format!("the header `{}` of the answer must be understood, and is not", block.name.local);
            let mut fault = Fault::new(FaultKind::Protocol, codes::NOT_UNDERSTOOD, message);
            fault.issue.place = Place::file(&*answer.about);
            fault.issue.hint = Some("ask whoever runs the peer to answer without it".to_owned());
            return Err(fault);
        }
        let ruled = self.faults.iter().enumerate().filter(|(_, rule)| rule.code.is_none());
        for (position, rule) in ruled {
            let Some(element) = &rule.element else { continue };
            let Some((at, says)) = error_element(text, element) else { continue };
            if rule.text.as_ref().is_some_and(|wanted| !says.contains(wanted)) {
                continue;
            }
            return match told(rule.means, answer) {
                None if rule.means == Means::Empty => Ok(Judged::Empty),
                None => Ok(Judged::Good),
                Some((kind, _, retry)) => {
                    let shown: String = says.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect();
                    let message = format!("the answer holds `{element}`: {shown}");
                    let mut fault = Fault::new(kind, codes::ERROR_ELEMENT, message).retry(retry);
                    fault.issue.place = Place { file: Some(answer.about.to_string()), ..at };
                    fault.issue.hint = Some(format!("`faults[{position}]` says what it means"));
                    Err(fault)
                }
            };
        }
        Ok(Judged::Good)
    }
}

impl Judge for FaultJudge {
    fn judge(&self, answer: &Answer) -> Result<Judged, Fault> {
        if let Some(verdict) = self.rules.written(answer) {
            return verdict;
        }
        let content_type = text(&answer.headers, "content-type");
        let body = match split(content_type, &answer.body) {
            Ok(parts) => parts.map_or_else(|| answer.body.clone(), |parts| parts.root),
            Err(issue) => return self.rules.built_in(answer).and(Err(unreadable(answer, issue))),
        };
        let encoding = encoding(&self.encoding, content_type, &body);
        let text = readable(&body, &encoding);
        match envelope::read(&text, Limits::default()) {
            Ok(Envelope { fault: Some(fault), .. }) => verdict(&self.faults, answer, &fault).map(|()| Judged::Empty),
            // a failure of HTTP stays one, whatever envelope came with it
            Ok(envelope) => match self.rules.built_in(answer)? {
                Judged::Good => self.good(answer, &envelope, &text),
                Judged::Empty => Ok(Judged::Empty),
            },
            Err(issue) => match self.rules.built_in(answer)? {
                Judged::Empty => Ok(Judged::Empty),
                Judged::Good => Err(unreadable(answer, issue)),
            },
        }
    }
}

/// What cannot be read may be damaged, or another page; the peer may answer better the next time.
fn unreadable(answer: &Answer, mut issue: Issue) -> Fault {
    issue.place.file = Some(answer.about.to_string());
    Fault { kind: FaultKind::Protocol, ..Fault::content(issue) }.retry(Retry::After(None))
}

/// WS-Addressing says nothing here that the connection does not say; of WS-Security, only a Timestamp is understood.
fn is_understood(block: &Block<'_>) -> bool {
    let of = |addressing: Addressing| block.name.namespace == addressing.namespace();
    let only_time = || block.parts.iter().all(|part| part.namespace == WSU && part.local == "Timestamp");
    of(Addressing::W3c) || of(Addressing::Submission) || (block.name.namespace == WSSE && only_time())
}

/// The text of an answer. Bytes that no text can hold spoil their record, and are told where it is cut out; the envelope
/// around it can be read all the same.
fn readable<'a>(body: &'a [u8], encoding: &str) -> Cow<'a, str> {
    text_of(body, encoding).unwrap_or_else(|_| String::from_utf8_lossy(body))
}

/// The first element of this name below the body: where it stands and what it says.
fn error_element(text: &str, local: &str) -> Option<(Place, String)> {
    memmem::find(text.as_bytes(), local.as_bytes())?;
    let mut walk = Walk::new(text, Limits::default());
    let (mut in_body, mut found): (bool, Option<(Place, usize, String)>) = (false, None);
    // what is not well-formed is told where records are cut out
    while let Ok(Some((span, event))) = walk.next() {
        match (event, &mut found) {
            (Event::Open(element), None) if element.depth == 1 => in_body = element.local == "Body",
            (Event::Open(element), None) if in_body && element.local == local => {
                found = Some((place(text, span.start), element.depth, String::new()));
            }
            (Event::Text(text), Some((.., says))) => push(says, text.trim()),
            (Event::Cdata(text), Some((.., says))) => push(says, text.trim()),
            (Event::Close(depth), Some((_, open, _))) if depth == *open => break,
            _ => {}
        }
    }
    found.map(|(place, _, says)| (place, says))
}

fn push(says: &mut String, text: &str) {
    if !says.is_empty() && !text.is_empty() {
        says.push(' ');
    }
    says.push_str(text);
}

/// The envelope of an answer.
pub fn envelope_of(answer: &Answer, attachments: Attachments, limit: u64) -> Result<Bytes, Fault> {
    let content_type = text(&answer.headers, "content-type");
    if answer.empty {
        return Ok(Bytes::new());
    }
    let parts = split(content_type, &answer.body).map_err(|issue| unreadable(answer, issue))?;
    match (parts, attachments) {
        (None, _) => Ok(answer.body.clone()),
        (Some(parts), Attachments::Reference) => Ok(parts.root),
        (Some(parts), Attachments::Inline) => parts.inlined(limit).map_err(|mut issue| {
            issue.place.file = Some(answer.about.to_string());
            Fault::content(issue)
        }),
    }
}

/// The format of an answer: where neither the mapping nor the XML names the encoding, HTTP does.
pub fn format_of<'a>(format: &'a Format, answer: &Answer, body: &[u8]) -> Cow<'a, Format> {
    match encoding(&format.encoding, text(&answer.headers, "content-type"), body) {
        Cow::Borrowed(_) => Cow::Borrowed(format),
        Cow::Owned(encoding) => Cow::Owned(Format { encoding, ..format.clone() }),
    }
}

fn encoding<'a>(configured: &'a str, content_type: &str, body: &[u8]) -> Cow<'a, str> {
    let head = &body[..body.len().min(100)];
    let says_itself = head.first().is_none_or(|first| *first >= 0x80) || memmem::find(head, b"encoding").is_some();
    let charset = parameter(content_type, "charset").filter(|charset| !charset.eq_ignore_ascii_case("utf-8"));
    match charset.filter(|_| configured == "auto" && !says_itself) {
        Some(charset) => Cow::Owned(charset.to_ascii_lowercase()),
        None => Cow::Borrowed(configured),
    }
}

/// The value at a path below the body; names are known by the namespaces of the mapping, or without any.
pub fn value(format: &Format, body: &[u8], path: &Path) -> Option<String> {
    let text = readable(body, &format.encoding);
    let Shape::Xml { namespaces, .. } = &format.shape else { return None };
    let (steps, attribute) = match path.steps().split_last()? {
        (last, steps) if last.starts_with('@') => (steps, Some(&last[1..])),
        _ => (path.steps(), None),
    };
    let is = |step: &str, namespace: &str, local: &str| match step.split_once(':') {
        None => step == local,
        Some((prefix, wanted)) => {
            wanted == local && namespaces.iter().any(|(known, uri)| known == prefix && uri == namespace)
        }
    };
    let mut walk = Walk::new(&text, Limits::default());
    let (mut in_body, mut matched, mut says) = (false, 0, String::new());
    while let Some((_, event)) = walk.next().ok()? {
        match event {
            Event::Open(element) if element.depth == 1 => in_body = element.local == "Body",
            Event::Open(element) => {
                let below = element.depth.checked_sub(2).filter(|_| in_body);
                let next = steps.get(matched).filter(|_| below == Some(matched));
                if next.is_some_and(|step| is(step, &element.namespace, element.local)) {
                    matched += 1;
                    if let Some(name) = attribute.filter(|_| matched == steps.len()) {
                        return element.attribute("", name).map(str::to_owned);
                    }
                }
            }
            Event::Text(text) if matched == steps.len() => says.push_str(&text),
            Event::Cdata(text) if matched == steps.len() => says.push_str(text),
            Event::Close(depth) if matched > 0 && depth == matched + 1 => {
                if matched == steps.len() {
                    return Some(says.trim().to_owned()).filter(|says| !says.is_empty());
                }
                matched -= 1;
            }
            Event::Text(_) | Event::Cdata(_) | Event::Aside | Event::Close(_) => {}
        }
    }
    None
}

/// A record asked for by an id that leads nowhere.
pub fn no_id() -> Fault {
    Fault::new(FaultKind::Refused, http::NO_ID, "the id of a detail is empty")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn format() -> Format {
        let namespaces = vec![("p".to_owned(), "urn:p".to_owned())];
        let shape = Shape::Xml { record: "x".to_owned(), namespaces, raw: Vec::new() };
        Format { shape, encoding: "auto".to_owned(), limits: Limits::default() }
    }

    #[test]
    fn values_are_found_below_the_body() {
        let text = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header><more>9</more></s:Header>\
            <s:Body><r xmlns='urn:q'><x><more>inner</more></x><q:more xmlns:q='urn:p' n='2'>yes</q:more><more/><e> a&amp;b </e></r></s:Body></s:Envelope>";
        for (path, expected) in [
            ("r/more", Some("yes")),
            ("r/p:more", Some("yes")),
            ("r/p:more@n", Some("2")),
            ("r/x/more", Some("inner")),
            ("r/x/p:more", None),
            ("r/e", Some("a&b")),
            ("more", None),
            ("r/none", None),
            ("r/e@n", None),
        ] {
            assert_eq!(value(&format(), text.as_bytes(), &Path::parse(path).unwrap()).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn http_names_the_encoding_where_nothing_else_does() {
        let of = |configured, content_type, body: &[u8]| encoding(configured, content_type, body).into_owned();
        let latin = "text/xml; charset=\"ISO-8859-1\"";
        assert_eq!(of("auto", latin, b"<a/>"), "iso-8859-1");
        assert_eq!(of("cp850", latin, b"<a/>"), "cp850");
        assert_eq!(of("auto", latin, b"<?xml version='1.0' encoding='utf-8'?>"), "auto");
        assert_eq!(of("auto", latin, b"\xef\xbb\xbf<a/>"), "auto");
        assert_eq!(of("auto", "text/xml; charset=utf-8", b"<a/>"), "auto");
    }
}

//! Envelopes of both versions, read as far as needed: header blocks, the name of what the body holds, a fault. Pure.
//!
//! Stops at the first element of the body: what comes after it is for those who cut records out of it, and find out
//! whether it is whole.

use std::borrow::Cow;

use guichet_sdk::Issue;
use guichet_sdk::format::{Element, Event, Limits, Walk, place};

use crate::codes;
use crate::fault::SoapFault;

/// A version of SOAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.1.
    Soap11,
    /// 1.2.
    Soap12,
}

impl Version {
    /// Its namespace.
    pub fn namespace(self) -> &'static str {
        match self {
            Version::Soap11 => "http://schemas.xmlsoap.org/soap/envelope/",
            Version::Soap12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    /// The content type of its messages.
    pub fn content_type(self) -> &'static str {
        match self {
            Version::Soap11 => "text/xml; charset=utf-8",
            Version::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }

    /// The version of a namespace.
    pub fn of(namespace: &str) -> Option<Self> {
        [Version::Soap11, Version::Soap12].into_iter().find(|version| version.namespace() == namespace)
    }

    /// Whether a header block with this `actor` or `role` is for whoever receives the message.
    fn is_for_receiver(self, actor: &str) -> bool {
        match self {
            Version::Soap11 => matches!(actor, "" | "http://schemas.xmlsoap.org/soap/actor/next"),
            Version::Soap12 => {
                let role = actor.strip_prefix("http://www.w3.org/2003/05/soap-envelope/role/");
                actor.is_empty() || matches!(role, Some("next" | "ultimateReceiver"))
            }
        }
    }
}

/// A name, by its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name<'a> {
    /// Its namespace; empty for none.
    pub namespace: Cow<'a, str>,
    /// Its name without prefix.
    pub local: &'a str,
}

impl<'a> Name<'a> {
    fn of(element: &Element<'a>) -> Self {
        Name { namespace: element.namespace.clone(), local: element.local }
    }
}

/// A block of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    /// What it is.
    pub name: Name<'a>,
    /// Whoever receives the message must know what it means, or refuse the message.
    pub must_understand: bool,
    /// The elements directly in it.
    pub parts: Vec<Name<'a>>,
    /// Its text, where it holds nothing else.
    pub text: String,
}

/// An envelope, as far as its head.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope<'a> {
    /// Its version; `None` for a fault without an envelope, as some vendors send it.
    pub version: Option<Version>,
    /// The blocks of its header.
    pub blocks: Vec<Block<'a>>,
    /// The first element of its body; `None` where the body is empty.
    pub body: Option<Name<'a>>,
    /// The fault its body holds.
    pub fault: Option<SoapFault>,
}

/// Reads the head of an envelope. Issues carry line and column.
pub fn read(text: &str, limits: Limits) -> Result<Envelope<'_>, Issue> {
    let mut walk = Walk::new(text, limits);
    let (at, root) = next_element(&mut walk)?;
    let version = match (Version::of(&root.namespace), root.local) {
        (Some(version), "Envelope") => version,
        // some vendors send the fault alone, or without its namespace
        (_, "Fault") => {
            let fault = Some(SoapFault::read(&mut walk, place(text, at), root.depth)?);
            return Ok(Envelope { version: None, blocks: Vec::new(), body: Some(Name::of(&root)), fault });
        }
        (None, "Envelope") => {
            let message = format!("an envelope of an unknown version of SOAP: namespace `{}`", root.namespace);
            return Err(Issue::error(codes::VERSION, message).at(place(text, at)));
        }
        (_, local) => {
            let message = format!("`{local}` is no SOAP envelope");
            return Err(Issue::error(codes::NO_ENVELOPE, message).at(place(text, at)));
        }
    };
    let (mut at, mut part) = next_element(&mut walk)?;
    let mut blocks = Vec::new();
    if part.is(version.namespace(), "Header") {
        blocks = header(&mut walk, version)?;
        (at, part) = next_element(&mut walk)?;
    }
    if !part.is(version.namespace(), "Body") {
        let message = format!("`{}` stands where the `Body` of the envelope is expected", part.local);
        return Err(Issue::error(codes::NO_ENVELOPE, message).at(place(text, at)));
    }
    let (mut body, mut fault) = (None, None);
    while let Some((span, event)) = walk.next()? {
        match event {
            Event::Open(element) => {
                if element.local == "Fault" && (element.namespace.is_empty() || element.namespace == root.namespace) {
                    fault = Some(SoapFault::read(&mut walk, place(text, span.start), element.depth)?);
                }
                body = Some(Name::of(&element));
                break;
            }
            Event::Close(_) => break,
            Event::Text(_) | Event::Cdata(_) | Event::Aside => {}
        }
    }
    Ok(Envelope { version: Some(version), blocks, body, fault })
}

/// The next start tag, and where it stands.
fn next_element<'a>(walk: &mut Walk<'a>) -> Result<(usize, Element<'a>), Issue> {
    loop {
        match walk.next()? {
            Some((span, Event::Open(element))) => return Ok((span.start, element)),
            Some((_, Event::Text(_) | Event::Cdata(_) | Event::Aside)) => {}
            Some((_, Event::Close(_))) | None => {
                return Err(Issue::error(codes::NO_ENVELOPE, "the envelope has no `Body`"));
            }
        }
    }
}

/// The blocks of a header whose start tag was read.
fn header<'a>(walk: &mut Walk<'a>, version: Version) -> Result<Vec<Block<'a>>, Issue> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    while let Some((_, event)) = walk.next()? {
        match event {
            Event::Open(element) if element.depth == 2 => {
                let own = |name| element.attribute(version.namespace(), name).unwrap_or_default().trim().to_owned();
                let actor = own(if version == Version::Soap11 { "actor" } else { "role" });
                let must_understand =
                    matches!(own("mustUnderstand").as_str(), "1" | "true") && version.is_for_receiver(&actor);
                let name = Name::of(&element);
                blocks.push(Block { name, must_understand, parts: Vec::new(), text: String::new() });
            }
            Event::Open(element) => {
                if let Some(block) = blocks.last_mut().filter(|_| element.depth == 3) {
                    block.text.clear();
                    block.parts.push(Name::of(&element));
                }
            }
            Event::Text(text) => match blocks.last_mut() {
                Some(block) if block.parts.is_empty() => block.text.push_str(text.trim()),
                _ => {}
            },
            Event::Close(1) => break,
            Event::Cdata(_) | Event::Aside | Event::Close(_) => {}
        }
    }
    Ok(blocks)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const S11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
    const S12: &str = "http://www.w3.org/2003/05/soap-envelope";

    fn envelope(namespace: &str, inside: &str) -> String {
        format!("<?xml version=\"1.0\"?>\n<x:Envelope xmlns:x=\"{namespace}\">{inside}</x:Envelope>")
    }

    #[test]
    fn versions_and_names_are_known_by_namespace() {
        for (namespace, version) in [(S11, Version::Soap11), (S12, Version::Soap12)] {
            let text = envelope(namespace, "<x:Body><List xmlns=\"urn:a\"/></x:Body>");
            let read = read(&text, Limits::default()).unwrap();
            assert_eq!(read.version, Some(version));
            assert_eq!(read.body, Some(Name { namespace: "urn:a".into(), local: "List" }));
            assert_eq!((read.fault, read.blocks.len()), (None, 0));
        }
        let text = envelope(S11, "<x:Header/><x:Body/>");
        assert_eq!(read(&text, Limits::default()).unwrap().body, None);
    }

    #[test]
    fn a_header_block_must_be_understood_by_whom_it_is_for() {
        let text = envelope(
            S11,
            "<x:Header><a xmlns='urn:a' x:mustUnderstand='1'><b/></a><c x:mustUnderstand='true' x:actor='urn:else'> t </c>\
             <d mustUnderstand='1'/></x:Header><x:Body/>",
        );
        let blocks = read(&text, Limits::default()).unwrap().blocks;
        let seen: Vec<_> = blocks
            .iter()
            .map(|block| (block.name.local, block.must_understand, block.parts.len(), block.text.as_str()))
            .collect();
        assert_eq!(seen, [("a", true, 1, ""), ("c", false, 0, "t"), ("d", false, 0, "")]);
        let role = format!("{S12}/role/next");
        let text = envelope(S12, &format!("<x:Header><a x:mustUnderstand='1' x:role='{role}'/></x:Header><x:Body/>"));
        assert!(read(&text, Limits::default()).unwrap().blocks[0].must_understand);
    }

    #[test]
    fn what_is_no_envelope_is_told_with_its_place() {
        let wrong = |text: &str| {
            let issue = read(text, Limits::default()).unwrap_err();
            (issue.code.0, issue.place.line)
        };
        assert_eq!(wrong("<html/>"), ("E340", Some(1)));
        assert_eq!(wrong(&envelope("urn:soap:9", "<x:Body/>")), ("E341", Some(2)));
        assert_eq!(wrong(&envelope(S11, "<x:Header/>")).0, "E340");
        assert_eq!(wrong(&envelope(S11, "<Body/>")), ("E340", Some(2)));
        assert_eq!(wrong(&format!("<!DOCTYPE a>{}", envelope(S11, "<x:Body/>"))), ("E123", Some(1)));
        assert_eq!(wrong(&envelope(S11, &"<x:a>".repeat(100))).0, "E340");
        let deep = format!("<x:Header>{}", "<a>".repeat(100));
        assert_eq!(wrong(&envelope(S11, &deep)).0, "E126");
    }
}

//! What the head of a message says before its records are looked at: version, action, what it holds, what must be
//! understood. Pure.

use guichet_sdk::format::{Event, Limits, Walk, place, text_of};
use guichet_sdk::{Issue, Message};

use crate::codes;
use crate::envelope::{self, Block, Version};
use crate::security::WSSE;
use crate::settings::Addressing;

/// A name by its namespace, kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Its namespace; empty for none.
    pub namespace: String,
    /// Its name without prefix.
    pub local: String,
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace.is_empty() {
            true => write!(f, "{}", self.local),
            false => write!(f, "{{{}}}{}", self.namespace, self.local),
        }
    }
}

/// The head of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its version.
    pub version: Version,
    /// What the body holds; `None` where it is empty.
    pub body: Option<Named>,
    /// The action, as each place that names one says it: HTTP, WS-Addressing.
    pub actions: Vec<String>,
    /// WS-Addressing, and the id of the message, where the peer uses it.
    pub addressed: Option<(Addressing, String)>,
    /// A header block that must be understood, and is not.
    pub strange: Option<Named>,
}

impl Head {
    /// Reads the head of an envelope; `secured` = WS-Security is understood.
    pub fn read(message: &Message, text: &str, limits: Limits, secured: bool) -> Result<Self, Issue> {
        let envelope = envelope::read(text, limits)?;
        let version =
            envelope.version.ok_or_else(|| Issue::error(codes::NO_ENVELOPE, "a fault alone is no message"))?;
        let mut head = Head { version, body: None, actions: http_action(message), addressed: None, strange: None };
        head.body =
            envelope.body.map(|name| Named { namespace: name.namespace.into_owned(), local: name.local.into() });
        for block in &envelope.blocks {
            head.take(block, secured);
        }
        Ok(head)
    }

    fn take(&mut self, block: &Block<'_>, secured: bool) {
        let namespace = &*block.name.namespace;
        let both = [Addressing::W3c, Addressing::Submission];
        if let Some(addressing) = both.into_iter().find(|version| version.namespace() == namespace) {
            match block.name.local {
                "Action" => self.actions.push(block.text.trim().to_owned()),
                "MessageID" => self.addressed = Some((addressing, block.text.trim().to_owned())),
                // our answer goes back on the line it came by, wherever else it is wanted
                "To" | "From" | "ReplyTo" | "FaultTo" | "RelatesTo" => {}
                _ => self.must(block),
            }
        } else if namespace != WSSE || block.name.local != "Security" || !secured {
            self.must(block);
        }
    }

    fn must(&mut self, block: &Block<'_>) {
        if block.must_understand && self.strange.is_none() {
            let (namespace, local) = (block.name.namespace.clone().into_owned(), block.name.local.to_owned());
            self.strange = Some(Named { namespace, local });
        }
    }
}

/// The action that HTTP names: `SOAPAction`, or the parameter of the content type of SOAP 1.2.
fn http_action(message: &Message) -> Vec<String> {
    let plain = |text: &str| text.trim().trim_matches('"').trim().to_owned();
    let header = message.header("soapaction").map(plain);
    let parameters = message.header("content-type").into_iter().flat_map(|value| value.split(';').skip(1));
    let parameter = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("action").then(|| plain(value))
    });
    header.into_iter().chain(parameter).filter(|action| !action.is_empty()).collect()
}

/// The version a message is taken to be of where its envelope does not say.
pub fn version_of(message: &Message) -> Version {
    let told = message.header("content-type").unwrap_or_default();
    if told.trim_start().starts_with("application/soap+xml") { Version::Soap12 } else { Version::Soap11 }
}

/// The text of a message.
pub fn text<'m>(message: &'m Message, encoding: &str) -> Result<std::borrow::Cow<'m, str>, Issue> {
    if message.header("content-type").is_some_and(|told| told.trim_start().starts_with("multipart/")) {
        let issue = Issue::error(codes::NO_ENVELOPE, "a message with attachments is not taken");
        return Err(issue.hint("send the envelope alone, as `text/xml` or `application/soap+xml`"));
    }
    text_of(&message.body, encoding)
}

/// An element of this name in the header would be cut as a record, and is none.
pub fn smuggled(text: &str, limits: Limits, version: Version, record: &Named) -> Result<(), Issue> {
    let mut walk = Walk::new(text, limits);
    while let Some((span, event)) = walk.next()? {
        match event {
            Event::Open(element) if element.depth == 1 && element.is(version.namespace(), "Body") => break,
            Event::Open(element) if element.is(&record.namespace, &record.local) => {
                let message = format!("`{}` stands in the header of the envelope", record.local);
                return Err(Issue::error(codes::SMUGGLED, message).at(place(text, span.start)));
            }
            Event::Open(_) | Event::Text(_) | Event::Cdata(_) | Event::Aside | Event::Close(_) => {}
        }
    }
    Ok(())
}

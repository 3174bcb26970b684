//! What a peer is told: an envelope or a fault, in its own version of SOAP. Pure.

use guichet_sdk::format::{Event, Limits, Walk, escape_xml, place};
use guichet_sdk::settings::UNUSABLE;
use guichet_sdk::{Ended, Issue, Message, Reply, Side, Taken, Turned};

use super::head::{Head, Named, version_of};
use crate::codes;
use crate::envelope::Version;
use crate::security::WSSE;

/// What can be said of a message in an answer.
const COUNTS: [&str; 6] = ["received", "applied", "duplicate", "superseded", "quarantined", "parked"];

/// What stands in the body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// XML with counts in braces.
    text: String,
    /// Its element.
    pub element: Named,
}

impl Answer {
    /// An empty element called after the one that was sent.
    pub fn empty(element: &Named) -> Self {
        let element = Named { local: format!("{}Response", element.local), ..element.clone() };
        let text = match element.namespace.is_empty() {
            true => format!("<{}/>", element.local),
            false => format!("<r:{} xmlns:r=\"{}\"/>", element.local, escape_xml(&element.namespace)),
        };
        Answer { text, element }
    }

    /// Reads an answer as an integrator writes it.
    pub fn parse(text: &str) -> Result<Self, Issue> {
        let mut walk = Walk::new(text, Limits::default());
        let mut element = None;
        while let Some((_, event)) = walk.next()? {
            if let (Event::Open(root), None) = (event, &element) {
                element = Some(Named { namespace: root.namespace.into_owned(), local: root.local.to_owned() });
            }
        }
        for (at, _) in text.match_indices('{') {
            let word = text[at + 1..].split('}').next().unwrap_or_default();
            if !COUNTS.contains(&word) {
                let issue = Issue::error(UNUSABLE, format!("`{{{word}}}` is not a count")).at(place(text, at));
                return Err(issue.hint(format!("counts are `{{{}}}`", COUNTS.join("}`, `{"))));
            }
        }
        let element = element.ok_or_else(|| Issue::error(UNUSABLE, "there is no element"))?;
        Ok(Answer { text: text.trim().to_owned(), element })
    }

    fn fill(&self, taken: &[Taken]) -> String {
        let count = |ended: Ended| taken.iter().filter(|taken| taken.ended == ended).count();
        let counts = [
            taken.len(),
            count(Ended::Applied),
            count(Ended::Duplicate),
            count(Ended::Superseded),
            count(Ended::Quarantined),
            count(Ended::Parked),
        ];
        let named = COUNTS.into_iter().zip(counts);
        named.fold(self.text.clone(), |text, (word, count)| text.replace(&format!("{{{word}}}"), &count.to_string()))
    }
}

/// The answer to a message that is committed.
pub fn taken(head: &Head, action: &str, answer: &Answer, taken: &[Taken]) -> Reply {
    let header = head.addressed.as_ref().map_or_else(String::new, |(version, id)| {
        let (namespace, id) = (version.namespace(), escape_xml(id));
        let action = escape_xml(&format!("{action}Response"));
        format!(
            "<s:Header><a:Action xmlns:a=\"{namespace}\">{action}</a:Action>\
             <a:RelatesTo xmlns:a=\"{namespace}\">{id}</a:RelatesTo></s:Header>"
        )
    });
    reply(200, head.version, &header, &answer.fill(taken))
}

/// The fault of a message that was not taken.
pub fn refused(message: &Message, head: Option<&Head>, turned: &Turned) -> Reply {
    let version = head.map_or_else(|| version_of(message), |head| head.version);
    let issue = &turned.issue;
    let text = match &issue.hint {
        Some(hint) => format!("{}: {} ({hint})", issue.code, issue.message),
        None => format!("{}: {}", issue.code, issue.message),
    };
    let (text, detail) = (escape_xml(&text), detail(issue));
    let (code, security) = (code(version, turned), issue.code == codes::CREDENTIALS || issue.code == codes::REPLAYED);
    let fault = match version {
        Version::Soap11 if security => format!(
            "<s:Fault xmlns:w=\"{WSSE}\"><faultcode>w:FailedAuthentication</faultcode><faultstring>{text}</faultstring>\
             <detail>{detail}</detail></s:Fault>"
        ),
        Version::Soap11 => format!(
            "<s:Fault><faultcode>s:{code}</faultcode><faultstring>{text}</faultstring><detail>{detail}</detail></s:Fault>"
        ),
        Version::Soap12 => {
            let sub = "<s:Subcode><s:Value>w:FailedAuthentication</s:Value></s:Subcode>";
            let sub = if security { sub } else { "" };
            format!(
                "<s:Fault xmlns:w=\"{WSSE}\"><s:Code><s:Value>s:{code}</s:Value>{sub}</s:Code>\
                 <s:Reason><s:Text xml:lang=\"en\">{text}</s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault>"
            )
        }
    };
    let status = match (version, turned.by) {
        (Version::Soap12, Side::Peer) => 400,
        (Version::Soap11, Side::Peer) | (_, Side::Hub) => 500,
    };
    reply(status, version, "", &fault)
}

fn code(version: Version, turned: &Turned) -> &'static str {
    if turned.issue.code == codes::VERSION {
        return "VersionMismatch";
    }
    if turned.issue.code == codes::STRANGE {
        return "MustUnderstand";
    }
    match (version, turned.by) {
        (Version::Soap11, Side::Peer) => "Client",
        (Version::Soap11, Side::Hub) => "Server",
        (Version::Soap12, Side::Peer) => "Sender",
        (Version::Soap12, Side::Hub) => "Receiver",
    }
}

fn detail(issue: &Issue) -> String {
    let number = |name: &str, number: Option<u64>| {
        number.map_or_else(String::new, |number| format!("<g:{name}>{number}</g:{name}>"))
    };
    let (line, column) = (number("line", issue.place.line), number("column", issue.place.column));
    format!("<g:issue xmlns:g=\"urn:guichet:issue\"><g:code>{}</g:code>{line}{column}</g:issue>", issue.code)
}

fn reply(status: u16, version: Version, header: &str, body: &str) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope xmlns:s=\"{}\">{header}<s:Body>{body}</s:Body></s:Envelope>",
        version.namespace()
    );
    Reply { status, content_type: version.content_type(), body: text.into() }
}

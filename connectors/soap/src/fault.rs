//! Faults of both versions, and the bare ones of vendors: their codes, their reason, what their detail says. Pure.

use guichet_sdk::format::{Event, Walk};
use guichet_sdk::{Issue, Place};

/// As much of a fault's texts as an operator is shown.
const SHOWN: usize = 300;
/// Elements of a detail that rules can ask for.
const ELEMENTS: usize = 100;

/// A fault a peer answered with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SoapFault {
    /// Its code and subcodes, outermost first, without their prefixes: `Server`, `Client.NoSuchCase`.
    pub codes: Vec<String>,
    /// What it says to people.
    pub reason: String,
    /// The texts of its detail.
    pub detail: String,
    /// The names of the elements in its detail, without their prefixes.
    pub elements: Vec<String>,
    /// Where it stands in the answer.
    pub place: Place,
}

impl SoapFault {
    /// Reads a fault whose start tag, with `depth` elements around it, was read.
    pub(crate) fn read(walk: &mut Walk<'_>, place: Place, depth: usize) -> Result<Self, Issue> {
        let mut fault = SoapFault { place, ..SoapFault::default() };
        let mut path: Vec<&str> = Vec::new();
        while let Some((_, event)) = walk.next()? {
            match event {
                Event::Open(element) => {
                    if path.first().is_some_and(|first| is_detail(first)) && fault.elements.len() < ELEMENTS {
                        fault.elements.push(element.local.to_owned());
                    }
                    path.push(element.local);
                }
                Event::Text(text) => fault.take(&path, text.trim()),
                Event::Cdata(text) => fault.take(&path, text.trim()),
                Event::Close(closed) if closed == depth => break,
                Event::Close(_) => {
                    path.pop();
                }
                Event::Aside => {}
            }
        }
        Ok(fault)
    }

    fn take(&mut self, path: &[&str], text: &str) {
        if text.is_empty() {
            return;
        }
        match path {
            ["faultcode"] | ["Code", .., "Value"] => self.codes.push(local(text).to_owned()),
            ["faultstring"] => add(&mut self.reason, text),
            // the first language will do
            ["Reason", "Text"] if self.reason.is_empty() => add(&mut self.reason, text),
            [first, ..] if is_detail(first) => add(&mut self.detail, text),
            _ => {}
        }
    }
}

impl std::fmt::Display for SoapFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codes = if self.codes.is_empty() { "without code".to_owned() } else { self.codes.join("/") };
        write!(f, "{codes}")?;
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

fn is_detail(local: &str) -> bool {
    local.eq_ignore_ascii_case("detail")
}

/// A qualified name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Adds a text on one line, as far as it is shown: neither line ends nor escape sequences of a peer reach a log.
fn add(to: &mut String, text: &str) {
    let room = SHOWN.saturating_sub(to.chars().count());
    if room == 0 {
        return;
    }
    if !to.is_empty() {
        to.push(' ');
    }
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    to.extend(plain.take(room));
    if text.chars().count() > room {
        to.push('…');
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::format::Limits;

    use super::*;
    use crate::envelope::read;

    fn fault(text: &str) -> SoapFault {
        read(text, Limits::default()).unwrap().fault.unwrap()
    }

    #[test]
    fn of_version_1_1() {
        let found = fault(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>\n<s:Fault>\
             <faultcode>s:Client.NoSuchCase</faultcode><faultstring>Dossier\n 7 <![CDATA[<inconnu>]]></faultstring>\
             <detail><e:Error xmlns:e='urn:e'><e:Number>42</e:Number></e:Error></detail></s:Fault></s:Body></s:Envelope>",
        );
        assert_eq!(found.to_string(), "Client.NoSuchCase: Dossier  7 <inconnu> (42)");
        assert_eq!((found.elements, found.place.line), (vec!["Error".to_owned(), "Number".to_owned()], Some(2)));
    }

    #[test]
    fn of_version_1_2() {
        let found = fault(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><s:Fault>\
             <s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:FailedAuthentication</s:Value></s:Subcode></s:Code>\
             <s:Reason><s:Text xml:lang='en'>no</s:Text><s:Text xml:lang='fr'>non</s:Text></s:Reason>\
             <s:Detail>why not</s:Detail></s:Fault></s:Body></s:Envelope>",
        );
        assert_eq!(found.to_string(), "Sender/FailedAuthentication: no (why not)");
    }

    #[test]
    fn of_vendors_who_leave_out_the_namespace_or_the_envelope() {
        let bare = "<Fault><faultcode>Server</faultcode><faultstring>ORA-01017</faultstring></Fault>";
        assert_eq!(fault(bare).to_string(), "Server: ORA-01017");
        let within = format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{bare}</s:Body></s:Envelope>"
        );
        assert_eq!(fault(&within).to_string(), "Server: ORA-01017");
        assert_eq!(fault("<Fault/>").to_string(), "without code");
    }

    #[test]
    fn what_is_shown_is_one_bounded_line() {
        let long = format!("<Fault><faultstring>{}\u{1b}[31m</faultstring></Fault>", "x\n".repeat(400));
        let shown = fault(&long.replace('\u{1b}', "&#9;")).to_string();
        assert!(shown.chars().count() < SHOWN + 20 && !shown.contains('\n'), "{shown}");
    }
}

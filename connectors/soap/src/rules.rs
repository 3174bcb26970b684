//! What faults mean: the rules of an integrator, then what the standards say. Pure.
//!
//! Unknown is never success: a fault nobody has a rule for is a failure to try again, never an empty list.

use guichet_http::{Answer, Means, codes as http, retry_after};
use guichet_sdk::settings::unusable;
use guichet_sdk::{Code, Fault, FaultKind, Issue, Place, Retry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::codes;
use crate::fault::SoapFault;

/// A rule: faults for which *all* written conditions hold mean `means`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The code or a subcode, without its prefix: `Client.NoSuchCase`; `Client.*` for all that begin so.
    #[serde(default)]
    pub code: Option<String>,
    /// A text in what the fault says, its detail included.
    #[serde(default)]
    pub text: Option<String>,
    /// An element in the detail, without its prefix. In a rule without `code` also anywhere in the body of an answer
    /// that is no fault: some peers report errors with HTTP 200; `text` is then looked for in that element.
    #[serde(default)]
    pub element: Option<String>,
    /// What such faults mean.
    pub means: Means,
}

impl FaultRule {
    /// What is wrong with the rule itself.
    pub fn issue(&self, position: usize) -> Option<Issue> {
        let bare = self.code.is_none() && self.text.is_none() && self.element.is_none();
        bare.then(|| {
            unusable(&format!("faults[{position}]"), "a rule without a condition would match every fault")
                .hint("write `code`, `text` or `element`")
        })
    }

    fn matches(&self, fault: &SoapFault) -> bool {
        let code = |wanted: &str| match wanted.strip_suffix('*') {
            Some(start) => fault.codes.iter().any(|code| code.starts_with(start)),
            None => fault.codes.iter().any(|code| code == wanted),
        };
        let says = |text: &str| fault.reason.contains(text) || fault.detail.contains(text);
        self.code.as_deref().is_none_or(code)
            && self.text.as_deref().is_none_or(says)
            && self.element.as_ref().is_none_or(|element| fault.elements.contains(element))
    }
}

/// What a fault means; an empty answer is no failure.
pub fn verdict(rules: &[FaultRule], answer: &Answer, fault: &SoapFault) -> Result<(), Fault> {
    let ruled = rules.iter().position(|rule| rule.matches(fault));
    let means = ruled.map_or_else(|| built_in(fault), |rule| rules[rule].means);
    let Some((kind, code, retry)) = told(means, answer) else { return Ok(()) };
    let mut told = Fault::new(kind, code, format!("the peer answers with a fault: {fault}")).retry(retry);
    told.issue.place = Place { file: Some(answer.about.to_string()), ..fault.place.clone() };
    told.issue.hint = Some(match (ruled, kind) {
        (Some(rule), _) => format!("`faults[{rule}]` says what it means"),
        (None, FaultKind::Unauthorized) => "check `security` or `auth` of this source".to_owned(),
        (None, _) => "where this fault means something else, say so in `faults`".to_owned(),
    });
    Err(told)
}

/// The failure behind what a rule says; `None` where it is none. A fault taken as fine holds nothing to read.
pub fn told(means: Means, answer: &Answer) -> Option<(FaultKind, Code, Retry)> {
    let wait = retry_after(&answer.headers);
    Some(match means {
        Means::Ok | Means::Empty => return None,
        Means::Transient => (FaultKind::Protocol, codes::FAULT, Retry::After(wait)),
        Means::Throttled => (FaultKind::Throttled, http::THROTTLED, Retry::After(wait)),
        Means::Unauthorized => (FaultKind::Unauthorized, http::UNAUTHORIZED, Retry::After(None)),
        Means::Permanent => (FaultKind::Refused, codes::FAULT_REFUSED, Retry::Never),
    })
}

/// What WS-Security calls credentials that are not good.
const REFUSED: [&str; 4] = ["FailedAuthentication", "InvalidSecurityToken", "FailedCheck", "InvalidSecurity"];
/// What no repetition helps against.
const FOR_GOOD: [&str; 9] = [
    "VersionMismatch",
    "MustUnderstand",
    "DataEncodingUnknown",
    "DeserializationFailed",
    "ActionNotSupported",
    "InvalidAddressingHeader",
    "MessageAddressingHeaderRequired",
    "DestinationUnreachable",
    "SecurityTokenUnavailable",
];

/// The innermost code that says something decides.
fn built_in(fault: &SoapFault) -> Means {
    let said = fault.codes.iter().rev().find_map(|code| {
        // SOAP 1.1 puts what is special behind a dot
        let (main, special) = code.split_once('.').unwrap_or((code, ""));
        let of = |words: &[&str]| words.contains(&main) || words.contains(&special);
        match main {
            _ if of(&REFUSED) => Some(Means::Unauthorized),
            _ if of(&FOR_GOOD) => Some(Means::Permanent),
            "Client" | "Sender" => Some(Means::Permanent),
            "Server" | "Receiver" => Some(Means::Transient),
            _ => None,
        }
    });
    said.unwrap_or(Means::Transient)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_http::{StatusCode, Url};

    use super::*;

    fn answer() -> Answer {
        Answer {
            about: "List".into(),
            url: Url::parse("http://peer.example/").unwrap(),
            status: StatusCode::INTERNAL_SERVER_ERROR,
            headers: guichet_http::header::HeaderMap::new(),
            body: bytes::Bytes::new(),
            empty: false,
        }
    }

    fn fault(codes: &str, reason: &str) -> SoapFault {
        let codes = codes.split('/').filter(|code| !code.is_empty()).map(str::to_owned).collect();
        SoapFault { codes, reason: reason.to_owned(), elements: vec!["NoData".to_owned()], ..SoapFault::default() }
    }

    #[test]
    fn standards_decide_where_no_rule_does() {
        for (codes, kind, code) in [
            ("Client", FaultKind::Refused, "E343"),
            ("Client.NoSuchCase", FaultKind::Refused, "E343"),
            ("Sender/x", FaultKind::Refused, "E343"),
            ("Server", FaultKind::Protocol, "E342"),
            ("Server.Authentication", FaultKind::Protocol, "E342"),
            ("Receiver", FaultKind::Protocol, "E342"),
            ("Sender/FailedAuthentication", FaultKind::Unauthorized, "E302"),
            ("Client.FailedAuthentication", FaultKind::Unauthorized, "E302"),
            ("InvalidSecurity", FaultKind::Unauthorized, "E302"),
            ("DeserializationFailed", FaultKind::Refused, "E343"),
            ("InternalServiceFault", FaultKind::Protocol, "E342"),
            ("", FaultKind::Protocol, "E342"),
        ] {
            let told = verdict(&[], &answer(), &fault(codes, "why")).unwrap_err();
            assert_eq!((told.kind, told.issue.code.0), (kind, code), "{codes}");
            assert!(told.issue.message.ends_with("why"), "{}", told.issue.message);
        }
    }

    #[test]
    fn rules_come_first_and_all_their_conditions_must_hold() {
        let rule = |code: Option<&str>, text: Option<&str>, element: Option<&str>, means| FaultRule {
            code: code.map(str::to_owned),
            text: text.map(str::to_owned),
            element: element.map(str::to_owned),
            means,
        };
        let rules = [
            rule(Some("Client"), Some("gone"), None, Means::Empty),
            rule(Some("Client.*"), None, None, Means::Transient),
            rule(None, None, Some("NoData"), Means::Empty),
        ];
        assert!(verdict(&rules, &answer(), &fault("Client", "it is gone")).is_ok());
        assert_eq!(verdict(&rules, &answer(), &fault("Client.X", "")).unwrap_err().issue.code.0, "E342");
        assert!(verdict(&rules, &answer(), &fault("Server", "")).is_ok());
        assert!(verdict(&rules[..2], &answer(), &fault("Server", "gone")).is_err());
        assert!(rule(None, None, None, Means::Ok).issue(0).is_some());
    }
}

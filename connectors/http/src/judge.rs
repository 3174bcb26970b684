//! What an answer means, decided from its status, its content type and markers in its body. Pure.
//!
//! Old systems say "please log in" with HTTP 200 and "no such case" with HTTP 500; the rules of an integrator come first.

use std::time::Duration;

use guichet_sdk::settings::unusable;
use guichet_sdk::{Fault, FaultKind, Issue, Place, Retry};
use memchr::memmem;
use reqwest::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::call::Answer;
use crate::codes;
use crate::pace::retry_after;

/// How far into a body markers are looked for.
const HEAD: usize = 64 << 10;

/// Decides what an answer means.
pub trait Judge: Send + Sync {
    /// Whether the answer is one to read, or which failure it tells.
    fn judge(&self, answer: &Answer) -> Result<Judged, Fault>;
}

/// An answer that is no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// Read it.
    Good,
    /// It says that there is nothing.
    Empty,
}

/// A rule: answers for which *all* written conditions hold mean `means`, one of the words `M`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule<M = Means> {
    /// The status: `"200"`, or a class as `"5xx"`.
    #[serde(default)]
    pub status: Option<String>,
    /// The beginning of the content type: `"text/html"`.
    #[serde(default)]
    pub content_type: Option<String>,
    /// A text in the first 64 KiB of the body.
    #[serde(default)]
    pub contains: Option<String>,
    /// What such answers mean.
    pub means: M,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// It is fine, whatever its status: read it.
    Ok,
    /// It is fine and says that there is nothing.
    Empty,
    /// The peer has a problem of its own: try again later.
    Transient,
    /// We are asked to slow down.
    Throttled,
    /// Our credentials are not good (any more): three tries, then stop.
    Unauthorized,
    /// This request is refused for good: trying again cannot help.
    Permanent,
}

impl<M> AnswerRule<M> {
    /// What is wrong with the rule itself.
    pub fn issue(&self, path: &str) -> Option<Issue> {
        if self.status.is_none() && self.content_type.is_none() && self.contains.is_none() {
            return Some(
                unusable(path, "a rule without a condition would match every answer")
                    .hint("write `status`, `content_type` or `contains`"),
            );
        }
        let status = self.status.as_deref()?;
        let usable = status.len() == 3
            && status.starts_with(|first: char| ('1'..='5').contains(&first))
            && (status.ends_with("xx") || status.bytes().all(|byte| byte.is_ascii_digit()));
        (!usable).then(|| unusable(path, format!("`{status}` is not a status")).hint("write `\"200\"` or `\"5xx\"`"))
    }

    /// Whether every condition holds.
    pub fn holds(&self, answer: &Answer) -> bool {
        self.matches(answer).is_some()
    }

    /// The place of the marker (where there is one) if every condition holds.
    fn matches(&self, answer: &Answer) -> Option<Option<usize>> {
        let status = answer.status.as_str();
        let holds = |pattern: &str| pattern == status || (pattern.ends_with("xx") && pattern[..1] == status[..1]);
        if !self.status.as_deref().is_none_or(holds) {
            return None;
        }
        let starts = |prefix: &str| answer.content_type().starts_with(&prefix.to_ascii_lowercase());
        if !self.content_type.as_deref().is_none_or(starts) {
            return None;
        }
        match &self.contains {
            None => Some(None),
            Some(marker) => memmem::find(head(answer), marker.as_bytes()).map(Some),
        }
    }
}

/// What a body must look like where an answer is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// JSON.
    Json,
    /// XML that is not a web page.
    Xml,
    /// Whatever.
    Anything,
}

/// The rules of an integrator, then the built-in ones.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Vec<AnswerRule>,
    expect: Expect,
}

impl Rules {
    /// Rules for answers whose body is expected to look like this.
    pub fn new(rules: Vec<AnswerRule>, expect: Expect) -> Self {
        Rules { rules, expect }
    }

    /// What the integrator's rules say, if one matches: for judges that read the body before the built-in rules count.
    pub fn written(&self, answer: &Answer) -> Option<Result<Judged, Fault>> {
        let found = self.rules.iter().enumerate().find_map(|(n, rule)| Some((n, rule, rule.matches(answer)?)));
        found.map(|(n, rule, at)| rule.means.verdict(n, answer, at))
    }

    /// What status and content say, without the integrator's rules.
    pub fn built_in(&self, answer: &Answer) -> Result<Judged, Fault> {
        by_status(answer)?;
        if answer.status == StatusCode::NO_CONTENT || answer.status == StatusCode::NOT_MODIFIED {
            return Ok(Judged::Empty);
        }
        by_content(answer, self.expect)
    }
}

impl Judge for Rules {
    fn judge(&self, answer: &Answer) -> Result<Judged, Fault> {
        self.written(answer).unwrap_or_else(|| self.built_in(answer))
    }
}

impl Means {
    fn verdict(self, rule: usize, answer: &Answer, at: Option<usize>) -> Result<Judged, Fault> {
        let (kind, retry) = match self {
            Means::Ok => return Ok(Judged::Good),
            Means::Empty => return Ok(Judged::Empty),
            Means::Transient => (FaultKind::Protocol, Retry::After(retry_after(&answer.headers))),
            Means::Throttled => (FaultKind::Throttled, Retry::After(retry_after(&answer.headers))),
            Means::Unauthorized => (FaultKind::Unauthorized, Retry::After(None)),
            Means::Permanent => (FaultKind::Refused, Retry::Never),
        };
        let status = answer.status.as_u16();
        let message = format!("HTTP {status}: `answers[{rule}]` says that this is a failure");
        let mut fault = Fault::new(kind, codes::RULE, message).retry(retry);
        fault.issue.place = at.map_or(place(answer), |at| line_of(answer, at));
        Err(fault)
    }
}

fn by_status(answer: &Answer) -> Result<(), Fault> {
    let status = answer.status;
    let wait = retry_after(&answer.headers);
    let fault = |kind, code, what: &str, retry| {
        Err(told(answer, kind, code, format!("HTTP {}: {what}", status.as_u16()), retry))
    };
    match status {
        _ if status.is_success() || status == StatusCode::NOT_MODIFIED => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            let fault =
                fault(FaultKind::Unauthorized, codes::UNAUTHORIZED, "our credentials are refused", Retry::After(None));
            fault
                .map_err(|fault| hinted(fault, "check `auth` of this source and the rights of its account at the peer"))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            fault(FaultKind::Throttled, codes::THROTTLED, "the peer asks us to slow down", Retry::After(wait))
        }
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => {
            fault(FaultKind::Refused, codes::REFUSED, "the peer refuses this request", Retry::Never)
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            fault(FaultKind::Protocol, codes::PEER_FAILED, "the peer asks us to try again", Retry::After(wait))
        }
        _ if status.is_server_error() => {
            fault(FaultKind::Protocol, codes::PEER_FAILED, "the peer has a problem of its own", Retry::After(wait))
        }
        _ if status.is_redirection() => {
            // a moved address stays moved; other redirects often lead to a login or maintenance page
            let moved = matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT);
            let retry = if moved { Retry::Never } else { Retry::After(wait) };
            let fault = fault(
                FaultKind::Protocol,
                codes::REDIRECT,
                "the peer sends us elsewhere, which is not followed",
                retry,
            );
            fault.map_err(|fault| {
                hinted(fault, "write the new address, or `redirects = 1` where it stays on the same host")
            })
        }
        _ => {
            let fault = fault(FaultKind::Refused, codes::REFUSED, "the peer refuses this request", Retry::Never);
            fault.map_err(|fault| {
                hinted(
                    fault,
                    "check address, path and query; where this answer means something else, say so in `answers`",
                )
            })
        }
    }
}

/// Web pages are told by how the body begins: old systems lie about their content type.
fn by_content(answer: &Answer, expect: Expect) -> Result<Judged, Fault> {
    let body = head(answer).trim_ascii_start();
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let begins = |word: &str| body.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    let page = begins("<!doctype html") || begins("<html");
    let (wrong, expected) = match expect {
        Expect::Json => (page || body.first() == Some(&b'<'), "JSON"),
        // UTF-16 and the like begin otherwise; the format says whether that can be read
        Expect::Xml => (page || body.first().is_some_and(|first| b"{[\"".contains(first)), "XML"),
        Expect::Anything => (false, "anything"),
    };
    if !wrong {
        return Ok(Judged::Good);
    }
    let what = if page { "a web page" } else { "something else" };
    let message = format!("HTTP {}: {what} came where {expected} was expected", answer.status.as_u16());
    let fault = told(answer, FaultKind::Protocol, codes::OTHER_CONTENT, message, Retry::After(None));
    Err(hinted(fault, "a login page means wrong credentials: say so in `answers`; a maintenance page goes away"))
}

fn told(answer: &Answer, kind: FaultKind, code: guichet_sdk::Code, message: String, retry: Retry) -> Fault {
    let mut fault = Fault::new(kind, code, message).retry(retry);
    fault.issue.place = place(answer);
    fault
}

fn hinted(mut fault: Fault, hint: &str) -> Fault {
    fault.issue.hint = Some(hint.to_owned());
    fault
}

fn place(answer: &Answer) -> Place {
    Place::file(&*answer.about)
}

fn line_of(answer: &Answer, at: usize) -> Place {
    let before = &answer.body[..at];
    let line = memchr::memchr_iter(b'\n', before).count() as u64 + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() as u64 + 1;
    place(answer).at(line, column)
}

fn head(answer: &Answer) -> &[u8] {
    &answer.body[..answer.body.len().min(HEAD)]
}

/// The wait a fault carries.
pub(crate) fn wait_of(fault: &Fault) -> Option<Duration> {
    match fault.retry {
        Retry::After(wait) => wait,
        Retry::Never | Retry::Unknown => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use reqwest::Url;
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, content_type: &'static str, body: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        Answer {
            about: "GET /cases".into(),
            url: Url::parse("http://peer.example/cases").unwrap(),
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::from_static(body.as_bytes()),
            empty: false,
        }
    }

    fn rule(status: Option<&str>, contains: Option<&str>, means: Means) -> AnswerRule {
        let own = |text: &str| text.to_owned();
        AnswerRule { status: status.map(own), content_type: None, contains: contains.map(own), means }
    }

    #[test]
    fn built_in_rules() {
        let judge = Rules::new(Vec::new(), Expect::Json);
        let kind =
            |status| judge.judge(&answer(status, "application/json", "{}")).map_err(|fault| (fault.kind, fault.retry));
        assert_eq!(kind(200), Ok(Judged::Good));
        assert_eq!(kind(304), Ok(Judged::Empty));
        for (status, expected, retry) in [
            (301, FaultKind::Protocol, Retry::Never),
            (302, FaultKind::Protocol, Retry::After(None)),
            (401, FaultKind::Unauthorized, Retry::After(None)),
            (404, FaultKind::Refused, Retry::Never),
            (429, FaultKind::Throttled, Retry::After(None)),
            (500, FaultKind::Protocol, Retry::After(None)),
            (501, FaultKind::Refused, Retry::Never),
        ] {
            assert_eq!(kind(status), Err((expected, retry)), "{status}");
        }
    }

    #[test]
    fn a_login_page_with_status_200_is_no_json_and_no_xml() {
        let page = answer(200, "application/json", "\n<!DOCTYPE html><html><form>");
        for expect in [Expect::Json, Expect::Xml] {
            let fault = Rules::new(Vec::new(), expect).judge(&page).unwrap_err();
            assert_eq!((fault.issue.code, fault.retry), (codes::OTHER_CONTENT, Retry::After(None)));
        }
        assert_eq!(Rules::new(Vec::new(), Expect::Anything).judge(&page).unwrap(), Judged::Good);
        let fine = answer(200, "text/html", "{\"cases\":[]}");
        assert_eq!(Rules::new(Vec::new(), Expect::Json).judge(&fine).unwrap(), Judged::Good);
    }

    #[test]
    fn written_rules_come_first_and_say_where_the_marker_stands() {
        let rules = vec![
            rule(Some("404"), None, Means::Empty),
            rule(Some("200"), Some("<error"), Means::Permanent),
            rule(Some("5xx"), Some("no such case"), Means::Ok),
        ];
        let judge = Rules::new(rules, Expect::Anything);
        assert_eq!(judge.judge(&answer(404, "", "")).unwrap(), Judged::Empty);
        assert_eq!(judge.judge(&answer(503, "", "no such case")).unwrap(), Judged::Good);
        let fault = judge.judge(&answer(200, "", "<a>\n  <error>x")).unwrap_err();
        assert_eq!((fault.kind, fault.retry), (FaultKind::Refused, Retry::Never));
        assert_eq!((fault.issue.place.line, fault.issue.place.column), (Some(2), Some(3)));
    }

    #[test]
    fn rules_need_a_condition_and_a_real_status() {
        assert!(rule(None, None, Means::Ok).issue("answers[0]").is_some());
        for (status, usable) in [("200", true), ("5xx", true), ("2x0", false), ("700", false), ("20", false)] {
            assert_eq!(rule(Some(status), None, Means::Ok).issue("answers[0]").is_none(), usable, "{status}");
        }
    }
}

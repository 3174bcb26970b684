//! Checks how verbs are sent; every problem is told at once. Pure.

use std::collections::{BTreeMap, BTreeSet};

use guichet_http::header::HeaderName;
use guichet_http::list::Path;
use guichet_http::{AnswerRule, Method, Slots};
use guichet_sdk::settings::unusable;
use guichet_sdk::{Issue, LookUp, VerbCapability};

use super::written::{CommandSettings, LookUpSettings, SendMeans, SendMethod};

/// How one verb is sent, checked.
pub struct Order {
    pub method: Method,
    pub target: Target,
    pub headers: Vec<(HeaderName, Slots)>,
    pub reference: Option<Path>,
    pub tracking: Option<Path>,
    pub reason: Option<Path>,
    pub answers: Vec<AnswerRule<SendMeans>>,
    pub look_up: Option<Question>,
    /// What it can do.
    pub able: VerbCapability,
}

/// Where a request goes.
pub struct Target {
    /// Path segments, so that a value can never add one.
    pub path: Vec<Slots>,
    pub query: Vec<(String, Slots)>,
}

/// How the source is asked.
pub struct Question {
    pub target: Target,
    pub total: Option<Path>,
    pub reference: Option<Path>,
}

/// Headers that carry secrets, or what the transport says itself.
const RESERVED: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
];

/// Names every delivery has.
const GIVEN: &[&str] = &["command", "case", "tracking"];

/// Checks every verb.
pub fn check(commands: &BTreeMap<String, CommandSettings>, issues: &mut Vec<Issue>) -> BTreeMap<String, Order> {
    let order = |(verb, settings): (&String, &CommandSettings)| {
        let mut checked = Checked { key: format!("commands.{verb}"), issues, names: BTreeSet::new() };
        (verb.clone(), checked.order(settings))
    };
    commands.iter().map(order).collect()
}

struct Checked<'a> {
    key: String,
    issues: &'a mut Vec<Issue>,
    names: BTreeSet<String>,
}

impl Checked<'_> {
    fn order(&mut self, settings: &CommandSettings) -> Order {
        let target = self.target(&settings.path, &settings.query, "/issues.json");
        let headers = settings.headers.iter().filter_map(|(name, value)| self.header(name, value)).collect();
        let needs_case = self.names.contains("case");
        for (n, rule) in settings.answers.iter().enumerate() {
            self.issues.extend(rule.issue(&format!("{}.answers[{n}]", self.key)));
        }
        let look_up = settings.look_up.as_ref().map(|look_up| self.question(look_up));
        let able = VerbCapability {
            idempotent: settings.idempotent,
            look_up: settings.look_up.as_ref().map(|look_up| LookUp { settle: look_up.settle.0 }),
            values: self.names.iter().filter(|name| !GIVEN.contains(&name.as_str())).cloned().collect(),
            needs_case,
        };
        Order {
            method: match settings.method {
                SendMethod::Post => Method::POST,
                SendMethod::Put => Method::PUT,
                SendMethod::Patch => Method::PATCH,
                SendMethod::Delete => Method::DELETE,
            },
            target,
            headers,
            reference: self.path(settings.reference.as_deref()),
            tracking: self.path(settings.tracking.as_deref()),
            reason: self.path(settings.reason.as_deref()),
            answers: settings.answers.clone(),
            look_up,
            able,
        }
    }

    fn question(&mut self, look_up: &LookUpSettings) -> Question {
        let before = self.names.clone();
        let target = self.target(&look_up.path, &look_up.query, "/issues.json");
        let asked: BTreeSet<_> = target
            .path
            .iter()
            .chain(target.query.iter().map(|(_, slots)| slots))
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(Slots::names)
            .map(str::to_owned)
            .collect();
        if !asked.contains("command")
            && !asked.contains("tracking")
            && !asked.iter().any(|name| !GIVEN.contains(&name.as_str()))
        {
            self.wrong(
                "the look-up names nothing of the command",
                "write `{command}` where the source keeps it, as `query = { cf_4 = \"{command}\" }`",
            );
        }
        self.names.extend(before);
        Question {
            target,
            total: self.path(look_up.total.as_deref()),
            reference: self.path(look_up.reference.as_deref()),
        }
    }

    fn target(&mut self, path: &str, query: &BTreeMap<String, String>, example: &str) -> Target {
        if path.trim_matches('/').is_empty() || path.contains(['?', '#']) || path.contains("://") {
            let hint = format!("write `path = \"{example}\"`, relative to `base_url`, and parameters in `query`");
            self.wrong("`path` is missing, or more than a path", &hint);
        }
        let path = path.trim_matches('/').split('/').map(|segment| self.slots(segment)).collect();
        Target { path, query: query.iter().map(|(name, value)| (name.clone(), self.slots(value))).collect() }
    }

    fn header(&mut self, name: &str, value: &str) -> Option<(HeaderName, Slots)> {
        match name.parse::<HeaderName>() {
            Ok(name) if RESERVED.contains(&name.as_str()) => {
                self.wrong(
                    &format!("`{name}` is not for commands to set"),
                    "secrets stand in `auth`; the type of the body comes from the mapping",
                );
                None
            }
            Ok(name) => Some((name, self.slots(value))),
            Err(_) => {
                self.wrong(
                    &format!("`{name}` is not a usable header"),
                    "write `headers = { Idempotency-Key = \"{command}\" }`",
                );
                None
            }
        }
    }

    fn slots(&mut self, text: &str) -> Slots {
        let slots = Slots::parse(text).unwrap_or_else(|message| {
            self.issues.push(unusable(&self.key, message));
            Slots::default()
        });
        self.names.extend(slots.names().map(str::to_owned));
        slots
    }

    fn path(&mut self, path: Option<&str>) -> Option<Path> {
        let path = path?;
        let parsed = Path::parse(path);
        if parsed.is_none() {
            self.wrong(&format!("`{path}` is not a path"), "write keys with `/` between them, as `issue/id`");
        }
        parsed
    }

    fn wrong(&mut self, message: &str, hint: &str) {
        self.issues.push(unusable(&self.key, message).hint(hint));
    }
}

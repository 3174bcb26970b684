//! The settings of a flow that receives, checked: every problem is told at once. Reads the peer's own WSDL, a file of the
//! project, and nothing of the world outside it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use guichet_sdk::format::{Format, Shape};
use guichet_sdk::settings::unusable;
use guichet_sdk::{Issue, Place};

use super::Envelopes;
use super::head::Named;
use super::settings::{Receive, Token};
use super::token::TokenGuard;
use super::words::Answer;
use super::wsdl::{Description, Made};

/// Checks what a flow says of receiving.
pub fn check(settings: &Receive, format: &Format, base: &Path) -> Result<Envelopes, Vec<Issue>> {
    let mut issues = Vec::new();
    let record = record(format).map_err(|issue| vec![issue])?;
    let element = settings.element.as_deref().map_or(Ok(record.clone()), |name| named(name, format));
    let element = element.unwrap_or_else(|issue| {
        issues.push(issue);
        record.clone()
    });
    let operation = settings.operation.clone().unwrap_or_else(|| element.local.clone());
    let names = settings.fields.iter().chain([&operation]);
    for wrong in names.filter(|name| !is_name(name)) {
        issues.push(unusable("receive", format!("`{wrong}` cannot be the name of an element")));
    }
    let action = settings.action.clone().unwrap_or_else(|| match element.namespace.is_empty() {
        true => operation.clone(),
        false => format!("{}#{operation}", element.namespace),
    });
    let answer = settings.answer.as_deref().map_or_else(|| Ok(Answer::empty(&element)), Answer::parse);
    let answer = answer.unwrap_or_else(|issue| {
        issues.push(under("receive.answer", &issue));
        Answer::empty(&element)
    });
    let made = Made {
        operation: operation.clone(),
        action: action.clone(),
        element: element.clone(),
        fields: settings.fields.clone(),
        answer: answer.element.clone(),
    };
    let description = settings.wsdl.as_deref().map_or(Ok(Description::Made(made)), |file| given(&base.join(file)));
    let guard = settings.security.as_ref().map(|token| guard(token, format, base)).transpose();
    match (description, guard) {
        (Ok(description), Ok(guard)) if issues.is_empty() => Ok(Envelopes {
            element,
            record,
            operation,
            action,
            exact: settings.action.is_some(),
            answer,
            description,
            guard: guard.map(Arc::new),
            encoding: format.encoding.clone(),
            limits: format.limits,
        }),
        (description, guard) => {
            issues.extend(description.err().into_iter().chain(guard.err()));
            Err(issues)
        }
    }
}

/// The element that is one record: it must be named, since the root of what is sent is the envelope.
fn record(format: &Format) -> Result<Named, Issue> {
    match &format.shape {
        Shape::Xml { record, .. } if record.is_empty() => Err(unusable(
            "receive",
            "the mapping names no record element, and the root of what is sent is the envelope",
        )
        .hint("write `record = \"prefix:Element\"` and its `namespaces` in `[source]` of the mapping")),
        Shape::Xml { record, .. } => named(record, format),
        Shape::Json { .. } | Shape::Ndjson | Shape::Csv { .. } | Shape::Fixed { .. } => {
            Err(unusable("receive", "the mapping does not read XML").hint("write `format = \"xml\"` in its `[source]`"))
        }
    }
}

/// A name written with a prefix of the mapping.
fn named(name: &str, format: &Format) -> Result<Named, Issue> {
    let Shape::Xml { namespaces, .. } = &format.shape else { return Ok(Named::default()) };
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let wrong = |message: String| {
        unusable("receive.element", message).hint("write it as paths of the mapping do: `p:StatusChanged`")
    };
    if !is_name(local) {
        return Err(wrong(format!("`{name}` cannot be the name of an element")));
    }
    let found = namespaces.iter().find(|(known, _)| known == prefix).map(|(_, uri)| uri.clone());
    match (found, prefix.is_empty()) {
        (Some(namespace), _) => Ok(Named { namespace, local: local.to_owned() }),
        (None, true) => Ok(Named { namespace: String::new(), local: local.to_owned() }),
        (None, false) => Err(wrong(format!("the mapping has no prefix `{prefix}`"))),
    }
}

fn is_name(name: &str) -> bool {
    let first = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    first && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn given(file: &Path) -> Result<Description, Issue> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("`{}` cannot be read: {}", file.display(), error.kind());
        unusable("receive.wsdl", message).hint("name a file of the project, in UTF-8")
    })?;
    Description::given(text).map_err(|issue| under("receive.wsdl", &issue))
}

fn guard(token: &Token, format: &Format, base: &Path) -> Result<TokenGuard, Issue> {
    let wrong = |message: &str| {
        let hint = "write `security = { client = \"planning\", password = { file = \"secrets/planning\" } }`";
        unusable("receive.security", message).hint(hint)
    };
    let password = token.password.clone().ok_or_else(|| wrong("`password` is missing"))?;
    if token.client.is_empty() {
        return Err(wrong("`client` is missing"));
    }
    Ok(TokenGuard {
        client: token.client.clone(),
        user: token.user.clone().unwrap_or_else(|| token.client.clone()),
        password,
        base: base.to_owned(),
        kind: token.kind,
        window: i64::try_from(token.window.0.as_micros()).unwrap_or(i64::MAX),
        encoding: format.encoding.clone(),
        limits: format.limits,
        seen: Mutex::default(),
    })
}

/// What is wrong inside the value of a setting, at that setting.
fn under(key: &str, issue: &Issue) -> Issue {
    let at = match (issue.place.line, issue.place.column) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column} of it)"),
        (_, _) => String::new(),
    };
    let told = Issue::error(guichet_sdk::settings::UNUSABLE, format!("{}{at}", issue.message));
    Issue { hint: issue.hint.clone(), ..told.at(Place::default().path(key)) }
}

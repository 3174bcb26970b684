//! Quarantine: records held back with their reasons, tried again or given up. The bytes of a record are only shown one
//! at a time, to those who may repair it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use guichet_sdk::Issue;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::assemble::answer;
use crate::api::auth::Ops;
use crate::api::parameters::{Asked, Payload, limit, parameters};
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::Desk;
use crate::flow::Retried;
use crate::model::rfc3339;
use crate::store::{Held, KeptIssue, QuarantineEntry, QuarantineFilter, QuarantineRow};

/// Rows one request may name.
const ROWS: usize = 1_000;
/// Pages of the store read for one answer: a rare source gets a short page and a `next` that moves on.
const PAGES: usize = 20;

parameters! {
    /// Which held records.
    pub struct QuarantineAsked {
        /// Source.
        source: Option<String>,
        /// Flow of that source.
        flow: Option<String>,
        /// Code of the leading problem.
        code: Option<String>,
        /// The case's own number in its source.
        case_key: Option<String>,
        /// Those already settled or dismissed too.
        settled: Option<bool>,
        /// Rows after this one.
        after: Option<i64>,
        /// Rows per page, 1 to 200 (50).
        limit: Option<usize>,
    }
}

/// Held records.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quarantine)]
pub struct QuarantineAnswer {
    /// By row.
    pub held: Vec<HeldAnswer>,
    /// `after` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// A record held back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Held)]
pub struct HeldAnswer {
    /// Row.
    pub row: i64,
    /// `SOURCE/FLOW`.
    pub flow: String,
    /// Kept record.
    pub record: i64,
    /// The case it is about, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_key: Option<String>,
    /// `quarantined`, `parked`, `settled` or `dismissed`.
    #[schema(value_type = String)]
    pub state: Held,
    /// Mapping that refused it.
    pub mapping: Arc<str>,
    /// Since when.
    pub at: String,
    /// What is wrong, the leading problem first.
    pub issues: Vec<IssueAnswer>,
}

/// A problem of a record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Issue)]
pub struct IssueAnswer {
    /// Stable code; `guichet explain CODE` prints its page.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// `file:line:column path`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What to write or do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<KeptIssue> for IssueAnswer {
    fn from(issue: KeptIssue) -> Self {
        IssueAnswer { code: issue.code, message: issue.message, place: issue.place.to_string(), hint: issue.hint }
    }
}

impl From<&Issue> for IssueAnswer {
    fn from(issue: &Issue) -> Self {
        KeptIssue::from(issue).into()
    }
}

impl HeldAnswer {
    /// An entry as answered.
    pub fn of(entry: &QuarantineEntry) -> Self {
        HeldAnswer {
            row: entry.row.0,
            flow: entry.name.to_string(),
            record: entry.record.0,
            case_key: entry.case_key.clone(),
            state: entry.held,
            mapping: entry.mapping.clone(),
            at: rfc3339(entry.at),
            issues: entry.issues.iter().cloned().map(Into::into).collect(),
        }
    }
}

/// A held record with what was received.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldRecord)]
pub struct HeldRecordAnswer {
    /// What the list says.
    #[serde(flatten)]
    pub held: HeldAnswer,
    /// When it was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
    /// File, queue or request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Line where it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The record as text, unreadable bytes replaced; absent once its retention has passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// Records held back, with their reasons
#[utoipa::path(get, path = "/ops/v1/quarantine", operation_id = "list_quarantine", tag = "ops", params(QuarantineAsked),
    responses((status = 200, body = QuarantineAnswer)))]
pub async fn list(
    State(desk): State<Arc<Desk>>,
    _: Ops,
    Asked(asked): Asked<QuarantineAsked>,
) -> Result<Response, Problem> {
    if asked.flow.is_some() && asked.source.is_none() {
        return Err(Problem::new(Kind::QueryInvalid, "`flow` needs its `source`").hint("add `source=…`"));
    }
    let limit = limit(asked.limit)?;
    let mut filter = QuarantineFilter {
        code: asked.code,
        case_key: asked.case_key,
        settled: asked.settled.unwrap_or(false),
        after: asked.after.map(QuarantineRow),
        limit,
        ..QuarantineFilter::default()
    };
    let wanted = |entry: &QuarantineEntry| {
        asked.source.as_ref().is_none_or(|source| *entry.name.source == **source)
            && asked.flow.as_ref().is_none_or(|flow| *entry.name.flow == **flow)
    };
    let mut held = Vec::new();
    let mut next = None;
    for _ in 0..PAGES {
        let found = desk.api.store.quarantine(&filter).await?;
        next = found.last().filter(|_| found.len() == limit).map(|entry| entry.row);
        for entry in found.iter().filter(|entry| wanted(entry)) {
            held.push(HeldAnswer::of(entry));
            if held.len() == limit {
                return answer(&QuarantineAnswer { held, next: Some(entry.row.0) });
            }
        }
        filter.after = next;
        if next.is_none() {
            break;
        }
    }
    answer(&QuarantineAnswer { held, next: next.map(|row| row.0) })
}

/// One held record, with what was received
#[utoipa::path(get, path = "/ops/v1/quarantine/{row}", operation_id = "get_quarantined", tag = "ops", params(("row" = i64, Path)),
    responses(
        (status = 200, body = HeldRecordAnswer),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn show(State(desk): State<Arc<Desk>>, _: Ops, Path(row): Path<String>) -> Result<Response, Problem> {
    let absent = || Problem::new(Kind::QuarantineNotFound, "no record is held under this row");
    let rows = vec![QuarantineRow(row.parse().map_err(|_| absent())?)];
    let filter = QuarantineFilter { rows, settled: true, limit: 1, ..QuarantineFilter::default() };
    let found = desk.api.store.quarantine(&filter).await?;
    let entry = found.first().ok_or_else(absent)?;
    let kept = desk.api.store.record(entry.record).await?;
    let record = kept.as_ref().and_then(|kept| kept.record.as_ref());
    answer(&HeldRecordAnswer {
        held: HeldAnswer::of(entry),
        received_at: kept.as_ref().map(|kept| rfc3339(kept.received_at)),
        name: record.map(|record| record.origin.name.clone()),
        line: record.map(|record| record.origin.line).filter(|line| *line > 0),
        content: record.map(|record| String::from_utf8_lossy(&record.bytes).into_owned()),
    })
}

/// Which held records.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// Rows, 1 to 1000.
    pub rows: Vec<i64>,
}

/// Which held records are given up, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dismissal {
    /// Rows, 1 to 1000.
    pub rows: Vec<i64>,
    /// Kept with the audit row.
    pub reason: String,
}

/// How many were given up.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dismissed {
    /// Rows.
    pub dismissed: u64,
}

/// Maps held records again with the mapping of today
#[utoipa::path(post, path = "/ops/v1/quarantine/retry", operation_id = "retry_quarantined", tag = "ops", request_body = Rows,
    responses((status = 200, body = Retried)))]
pub async fn retry(State(desk): State<Arc<Desk>>, _: Ops, Payload(asked): Payload<Rows>) -> Result<Response, Problem> {
    answer(&desk.api.control.retry(&bounded(&asked.rows)?).await?)
}

/// Gives held records up for good
#[utoipa::path(post, path = "/ops/v1/quarantine/dismiss", operation_id = "dismiss_quarantined", tag = "ops", request_body = Dismissal,
    responses((status = 200, body = Dismissed)))]
pub async fn dismiss(
    State(desk): State<Arc<Desk>>,
    Ops(caller): Ops,
    Payload(asked): Payload<Dismissal>,
) -> Result<Response, Problem> {
    let (rows, reason) = (bounded(&asked.rows)?, asked.reason.trim());
    if reason.is_empty() {
        return Err(Problem::new(Kind::BodyInvalid, "`reason` is empty").hint("say why, for the audit"));
    }
    let dismissed = desk.api.control.dismiss(&rows, &caller.client.name, reason).await?;
    answer(&Dismissed { dismissed })
}

fn bounded(rows: &[i64]) -> Result<Vec<QuarantineRow>, Problem> {
    if rows.is_empty() || rows.len() > ROWS {
        return Err(Problem::new(Kind::BodyInvalid, "`rows` names none, or too many").hint("name 1 to 1000 rows"));
    }
    Ok(rows.iter().copied().map(QuarantineRow).collect())
}

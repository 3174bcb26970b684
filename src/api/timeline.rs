//! The history of a case: every status assertion, as known now or on a date.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::assemble::answer;
use super::auth::{Caller, Sought};
use super::parameters::{Asked, parameters, time};
use super::problem::{Problem, ProblemBody};
use super::state::Desk;
use crate::ledger::{Entry, Folded, SourceStatusBody, Standing, fold};
use crate::model::{AssertionKind, Outcome, Phase, Precision, StatusClaim, Transition, WaitingOn, rfc3339};

parameters! {
    /// Which history.
    pub struct TimelineAsked {
        /// What was known at this time, or at the end of this date (UTC).
        as_of: Option<String>,
    }
}

/// The history of a case.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Timeline)]
pub struct TimelineAnswer<'a> {
    /// Case id.
    pub id: String,
    /// Up to when it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// Status assertions in their order, the latest last.
    pub entries: Vec<TimelineEntry<'a>>,
}

/// A status assertion.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineEntry<'a> {
    /// Position in the history as shown, from 1.
    pub sequence: usize,
    /// Phase.
    pub phase: Phase,
    /// Who had to act next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<WaitingOn>,
    /// Why a legal clock stood still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<&'a str>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The source's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_status: Option<SourceStatusBody<'a>>,
    /// Since when: RFC 3339, or a bare date where the source gives no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<String>,
    /// How precisely the source says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// When the hub committed it.
    pub recorded_at: String,
    /// Source.
    pub source: &'a str,
    /// How it came about.
    pub kind: AssertionKind,
    /// The step backwards it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// `head` is the status shown, `passed` was it once, `held` never: it would have gone back without a reason.
    pub standing: &'static str,
    /// Kept record that carried it (staff only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<i64>,
    /// Mapping that made it (staff only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping: Option<&'a str>,
}

/// The history of a case
///
/// Append-only; with `as_of` what was known then, whatever came in later.
#[utoipa::path(
    get, path = "/v1/cases/{case}/timeline", operation_id = "get_timeline", tag = "cases",
    params(("case" = String, Path, description = "Id or reference"), TimelineAsked),
    responses(
        (status = 200, body = TimelineAnswer<'static>),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub async fn show(
    State(desk): State<Arc<Desk>>,
    sought: Sought,
    Asked(asked): Asked<TimelineAsked>,
) -> Result<Response, Problem> {
    let as_of = time("as_of", asked.as_of.as_deref(), true)?;
    let document = sought.read().await?;
    let mut entries = desk.api.store.entries(document.row).await?;
    if let Some(as_of) = as_of {
        entries.retain(|entry| entry.recorded_at <= as_of);
    }
    let folded = fold(&entries);
    let entries = lines(&folded, &entries, &sought.caller);
    answer(&TimelineAnswer { id: document.id.to_string(), as_of: as_of.map(rfc3339), entries })
}

/// The status assertions a caller may read, in order.
fn lines<'a>(folded: &Folded, entries: &'a [Entry], caller: &Caller) -> Vec<TimelineEntry<'a>> {
    let said = folded.timeline.iter().filter_map(|(at, standing, transition)| {
        let entry = entries.get(*at)?;
        let status = entry.update.status.as_ref()?;
        (status.audience <= caller.client.scopes.audience).then_some((entry, status, *standing, *transition))
    });
    said.enumerate().map(|(n, line)| shown(n + 1, line, caller.staff())).collect()
}

fn shown<'a>(
    sequence: usize,
    (entry, status, standing, transition): (&'a Entry, &'a StatusClaim, Standing, Option<Transition>),
    staff: bool,
) -> TimelineEntry<'a> {
    TimelineEntry {
        sequence,
        phase: status.phase,
        waiting_on: status.waiting_on,
        hold: status.hold.as_deref(),
        outcome: status.outcome,
        source_status: source_status(status),
        effective_at: status.effective_at.map(|moment| moment.rfc3339()),
        precision: status.effective_at.map(|moment| moment.precision),
        recorded_at: rfc3339(entry.recorded_at),
        source: &entry.source,
        kind: entry.kind,
        transition,
        standing: standing_word(standing),
        record: staff.then_some(entry.record.0),
        mapping: staff.then_some(&*entry.mapping),
    }
}

/// The source's own words, when there are any.
pub fn source_status(status: &StatusClaim) -> Option<SourceStatusBody<'_>> {
    let (code, label) = (status.source_code.as_deref(), status.source_label.as_deref());
    (code.is_some() || label.is_some()).then_some(SourceStatusBody { code, label })
}

/// The word of a standing.
pub fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Head => "head",
        Standing::Passed => "passed",
        Standing::Held => "held",
    }
}

//! Why a case has the status it has: record → mapping → what it said → how it stands → wording, and what is held back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::assemble::{answer, situation};
use super::auth::SoughtByStaff;
use super::language::negotiate;
use super::ops::quarantine::HeldAnswer;
use super::parameters::{Asked, parameters};
use super::problem::{Problem, ProblemBody};
use super::state::Desk;
use super::timeline::{source_status, standing_word};
use crate::ledger::{Entry, SourceStatusBody, Standing, fold};
use crate::model::{OrderClass, Outcome, Phase, RecordRow, Transition, WaitingOn, rfc3339};
use crate::store::{KeptRecord, QuarantineFilter, StoreFault};

/// Held records shown at most.
const HELD: usize = 50;

parameters! {
    /// How the explanation is read.
    pub struct ExplainAsked {
        /// Language of the wording; else `Accept-Language` decides.
        lang: Option<String>,
    }
}

/// Why a case has the status it has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub struct ExplainAnswer<'a> {
    /// Case id.
    pub id: String,
    /// Reference.
    pub reference: String,
    /// What the applicant reads.
    pub wording: &'a str,
    /// Its language.
    pub wording_language: &'a str,
    /// Everything that was said, in its order, the latest last; facts-only updates included.
    pub said: Vec<Said<'a>>,
    /// Records about this case that are held back.
    pub held: Vec<HeldAnswer>,
}

/// One update, from its record to how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Said<'a> {
    /// Where it came from.
    pub record: Provenance<'a>,
    /// Mapping that read it, `id@version`.
    pub mapping: &'a str,
    /// How the flow orders updates of a case.
    pub order: OrderClass,
    /// The source's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_status: Option<SourceStatusBody<'a>>,
    /// In canonical terms; absent when only facts were stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<Canonical<'a>>,
    /// `head`, `passed` or `held`.
    pub standing: &'static str,
    /// Why it stands so.
    pub because: &'static str,
    /// The step backwards it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
}

/// A status in canonical terms.
#[derive(Debug, Serialize, ToSchema)]
pub struct Canonical<'a> {
    /// Phase.
    pub phase: Phase,
    /// Who must act next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<WaitingOn>,
    /// Why a legal clock stands still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<&'a str>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<String>,
}

/// Where an update came from.
#[derive(Debug, Serialize, ToSchema)]
pub struct Provenance<'a> {
    /// Kept record.
    pub record: i64,
    /// `SOURCE/FLOW`.
    pub flow: String,
    /// File, queue or request; absent once the record's retention has passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Line where the record starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Position in its file or answer, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// When the hub received it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
    /// The case's own number in its source.
    pub source_reference: &'a str,
}

/// Why this status
///
/// For staff and operators: each record with its place, the mapping that read it, what it said, and why it stands or not.
#[utoipa::path(
    get, path = "/v1/cases/{case}/explain", operation_id = "explain_case", tag = "cases",
    params(("case" = String, Path, description = "Id or reference"), ExplainAsked),
    responses(
        (status = 200, body = ExplainAnswer<'static>),
        (status = 403, body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub async fn show(
    State(desk): State<Arc<Desk>>,
    SoughtByStaff(sought): SoughtByStaff,
    Asked(asked): Asked<ExplainAsked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let document = sought.read().await?;
    let entries = desk.api.store.entries(document.row).await?;
    let records = kept(&desk, &entries).await?;
    let folded = fold(&entries);
    let said = folded.timeline.iter().filter_map(|(at, standing, transition)| {
        let entry = entries.get(*at)?;
        Some(update(entry, records.get(&entry.record), *standing, *transition))
    });
    let language = negotiate(desk.phrases.languages(), asked.lang.as_deref(), &headers);
    let phrase = desk.phrases.choose(situation(&document), language);
    answer(&ExplainAnswer {
        id: document.id.to_string(),
        reference: desk.seal.reference(document.row),
        wording: &phrase.text,
        wording_language: &phrase.language,
        said: said.collect(),
        held: held(&desk, &entries).await?,
    })
}

async fn kept(desk: &Desk, entries: &[Entry]) -> Result<BTreeMap<RecordRow, KeptRecord>, StoreFault> {
    let mut records = BTreeMap::new();
    for entry in entries {
        if !records.contains_key(&entry.record)
            && let Some(record) = desk.api.store.record(entry.record).await?
        {
            records.insert(entry.record, record);
        }
    }
    Ok(records)
}

/// What is held back under any key of the case, in the sources that know it under that key.
async fn held(desk: &Desk, entries: &[Entry]) -> Result<Vec<HeldAnswer>, StoreFault> {
    let mut keys: Vec<(&str, &str)> = entries.iter().map(|e| (&*e.source, e.update.key.as_str())).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut held = Vec::new();
    for (source, key) in keys {
        let filter = QuarantineFilter { case_key: Some(key.to_owned()), limit: HELD, ..QuarantineFilter::default() };
        let found = desk.api.store.quarantine(&filter).await?;
        held.extend(found.iter().filter(|entry| *entry.name.source == *source).map(HeldAnswer::of));
    }
    Ok(held)
}

fn update<'a>(
    entry: &'a Entry,
    kept: Option<&KeptRecord>,
    standing: Standing,
    transition: Option<Transition>,
) -> Said<'a> {
    let status = entry.update.status.as_ref();
    Said {
        record: provenance(entry, kept),
        mapping: &entry.mapping,
        order: entry.order.class,
        source_status: status.and_then(source_status),
        canonical: status.map(|status| Canonical {
            phase: status.phase,
            waiting_on: status.waiting_on,
            hold: status.hold.as_deref(),
            outcome: status.outcome,
            effective_at: status.effective_at.map(|moment| moment.rfc3339()),
        }),
        standing: standing_word(standing),
        because: because(standing, status.is_some(), transition, entry.order.class),
        transition,
    }
}

fn provenance<'a>(entry: &'a Entry, kept: Option<&KeptRecord>) -> Provenance<'a> {
    let origin = kept.and_then(|kept| kept.record.as_ref()).map(|record| &record.origin);
    Provenance {
        record: entry.record.0,
        flow: format!("{}/{}", entry.source, entry.flow),
        name: origin.map(|origin| origin.name.clone()),
        line: origin.map(|origin| origin.line).filter(|line| *line > 0),
        position: origin.map(|origin| origin.position).filter(|position| *position > 0),
        received_at: kept.map(|kept| rfc3339(kept.received_at)),
        source_reference: &entry.update.key,
    }
}

/// Why an update stands as it does, in words an operator can act on.
fn because(standing: Standing, status: bool, transition: Option<Transition>, order: OrderClass) -> &'static str {
    match (standing, transition) {
        (_, _) if !status => "it states facts only and moves no status",
        (Standing::Head, None) => "it is the latest in the order of its flow",
        (Standing::Head, Some(_)) => {
            "it is the latest in the order of its flow, and its step backwards is stated or believable"
        }
        (Standing::Passed, _) => "a later update in the order of its flow replaced it",
        (Standing::Held, _) => match order {
            OrderClass::Version => "it goes back without a stated reason or a higher version",
            OrderClass::Time => "it goes back without a stated reason or a clearly later time",
            OrderClass::Snapshot => "it goes back without a stated reason or a newer export",
            OrderClass::Arrival => "it goes back without a stated reason, and its flow gives no order to believe it by",
        },
    }
}

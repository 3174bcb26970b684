//! What can be asked of a store, and what it answers.

use std::sync::Arc;

use guichet_sdk::{Issue, Record};

use super::{CaseDocument, FlowRow, QuarantineRow};
use crate::model::{CaseRow, Outcome, Phase, RecordRow, WaitingOn};

/// Which cases: every condition must hold; `None` and empty match anything.
#[derive(Debug, Clone, Default)]
pub struct CaseQuery {
    /// Services the client may see (`None` = all): applied before anything is counted or paged.
    pub scope_services: Option<Vec<String>>,
    /// Highest confidentiality level the client may see.
    pub scope_confidentiality: u8,
    /// Service code.
    pub service: Option<String>,
    /// Phase.
    pub phase: Option<Phase>,
    /// Who must act next.
    pub waiting_on: Option<WaitingOn>,
    /// Outcome.
    pub outcome: Option<Outcome>,
    /// Source name.
    pub source: Option<String>,
    /// Changed at or after, microseconds since 1970.
    pub updated_since: Option<i64>,
    /// Words in the title, case-insensitive.
    pub text: Option<String>,
    /// Search terms (`POST /v1/cases/search`): all must match.
    pub terms: Vec<Term>,
    /// Continue after this place.
    pub after: Option<PageMark>,
    /// At most so many.
    pub limit: usize,
}

impl CaseQuery {
    /// Whether a page is simply the next stretch of an index: nothing but the client's scope is looked for, so that it
    /// takes no longer than its cases.
    pub fn takes_what_comes(&self) -> bool {
        let CaseQuery {
            scope_services: _,
            scope_confidentiality: _,
            service: _,
            phase,
            waiting_on,
            outcome,
            source,
            updated_since: _,
            text,
            terms,
            after: _,
            limit: _,
        } = self;
        phase.is_none()
            && waiting_on.is_none()
            && outcome.is_none()
            && source.is_none()
            && text.is_none()
            && terms.is_empty()
    }
}

/// A search term, matched exactly after folding case, accents and spacing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// A party's identifier: scheme and value.
    Identifier(String, String),
    /// An address in one line.
    Address(String),
    /// A cadastral parcel.
    Parcel(String),
    /// A native key or alias, in any source.
    Reference(String),
}

/// A place in the list of cases, newest change first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageMark {
    /// `changed_at` of the last one given.
    pub changed_at: i64,
    /// Its row.
    pub row: CaseRow,
}

/// A page of cases.
#[derive(Debug, Clone, Default)]
pub struct CasePage {
    /// Cases.
    pub cases: Vec<Arc<CaseDocument>>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<PageMark>,
}

/// A kept record.
#[derive(Debug, Clone)]
pub struct KeptRecord {
    /// Row.
    pub row: RecordRow,
    /// Flow.
    pub flow: FlowRow,
    /// When received, microseconds since 1970.
    pub received_at: i64,
    /// The record; `None` once its retention has passed.
    pub record: Option<Record>,
}

/// Which quarantine rows.
#[derive(Debug, Clone, Default)]
pub struct QuarantineFilter {
    /// Flow.
    pub flow: Option<FlowRow>,
    /// Code.
    pub code: Option<String>,
    /// Case key.
    pub case_key: Option<String>,
    /// These rows only.
    pub rows: Vec<QuarantineRow>,
    /// Settled ones too.
    pub settled: bool,
    /// Only parked rows that nothing blocks any more: in order, what a flow retries next.
    pub released: bool,
    /// Rows after this one.
    pub after: Option<QuarantineRow>,
    /// At most so many.
    pub limit: usize,
}

/// How a held record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Not understood or not applicable.
    Quarantined,
    /// Behind a quarantined record of the same case.
    Parked,
    /// Settled: a retry applied it, or something newer superseded it.
    Settled,
    /// Given up by an operator.
    Dismissed,
}

/// A record held back.
#[derive(Debug, Clone)]
pub struct QuarantineEntry {
    /// Row.
    pub row: QuarantineRow,
    /// Flow.
    pub flow: FlowRow,
    /// Source and flow by name.
    pub name: crate::model::FlowName,
    /// The kept record.
    pub record: RecordRow,
    /// The case it is about, where that could be read.
    pub case_key: Option<String>,
    /// How it stands.
    pub held: Held,
    /// Problems (for a parked record: the row it waits behind).
    pub issues: Vec<KeptIssue>,
    /// Mapping that refused it.
    pub mapping: Arc<str>,
    /// When, microseconds since 1970.
    pub at: i64,
}

/// An issue as kept: its code is text, since the code list may have changed since.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeptIssue {
    /// Code.
    pub code: String,
    /// Message.
    pub message: String,
    /// Where.
    #[serde(default)]
    pub place: guichet_sdk::Place,
    /// What to write instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Issue> for KeptIssue {
    fn from(issue: &Issue) -> Self {
        KeptIssue {
            code: issue.code.0.to_owned(),
            message: issue.message.clone(),
            place: issue.place.clone(),
            hint: issue.hint.clone(),
        }
    }
}

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AuditEntry {
    /// Row.
    pub row: i64,
    /// When, microseconds since 1970.
    pub at: i64,
    /// Who.
    pub who: String,
    /// The verb.
    pub what: String,
    /// To what.
    pub target: String,
    /// Why.
    pub why: String,
}

/// Numbers about the store itself.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Vitals {
    /// Kind and version (`sqlite 3.53.0`).
    pub engine: String,
    /// Bytes on disk.
    pub bytes: u64,
    /// Cases.
    pub cases: u64,
    /// Kept records.
    pub records: u64,
    /// Highest change.
    pub change: i64,
    /// Commits since start, and how long they took (seconds: sum and maximum).
    pub commits: u64,
    /// Sum of commit times, seconds.
    pub commit_seconds: f64,
    /// Longest commit, seconds.
    pub commit_seconds_max: f64,
    /// Units of work waiting.
    pub waiting: u64,
}

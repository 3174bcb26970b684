//! The store: what is committed is what exists. One trait, one suite; `sqlite` is the embedded default.
//!
//! A unit of [`Work`] is committed whole: raw records, timeline entries, case documents, quarantine rows, change feed and
//! cursor stand in one transaction (I7), and nothing is acknowledged before it (I1). The store performs what `ledger`
//! decides; it decides nothing itself.

use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::{Code, Cursor, Digest, Issue, Memory, Record, Refusal};
use uuid::Uuid;

use crate::ledger::{Candidate, Entry};
use crate::model::{Audience, CaseRow, ChangeKind, FlowName, Order, Outcome, Phase, RecordRow, Seal, WaitingOn};

mod command;
mod query;
mod sqlite;
mod subscription;
mod text;

pub use command::*;
pub use query::*;
pub use sqlite::{Bounds, Sqlite};
pub use subscription::*;
use text::fold_text;

/// Physical key of a registered flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowRow(pub i64);

/// What could not be done, and whether trying again can help.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreFault {
    /// The disk, the file or the server failed; the transaction did not happen.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The store is busy beyond its bound; nothing happened, try again.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// The store was made by a newer or foreign program, is in use, or lacks what is required.
    #[error("the store cannot be used: {}", .0.message)]
    Unusable(Box<Issue>),
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}

/// What the mapping made of a record.
#[derive(Debug)]
pub enum Reading {
    /// Its digest was known: nothing new, only seen again.
    Known,
    /// Mapped; one record may carry several updates of one case.
    Mapped(Vec<Candidate>),
    /// Not understood.
    Refused(Refusal),
}

/// One record of a unit of work.
#[derive(Debug)]
pub struct Item {
    /// As received.
    pub record: Record,
    /// Its digest.
    pub digest: Digest,
    /// What the mapping made of it.
    pub reading: Reading,
}

/// A unit of work of one flow: committed whole or not at all.
#[derive(Debug)]
pub struct Work {
    /// Flow.
    pub flow: FlowRow,
    /// Now, microseconds since 1970.
    pub now: i64,
    /// Mapping that read the items, `id@version`.
    pub mapping: Arc<str>,
    /// Records, in the order of the source.
    pub items: Vec<Item>,
    /// Where the next batch starts.
    pub cursor: Option<Cursor>,
    /// Wholes finished by this batch.
    pub finished: Vec<Digest>,
    /// The source was looked at successfully (moves `verified_at`).
    pub verified: bool,
    /// Whether a newer snapshot of a case settles what stands in quarantine for it, instead of parking behind it.
    pub supersedes: bool,
    /// Quarantine rows these items come from (a retry): settled by this commit, one per item, in order.
    pub retries: Vec<QuarantineRow>,
}

/// A unit of work made ready for its transaction. Only the store that made it knows what is in it.
pub struct Ready(pub Box<dyn std::any::Any + Send>);

/// How the records of a unit of work ended. Their sum is always what was received (I1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Records received.
    pub received: u64,
    /// Applied: at least one new update moved or extended a case.
    pub applied: u64,
    /// Duplicate: nothing new in it.
    pub duplicate: u64,
    /// Superseded: entered the history behind something newer.
    pub superseded: u64,
    /// Quarantined: held with its reason (dismissed ones included).
    pub quarantined: u64,
    /// Parked behind a quarantined record of the same case.
    pub parked: u64,
}

impl Counts {
    /// Adds what a commit did.
    pub fn add(&mut self, more: &Counts) {
        let Counts { received, applied, duplicate, superseded, quarantined, parked } = more;
        self.received += received;
        self.applied += applied;
        self.duplicate += duplicate;
        self.superseded += superseded;
        self.quarantined += quarantined;
        self.parked += parked;
    }

    /// Whether nothing was lost (I1).
    pub fn balanced(&self) -> bool {
        self.received == self.applied + self.duplicate + self.superseded + self.quarantined + self.parked
    }
}

/// How one record of a unit of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// At least one new update moved or extended a case.
    Applied,
    /// Nothing new in it.
    Duplicate,
    /// Entered the history behind something newer.
    Superseded,
    /// Held, with its leading code.
    Quarantined(Code),
    /// Behind a quarantined record of the same case.
    Parked,
}

/// What a commit did.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// How the records ended, summed.
    pub counts: Counts,
    /// How each ended, in the order of `Work::items`: a connector is told which were quarantined, an operator where.
    pub endings: Vec<Ending>,
    /// Highest change of the feed after this commit.
    pub change: i64,
}

/// Physical key of a quarantine row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct QuarantineRow(pub i64);

/// Where a flow stands.
#[derive(Debug, Clone, Default)]
pub struct FlowStanding {
    /// Committed cursor.
    pub cursor: Option<Cursor>,
    /// Counts since the flow exists; `quarantined` and `parked` include settled-by-dismissal, not settled-by-retry.
    pub counts: Counts,
    /// Quarantine rows still open, and parked ones.
    pub open: u64,
    /// When the source was last looked at successfully, microseconds since 1970.
    pub verified_at: Option<i64>,
    /// When it last said something.
    pub observed_at: Option<i64>,
    /// Why the flow is paused, when it is.
    pub paused: Option<String>,
}

/// A case as kept: three JSON objects that are concatenated per audience, and what the API decides on without parsing.
#[derive(Debug, Clone)]
pub struct CaseDocument {
    /// Physical key.
    pub row: CaseRow,
    /// Public id.
    pub id: Uuid,
    /// Counts visible changes, from 1.
    pub revision: i64,
    /// Source of the head status.
    pub source: Arc<str>,
    /// Every source that spoke about the case.
    pub sources: Vec<Arc<str>>,
    /// Service code.
    pub service: Option<Arc<str>>,
    /// Confidentiality level.
    pub confidentiality: u8,
    /// Phase.
    pub phase: Phase,
    /// Who must act next.
    pub waiting_on: Option<WaitingOn>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The source's own code (wording may depend on it).
    pub source_code: Option<String>,
    /// When a visible change was last committed, microseconds since 1970.
    pub changed_at: i64,
    /// When a source last said something about it.
    pub observed_at: i64,
    /// JSON object (`ledger::CaseBody`) every audience reads.
    pub body: Box<str>,
    /// JSON object (`ledger::StatusBody`).
    pub status: Box<str>,
    /// JSON object (`ledger::StaffBody`) only staff reads.
    pub staff: Box<str>,
    /// JSON object of the revision and the two times, written once however often the case is read.
    pub stamp: Box<str>,
}

/// One entry of the change feed.
#[derive(Debug, Clone)]
pub struct Change {
    /// Position, gap-free in commit order.
    pub seq: i64,
    /// What.
    pub kind: ChangeKind,
    /// When committed, microseconds since 1970.
    pub at: i64,
    /// The case; `None` for changes about a source.
    pub case: Option<ChangedCase>,
    /// The source it comes from.
    pub source: Arc<str>,
}

/// The case of a change, with what scopes are checked against.
#[derive(Debug, Clone)]
pub struct ChangedCase {
    /// Physical key.
    pub row: CaseRow,
    /// Public id.
    pub id: Uuid,
    /// Revision the change made.
    pub revision: i64,
    /// Service code.
    pub service: Option<Arc<str>>,
    /// Confidentiality level.
    pub confidentiality: u8,
    /// Phase after the change.
    pub phase: Phase,
    /// Who may know of it.
    pub audience: Audience,
}

/// What is committed is what exists.
#[async_trait]
pub trait Store: Subscriptions + Commands {
    /// The key of this store's references and ids.
    fn seal(&self) -> Seal;
    /// Makes a flow known, or updates its order; idempotent. `epoch` counts replacements of the source's numbering.
    async fn register(&self, flow: &FlowName, epoch: u32, order: Order) -> Result<FlowRow, StoreFault>;
    /// What a connector asks about finished wholes.
    fn memory(&self, flow: FlowRow) -> Arc<dyn Memory>;
    /// Which of these digests the flow has already applied, so that they need no mapping.
    async fn known(&self, flow: FlowRow, digests: &[Digest]) -> Result<Vec<bool>, StoreFault>;
    /// Does what a unit of work needs before its transaction (packing, drafting), so that it can be done while another
    /// unit of the flow commits.
    async fn ready(&self, work: Work) -> Result<Ready, StoreFault>;
    /// Commits a unit made ready by this store; several wait for one another and share a transaction (group commit).
    async fn write(&self, ready: Ready) -> Result<Committed, StoreFault>;
    /// Makes a unit ready and commits it.
    async fn commit(&self, work: Work) -> Result<Committed, StoreFault> {
        let ready = self.ready(work).await?;
        self.write(ready).await
    }

    /// Where a flow stands.
    async fn standing(&self, flow: FlowRow) -> Result<FlowStanding, StoreFault>;
    /// Pauses a flow with its reason, or resumes it (`None`).
    async fn pause(&self, flow: FlowRow, reason: Option<&str>) -> Result<(), StoreFault>;
    /// Puts a change about a source on the feed (`source.stale`, `source.recovered`), unless the feed says so already;
    /// whether it did.
    async fn announce(&self, source: &str, kind: ChangeKind, now: i64) -> Result<bool, StoreFault>;

    /// Records held back, with their reasons.
    async fn quarantine(&self, filter: &QuarantineFilter) -> Result<Vec<QuarantineEntry>, StoreFault>;
    /// A kept record.
    async fn record(&self, record: RecordRow) -> Result<Option<KeptRecord>, StoreFault>;
    /// Kept records of a flow from a row on, in order of receipt (replay).
    async fn records(&self, flow: FlowRow, from: RecordRow, limit: usize) -> Result<Vec<KeptRecord>, StoreFault>;
    /// Gives rows up for good, with an audit row; what was parked behind them is released for retry.
    async fn dismiss(&self, rows: &[QuarantineRow], who: &str, why: &str, now: i64) -> Result<u64, StoreFault>;

    /// What operators did, newest first, before a row.
    async fn audit(&self, before: Option<i64>, limit: usize) -> Result<Vec<AuditEntry>, StoreFault>;

    /// A case.
    async fn case(&self, case: CaseRow) -> Result<Option<Arc<CaseDocument>>, StoreFault>;
    /// The revision of a case, from memory or an index only.
    async fn revision(&self, case: CaseRow) -> Result<Option<i64>, StoreFault>;
    /// The case a source knows under a native key (`alias` = another scheme of the same case).
    async fn find(&self, source: &str, key: &str) -> Result<Option<CaseRow>, StoreFault>;
    /// The history of a case, in order.
    async fn entries(&self, case: CaseRow) -> Result<Vec<Entry>, StoreFault>;
    /// Cases, newest change first.
    async fn cases(&self, query: &CaseQuery) -> Result<CasePage, StoreFault>;
    /// Changes after a position.
    async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>, StoreFault>;
    /// Resolves when a change beyond this position is committed (or already was); the highest position.
    async fn changed(&self, after: i64) -> i64;
    /// Numbers about the store itself, for `/metrics` and `doctor`.
    async fn vitals(&self) -> Result<Vitals, StoreFault>;
    /// Drops raw bytes received before a time (digests and entries stay); how many records.
    async fn forget_raw(&self, before: i64) -> Result<u64, StoreFault>;
    /// Finishes what is under way and closes.
    async fn close(&self);
}

#[cfg(test)]
mod suite;

//! The contract of a connector: check (pure), then open, then batches and acknowledgements.
//!
//! A connector never writes the store and never acknowledges on its own: it returns batches with the cursor they
//! reach, and is told afterwards what was committed. What a connector cannot do is absent, never a default.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::format::Format;
use crate::issue::Issue;
use crate::outbound::{Sink, VerbCapability};
use crate::receive::Receiver;
use crate::record::{Digest, Record};

/// Where a flow stands in its source: opaque JSON text of the connector, committed with the records it covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub String);

/// What a connector can do with its settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Capability {
    /// It can be asked for records (`Source::next`).
    pub pull: bool,
    /// It wakes on its own when something arrives (file events, deliveries).
    pub wakes: bool,
    /// Its records can be asked for again (a folder can, a queue cannot).
    pub replays: bool,
    /// The verbs it can carry out, by name (`submit`), as its settings say.
    pub commands: BTreeMap<String, VerbCapability>,
}

/// Something only one flow may use (`folder:/data/in#*.csv`, `queue:aid`), so that `check` refuses two drains of one queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim(pub String);

/// One flow's share of a source's settings, still raw.
#[derive(Debug, Clone)]
pub struct FlowSettings {
    /// Source name.
    pub source: String,
    /// Flow name.
    pub flow: String,
    /// `[source.settings]` merged with `[flows.NAME.settings]` (the flow wins).
    pub settings: serde_json::Value,
    /// How its records are written, from the mapping.
    pub format: Format,
    /// Folder against which relative paths are read.
    pub base: PathBuf,
}

/// A protocol family.
pub trait ConnectorKind: Send + Sync {
    /// The word used in `connector = "…"`.
    fn name(&self) -> &'static str;
    /// JSON Schema of its settings.
    fn schema(&self) -> serde_json::Value;
    /// Checks the settings of one flow without touching the world; the result is kept. Issue paths are relative to the settings.
    fn plan(&self, settings: FlowSettings) -> Result<Arc<dyn Plan>, Vec<Issue>>;
}

/// Checked settings of one flow.
#[async_trait]
pub trait Plan: Send + Sync {
    /// What it can do.
    fn capability(&self) -> Capability;
    /// What it needs for itself.
    fn claims(&self) -> Vec<Claim>;
    /// Touches the world, and takes nothing from it yet: a flow and the dispatch of commands each open for themselves.
    async fn open(&self, memory: Arc<dyn Memory>) -> Result<Connection, Fault>;
    /// The circuit breaker in front of its peer, where it has one: read at any time, also while nothing is open.
    fn breaker(&self) -> Option<Arc<dyn BreakerView>> {
        None
    }
    /// The certificates between us and its peer, where there can be some.
    fn certificates(&self) -> Option<Arc<dyn CertificateView>> {
        None
    }
    /// How its peer pushes, where it has a protocol of its own for it; `None`: the records alone, in the flow's format.
    fn receiver(&self) -> Option<Arc<dyn Receiver>> {
        None
    }
}

/// What an operator sees of the certificates between us and a peer; read, never waited for.
pub trait CertificateView: Send + Sync {
    /// Those known by now; none before the peer was first spoken to.
    fn look(&self) -> Vec<CertificateLook>;
}

/// A certificate, and when it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateLook {
    /// Whose it is.
    pub whose: CertificateOf,
    /// When it expires, microseconds since 1970.
    pub expires_at: i64,
    /// What to tell an operator, once that is soon or past.
    pub issue: Option<Issue>,
}

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateOf {
    /// The peer's, as it showed it last.
    Peer,
    /// Our own, which the peer wants to see.
    Own,
    /// Of the authorities we were told to trust, the one that expires first.
    Authority,
}

/// What an operator sees of a circuit breaker; read, never waited for.
pub trait BreakerView: Send + Sync {
    /// How it stands now.
    fn look(&self) -> BreakerLook;
}

/// How a circuit breaker stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakerLook {
    /// Its state.
    pub state: BreakerState,
    /// Failures in a row.
    pub failures: u32,
    /// How long until a probe is let through; `None` unless it is open.
    pub probe_in: Option<Duration>,
    /// The failure that opened it; `None` while it is closed.
    pub because: Option<Issue>,
}

/// State of a circuit breaker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Requests go through.
    #[default]
    Closed,
    /// Requests are refused here, to let the peer recover.
    Open,
    /// One probe is under way; its outcome decides.
    HalfOpen,
}

/// What the hub remembers for a connector: the digests of wholes (files) already processed to their end.
pub trait Memory: Send + Sync {
    /// Whether a whole with this digest was finished before.
    fn finished(&self, whole: &Digest) -> bool;
}

/// An open connection. Absent parts are not supported.
pub struct Connection {
    /// Records in.
    pub source: Option<Box<dyn Source>>,
    /// Commands out: where `Capability::commands` is not empty.
    pub sink: Option<Box<dyn Sink>>,
    /// A question that shows whether the peer is there.
    pub probe: Box<dyn Probe>,
}

/// How much one batch may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Records.
    pub records: usize,
    /// Bytes.
    pub bytes: usize,
}

/// Records and the cursor they reach.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order of the source.
    pub records: Vec<Record>,
    /// Records that could not even be cut out: kept and quarantined with their issue.
    pub broken: Vec<(Record, Issue)>,
    /// Where the next batch starts; `None` leaves the cursor as it is.
    pub cursor: Option<Cursor>,
    /// Wholes finished by this batch, remembered in the same transaction.
    pub finished: Vec<Digest>,
    /// What to acknowledge once this batch is committed.
    pub receipt: Option<Receipt>,
    /// Of the messages these records came in, so many the peer says it delivered before: shown, and recognised by digest.
    pub redelivered: u64,
    /// Nothing more for now.
    pub caught_up: bool,
    /// Things to show to an operator (a file skipped because it was processed before).
    pub notices: Vec<Issue>,
    /// How far the current whole is read.
    pub progress: Option<Progress>,
}

/// How far a whole is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// File or queue.
    pub name: String,
    /// Bytes read.
    pub done: u64,
    /// Bytes in all; `None` where it cannot be known.
    pub total: Option<u64>,
}

/// What the connector needs to acknowledge a batch; opaque to the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Told to a connector only after COMMIT.
#[derive(Debug, Clone)]
pub struct Ack {
    /// The receipt of the batch.
    pub receipt: Receipt,
    /// Positions in `Batch::records` of those that were quarantined (`Batch::broken` always is). Positions, not a
    /// count, because one batch may cover many small files: some with quarantined records go to `done/`, those
    /// wholly quarantined to `failed/`.
    pub quarantined: Vec<usize>,
}

/// Records in.
#[async_trait]
pub trait Source: Send {
    /// The next batch after a cursor. Cancel-safe: dropping the future loses nothing. It may wait for an acknowledgement:
    /// while a batch with a receipt commits, the flow drops this future, acknowledges, and asks again.
    ///
    /// `after` is the cursor of the batch before (committed or about to be), or the last committed one after a reopen
    /// or a failed commit: a cursor that is not where the source stands rewinds it.
    async fn next(&mut self, after: Option<&Cursor>, limit: Limit) -> Result<Batch, Fault>;
    /// The batch of this receipt is committed: move the file, ack the message. Idempotent.
    async fn acknowledge(&mut self, ack: Ack) -> Result<(), Fault>;
    /// Resolves when something may have arrived; sources that cannot know never resolve.
    async fn woken(&mut self);
}

/// A question that shows whether the peer is there.
#[async_trait]
pub trait Probe: Send + Sync {
    /// One line of facts for `doctor`, or why not.
    async fn probe(&self) -> Result<String, Fault>;
}

/// The connector kinds this binary knows, by name.
#[derive(Clone, Default)]
pub struct Registry(pub BTreeMap<&'static str, Arc<dyn ConnectorKind>>);

impl Registry {
    /// A registry of these kinds.
    pub fn new(kinds: Vec<Arc<dyn ConnectorKind>>) -> Self {
        Registry(kinds.into_iter().map(|kind| (kind.name(), kind)).collect())
    }
}

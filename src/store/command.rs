//! Commands in a store: asked once per key, leased to one hand at a time, marked before they are sent, settled with their
//! change. The store performs; `dispatch` decides.

use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::Digest;
use uuid::Uuid;

use super::{FlowRow, KeptIssue, StoreFault};
use crate::model::{CaseRow, CommandId, CommandState, Facts, FlowName, Verb};

/// How long the answer to a key is kept, microseconds.
pub const KEY_KEPT: i64 = 7 * 86_400_000_000;

/// A command to be queued.
#[derive(Debug, Clone)]
pub struct NewCommand {
    /// Its id.
    pub id: CommandId,
    /// What is asked.
    pub verb: Verb,
    /// Whose source carries it out.
    pub flow: FlowName,
    /// Service.
    pub service: String,
    /// The case it is about; `None` makes one.
    pub case: Option<CaseRow>,
    /// What is known of a new case.
    pub facts: Facts,
    /// What the front office sent, as JSON.
    pub payload: String,
    /// Who asks.
    pub client: String,
    /// The client's key for this request …
    pub key: String,
    /// … and the digest of the request it stands for.
    pub digest: Digest,
    /// Now, microseconds since 1970.
    pub now: i64,
}

/// What became of a request for a command.
#[derive(Debug, Clone)]
pub enum Asked {
    /// It is queued.
    New(Arc<CommandEntry>),
    /// The key stands for this command already.
    Again(Arc<CommandEntry>),
    /// The key stands for another request.
    OtherRequest,
}

/// A command as kept.
#[derive(Debug, Clone)]
pub struct CommandEntry {
    /// Its id.
    pub id: CommandId,
    /// What is asked.
    pub verb: Verb,
    /// How it stands.
    pub state: CommandState,
    /// Whose source carries it out.
    pub flow: FlowName,
    /// Service.
    pub service: Arc<str>,
    /// The case it is about …
    pub case: CaseRow,
    /// … its public id …
    pub case_id: Uuid,
    /// … how narrow it is …
    pub confidentiality: u8,
    /// … and its key in the source that carries the command out, where it has one.
    pub case_key: Option<String>,
    /// Who asked.
    pub client: Arc<str>,
    /// What the front office sent, as JSON.
    pub payload: Box<str>,
    /// When it was asked, microseconds since 1970.
    pub created_at: i64,
    /// When it last changed.
    pub changed_at: i64,
    /// When it is tried or looked up next; `None`: not on its own.
    pub due_at: Option<i64>,
    /// Times it was sent, or tried to be.
    pub attempts: u32,
    /// Times it was looked up since it was last sent.
    pub looks: u32,
    /// When it was last sent.
    pub sent_at: Option<i64>,
    /// When that sending ended.
    pub ended_at: Option<i64>,
    /// Where it was sent.
    pub address: Option<String>,
    /// What was sent.
    pub request: Option<String>,
    /// The source's number for it.
    pub reference: Option<String>,
    /// What the source said to ask after it by.
    pub tracking: Option<String>,
    /// Why it was refused, in the source's words, or why an operator stepped in.
    pub reason: Option<String>,
    /// The last problem.
    pub issue: Option<KeptIssue>,
    /// What the source answered so far.
    pub heard: Option<String>,
}

/// A command in one hand: nobody else goes on with it until the lease has passed.
#[derive(Debug, Clone)]
pub struct Leased {
    /// The command.
    pub command: CommandEntry,
    /// Proves the lease: another holder has another number.
    pub lease: i64,
}

/// What a command comes to after a try or a look-up. Committed with its change.
#[derive(Debug, Clone)]
pub struct Upshot {
    /// How it stands now.
    pub state: CommandState,
    /// When it is tried or looked up next.
    pub due_at: Option<i64>,
    /// Whether this was a look-up.
    pub looked: bool,
    /// The source's number for it.
    pub reference: Option<String>,
    /// What the source said to ask after it by.
    pub tracking: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// What went wrong.
    pub issue: Option<KeptIssue>,
    /// What the source answered.
    pub heard: Option<String>,
}

impl Upshot {
    /// A bare state.
    pub fn of(state: CommandState) -> Self {
        Upshot {
            state,
            due_at: None,
            looked: false,
            reference: None,
            tracking: None,
            reason: None,
            issue: None,
            heard: None,
        }
    }
}

/// What an operator decides about a command nobody goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepIn {
    /// It was done, under this number.
    Confirm(Option<String>),
    /// It was not done and will not be.
    Refuse,
    /// It surely had no effect: send it (again).
    Retry,
}

/// Which commands.
#[derive(Debug, Clone, Default)]
pub struct CommandFilter {
    /// State.
    pub state: Option<CommandState>,
    /// Case.
    pub case: Option<CaseRow>,
    /// Source.
    pub source: Option<String>,
    /// Only those of this client.
    pub client: Option<String>,
    /// Only those of these services (`None` = all).
    pub services: Option<Vec<String>>,
    /// Only those of cases up to this level.
    pub confidentiality: u8,
    /// Older than this one.
    pub before: Option<CommandId>,
    /// At most so many.
    pub limit: usize,
}

/// What became of commands without anybody to carry them out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stranded {
    /// Those that wait now, and say so.
    pub held: u64,
    /// Those that waited so, and go on.
    pub released: u64,
}

/// Commands of a store.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Queues a command with the case it makes, or answers for its key.
    async fn ask(&self, new: NewCommand) -> Result<Asked, StoreFault>;
    /// A command.
    async fn command(&self, id: CommandId) -> Result<Option<CommandEntry>, StoreFault>;
    /// Commands, newest first (without the keys of their cases).
    async fn commands(&self, filter: &CommandFilter) -> Result<Vec<CommandEntry>, StoreFault>;
    /// Hands out what is due for a flow until a time: one command of a case at a time, and in order.
    async fn lease(&self, flow: FlowRow, now: i64, until: i64, limit: usize) -> Result<Vec<Leased>, StoreFault>;
    /// When something is due for a flow next.
    async fn next_due(&self, flow: FlowRow, after: i64) -> Result<Option<i64>, StoreFault>;
    /// Marks a leased command as being sent, before it is; `false` when the lease is another's.
    async fn sending(&self, leased: &Leased, address: &str, request: &str, now: i64) -> Result<bool, StoreFault>;
    /// Settles a leased command with its change; `false` when the lease is another's.
    async fn conclude(&self, leased: &Leased, upshot: Upshot, now: i64) -> Result<bool, StoreFault>;
    /// Settles every command that was on its way when the hub died; how many.
    async fn recover(&self, upshot: Upshot, now: i64) -> Result<u64, StoreFault>;
    /// Takes commands that nobody carries out from the queue, with this issue for everybody to see, and lets those go on
    /// that were taken from it by an issue of the same code and that somebody carries out again.
    async fn strand(&self, carried: &[(FlowName, Verb)], issue: KeptIssue, now: i64) -> Result<Stranded, StoreFault>;
    /// An operator decides, with an audit row; `None` when there is no such command, `false` when it is in somebody's hand
    /// or decided already.
    async fn step_in(
        &self,
        id: CommandId,
        step: StepIn,
        who: &str,
        why: &str,
        now: i64,
    ) -> Result<Option<bool>, StoreFault>;
    /// Resolves when commands were asked for, or stepped into, more often than `seen`; how often.
    async fn commanded(&self, seen: u64) -> u64;
}

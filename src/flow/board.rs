//! The board: the visible state of every flow, written by its task, read by the API, the metrics and the console.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use guichet_sdk::Progress;

use crate::ledger::{Contract, freshness};
use crate::model::{FlowName, Freshness};
use crate::store::{Counts, KeptIssue};

/// What a flow is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FlowState {
    /// Not started yet.
    #[default]
    Starting,
    /// Waiting for its next time.
    Idle,
    /// At work.
    Running,
    /// Waiting after a failure.
    BackingOff,
    /// Stopped until somebody resumes it.
    Paused {
        /// Why.
        reason: String,
    },
    /// Stopped: it would only fail the same way. Tried again when somebody asks for a run or a resume.
    Failed,
}

/// Whether a flow still believes its source to be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// It does.
    #[default]
    Closed,
    /// It failed several times in a row: nothing is asked before the wait is over.
    Open,
    /// The wait is over: one probe decides.
    HalfOpen,
}

/// The visible state of a flow. Times are microseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct FlowStatus {
    /// What it is doing.
    pub state: FlowState,
    /// When it last started to look at its source.
    pub started_at: Option<i64>,
    /// When it will look again.
    pub next_at: Option<i64>,
    /// When it last looked at its source successfully.
    pub verified_at: Option<i64>,
    /// When its source last said something.
    pub observed_at: Option<i64>,
    /// Failures in a row.
    pub failures: u32,
    /// The last failure, until a success.
    pub fault: Option<KeptIssue>,
    /// Whether its source is believed to be there.
    pub circuit: Circuit,
    /// How far the current whole is read.
    pub progress: Option<Progress>,
    /// Counts since the flow exists.
    pub counts: Counts,
    /// Counts since this process started: what the metrics show (they never go down).
    pub seen: Counts,
    /// Quarantined and parked records still open.
    pub open: u64,
    /// Whether a live source is connected now.
    pub connected: bool,
    /// Freshness contract.
    pub contract: Option<Contract>,
}

impl FlowStatus {
    /// Freshness at a time.
    pub fn freshness(&self, now: i64) -> Freshness {
        match self.contract {
            Some(contract) => freshness(contract, self.verified_at, self.connected, now),
            None => Freshness::Unknown,
        }
    }
}

/// The visible state of every flow.
#[derive(Debug, Default)]
pub struct Board {
    flows: Mutex<BTreeMap<FlowName, FlowStatus>>,
    version: AtomicU64,
}

impl Board {
    /// Changes the state of a flow.
    pub fn update(&self, name: &FlowName, change: impl FnOnce(&mut FlowStatus)) {
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        change(flows.entry(name.clone()).or_default());
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Counts the updates: what was derived from the board stands while this stands.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The state of a flow.
    pub fn get(&self, name: &FlowName) -> Option<FlowStatus> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every flow with its state, by name.
    pub fn all(&self) -> Vec<(FlowName, FlowStatus)> {
        let flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        flows.iter().map(|(name, status)| (name.clone(), status.clone())).collect()
    }
}

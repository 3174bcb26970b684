//! Control: what an operator may ask of the running flows. The API and the console speak through it, never to a flow.

use async_trait::async_trait;

use crate::model::FlowName;
use crate::store::{QuarantineRow, StoreFault};

/// Why a request of an operator was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ControlFault {
    /// No such flow.
    #[error("there is no flow `{0}`")]
    NoSuchFlow(FlowName),
    /// The flow cannot do that now.
    #[error("the flow cannot do that now: {0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// What became of records tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Retried {
    /// Asked for and found open.
    pub tried: u64,
    /// Settled: applied, duplicate or superseded.
    pub settled: u64,
    /// Still held.
    pub held: u64,
}

/// What an operator may ask of the running flows.
#[async_trait]
pub trait FlowControl: Send + Sync {
    /// Stops a flow until it is resumed.
    async fn pause(&self, flow: &FlowName, reason: &str) -> Result<(), ControlFault>;
    /// Lets a paused flow go on.
    async fn resume(&self, flow: &FlowName) -> Result<(), ControlFault>;
    /// Wakes a flow now.
    async fn run(&self, flow: &FlowName) -> Result<(), ControlFault>;
    /// Maps held records again with the mapping of today.
    async fn retry(&self, rows: &[QuarantineRow]) -> Result<Retried, ControlFault>;
    /// Gives held records up for good; how many.
    async fn dismiss(&self, rows: &[QuarantineRow], who: &str, why: &str) -> Result<u64, ControlFault>;
}

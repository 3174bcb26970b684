//! The board: the visible state of every flow, written by its task, read by the API, the metrics and the console.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guichet_sdk::{
    BreakerLook, BreakerState, BreakerView, CertificateLook, CertificateOf, CertificateView, Issue, Progress,
};

use crate::ledger::{Contract, freshness};
use crate::model::{FlowName, Freshness};
use crate::store::Counts;

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

/// A source that has not answered a question for so long is slow, microseconds. It goes on being waited for: ending the
/// wait is for the time-outs of its connector.
const SLOW_AFTER: i64 = 5_000_000;

/// Whose certificate it is, in one word.
pub fn certificate_word(whose: CertificateOf) -> &'static str {
    match whose {
        CertificateOf::Peer => "peer",
        CertificateOf::Own => "own",
        CertificateOf::Authority => "authority",
    }
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
    pub fault: Option<Issue>,
    /// Whether the flow itself believes its source to be there, after failures in a row.
    pub circuit: BreakerState,
    /// The circuit breaker of its connector, as it stood when the board was read; `None` where it has none.
    pub peer: Option<BreakerLook>,
    /// The certificates between its connector and the source, as they stood when the board was read.
    pub certificates: Vec<CertificateLook>,
    /// When the question was put to the source that it has not answered yet.
    pub asked_at: Option<i64>,
    /// How far the current whole is read.
    pub progress: Option<Progress>,
    /// Counts since the flow exists.
    pub counts: Counts,
    /// Counts since this process started: what the metrics show (they never go down).
    pub seen: Counts,
    /// Messages the source delivered again, since this process started.
    pub redelivered: u64,
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

    /// The circuit breaker in front of its source at a time: the connector's, or where it has none what the flow's own
    /// failures say.
    pub fn breaker(&self, now: i64) -> BreakerLook {
        if let Some(look) = &self.peer {
            return look.clone();
        }
        let tripped = self.circuit != BreakerState::Closed;
        let open = self.circuit == BreakerState::Open;
        let left = |at: i64| Duration::from_micros(u64::try_from(at.saturating_sub(now)).unwrap_or(0));
        BreakerLook {
            state: self.circuit,
            failures: self.failures,
            probe_in: self.next_at.filter(|_| open).map(left),
            because: self.fault.clone().filter(|_| tripped),
        }
    }

    /// Since when the source has kept the flow waiting for an answer, once that is longer than an answer should take.
    pub fn slow_since(&self, now: i64) -> Option<i64> {
        self.asked_at.filter(|at| now.saturating_sub(*at) >= SLOW_AFTER)
    }
}

/// The visible state of every flow.
#[derive(Default)]
pub struct Board {
    flows: Mutex<BTreeMap<FlowName, Shown>>,
    version: AtomicU64,
}

/// What is shown of a flow.
#[derive(Default)]
struct Shown {
    status: FlowStatus,
    breaker: Option<Arc<dyn BreakerView>>,
    certificates: Option<Arc<dyn CertificateView>>,
}

impl Shown {
    fn read(&self) -> FlowStatus {
        let peer = self.breaker.as_ref().map(|breaker| breaker.look());
        let certificates = self.certificates.as_ref().map(|certificates| certificates.look()).unwrap_or_default();
        FlowStatus { peer, certificates, ..self.status.clone() }
    }
}

impl Board {
    /// Changes the state of a flow.
    pub fn update(&self, name: &FlowName, change: impl FnOnce(&mut FlowStatus)) {
        change(&mut self.flows().entry(name.clone()).or_default().status);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Shows the circuit breaker of a flow's connector from now on.
    pub fn show_breaker(&self, name: &FlowName, breaker: Option<Arc<dyn BreakerView>>) {
        self.flows().entry(name.clone()).or_default().breaker = breaker;
    }

    /// Shows the certificates between a flow's connector and its source from now on.
    pub fn show_certificates(&self, name: &FlowName, certificates: Option<Arc<dyn CertificateView>>) {
        self.flows().entry(name.clone()).or_default().certificates = certificates;
    }

    /// Counts the updates: what was derived from the board stands while this stands (circuit breakers of connectors turn
    /// by themselves).
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The state of a flow.
    pub fn get(&self, name: &FlowName) -> Option<FlowStatus> {
        self.flows().get(name).map(Shown::read)
    }

    /// Every flow with its state, by name.
    pub fn all(&self) -> Vec<(FlowName, FlowStatus)> {
        self.flows().iter().map(|(name, shown)| (name.clone(), shown.read())).collect()
    }

    fn flows(&self) -> MutexGuard<'_, BTreeMap<FlowName, Shown>> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use guichet_sdk::Code;

    use super::*;

    struct Peer;

    impl BreakerView for Peer {
        fn look(&self) -> BreakerLook {
            BreakerLook { state: BreakerState::HalfOpen, failures: 7, probe_in: None, because: None }
        }
    }

    #[test]
    fn a_flow_shows_the_breaker_of_its_connector_or_else_what_its_own_failures_say() {
        let (board, name) = (Board::default(), FlowName::new("tax", "cases"));
        board.update(&name, |status| {
            (status.failures, status.circuit) = (3, BreakerState::Open);
            status.next_at = Some(9_000_000);
            status.fault = Some(Issue::error(Code("E201"), "the disk is full"));
        });
        let own = board.get(&name).unwrap().breaker(7_000_000);
        assert_eq!((own.state, own.failures), (BreakerState::Open, 3));
        assert_eq!(own.probe_in, Some(Duration::from_secs(2)));
        assert_eq!(own.because.unwrap().code, Code("E201"));
        board.show_breaker(&name, Some(Arc::new(Peer)));
        let peer = board.all()[0].1.breaker(7_000_000);
        assert_eq!((peer.state, peer.failures), (BreakerState::HalfOpen, 7));
    }

    #[test]
    fn a_source_is_slow_once_an_answer_is_overdue() {
        let waiting = FlowStatus { asked_at: Some(1_000_000), ..FlowStatus::default() };
        assert_eq!(waiting.slow_since(1_000_000 + SLOW_AFTER - 1), None);
        assert_eq!(waiting.slow_since(1_000_000 + SLOW_AFTER), Some(1_000_000));
        assert_eq!(FlowStatus::default().slow_since(i64::MAX), None);
    }
}

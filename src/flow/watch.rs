//! The watch: tells from outside the flows when one is past its freshness contract, also while it is paused or failed,
//! so that no staleness is silent (I6, P9). Announced once each way; after a restart at most once more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guichet_sdk::Code;
use tokio_util::sync::CancellationToken;

use super::{Board, FlowStatus, clock};
use crate::model::{ChangeKind, FlowName, Freshness};
use crate::store::{Store, StoreFault};

/// How often the board is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Of the warning, so that it can be looked up.
const PAST_CONTRACT: Code = Code("E208");

/// Watches the board until told to stop.
pub async fn watch(board: Arc<Board>, store: Arc<dyn Store>, stop: CancellationToken) {
    let mut watch = Watch::new(clock::now());
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        watch.look(&board, &*store, clock::now()).await;
    }
}

struct Watch {
    started: i64,
    stale: BTreeMap<FlowName, bool>,
}

impl Watch {
    fn new(started: i64) -> Self {
        Watch { started, stale: BTreeMap::new() }
    }

    /// Announces each source that became stale or recovered since the last look.
    async fn look(&mut self, board: &Board, store: &dyn Store, now: i64) {
        for (source, kind) in self.turned(&board.all(), now) {
            if let Err(error) = self.announce(store, &source, kind, now).await {
                tracing::warn!(source, "the freshness of the source could not be announced: {error}");
            }
        }
    }

    /// Sources that turned: a source is stale while any of its flows is.
    fn turned(&mut self, flows: &[(FlowName, FlowStatus)], now: i64) -> Vec<(String, ChangeKind)> {
        let mut turned = Vec::new();
        for (name, status) in flows {
            let stale = past_contract(status, self.started, now);
            let source_was = self.source_is_stale(&name.source);
            self.stale.insert(name.clone(), stale);
            let source_is = self.source_is_stale(&name.source);
            match (source_was, source_is) {
                (false, true) => turned.push((name.source.to_string(), ChangeKind::SourceStale)),
                (true, false) => turned.push((name.source.to_string(), ChangeKind::SourceRecovered)),
                (false, false) | (true, true) => {}
            }
        }
        turned
    }

    fn source_is_stale(&self, source: &str) -> bool {
        self.stale.iter().any(|(name, stale)| *stale && &*name.source == source)
    }

    async fn announce(&self, store: &dyn Store, source: &str, kind: ChangeKind, now: i64) -> Result<(), StoreFault> {
        if kind == ChangeKind::SourceStale {
            tracing::warn!(source, code = %PAST_CONTRACT, "the source was not seen within its contract");
        } else {
            tracing::info!(source, "the source is seen again");
        }
        store.announce(source, kind, now).await
    }
}

/// Whether a flow is past its contract; one never seen has its contract's time from the start of the watch.
fn past_contract(status: &FlowStatus, started: i64, now: i64) -> bool {
    match status.freshness(now) {
        Freshness::Live | Freshness::Fresh => false,
        Freshness::Stale => true,
        Freshness::Unknown => status.contract.is_some_and(|contract| now.saturating_sub(started) > contract.max_age),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowState;
    use crate::ledger::Contract;

    fn seen(source: &str, flow: &str, verified_at: Option<i64>) -> (FlowName, FlowStatus) {
        let contract = Some(Contract { live: false, max_age: 10 });
        (FlowName::new(source, flow), FlowStatus { contract, verified_at, ..FlowStatus::default() })
    }

    #[test]
    fn i6_staleness_is_told_once_and_so_is_recovery() {
        let mut watch = Watch::new(0);
        assert_eq!(watch.turned(&[seen("tax", "a", Some(5))], 15), []);
        let stale = vec![("tax".to_owned(), ChangeKind::SourceStale)];
        assert_eq!(watch.turned(&[seen("tax", "a", Some(5))], 16), stale);
        assert_eq!(watch.turned(&[seen("tax", "a", Some(5))], 17), []);
        let recovered = vec![("tax".to_owned(), ChangeKind::SourceRecovered)];
        assert_eq!(watch.turned(&[seen("tax", "a", Some(18))], 18), recovered);
    }

    #[test]
    fn a_paused_flow_alarms_and_one_never_seen_too() {
        let mut paused = seen("tax", "a", Some(0));
        paused.1.state = FlowState::Paused { reason: "an operator asked".into() };
        assert_eq!(Watch::new(0).turned(&[paused], 11).len(), 1);
        let mut watch = Watch::new(100);
        assert_eq!(watch.turned(&[seen("tax", "a", None)], 110), []);
        assert_eq!(watch.turned(&[seen("tax", "a", None)], 111).len(), 1);
    }

    #[test]
    fn a_source_recovers_when_its_last_stale_flow_does() {
        let mut watch = Watch::new(0);
        let both = |a, b| [seen("tax", "a", Some(a)), seen("tax", "b", Some(b))];
        assert_eq!(watch.turned(&both(0, 0), 20).len(), 1);
        assert_eq!(watch.turned(&both(20, 0), 20), []);
        assert_eq!(watch.turned(&both(20, 20), 20).len(), 1);
    }
}

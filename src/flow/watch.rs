//! The watch: tells from outside the flows when one is past its freshness contract, also while it is paused or failed,
//! so that no staleness is silent (I6, P9). Announced once each way and episode.

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

/// What the feed says of each source, as far as this process made sure of it.
struct Watch {
    started: i64,
    told: BTreeMap<Arc<str>, bool>,
}

impl Watch {
    fn new(started: i64) -> Self {
        Watch { started, told: BTreeMap::new() }
    }

    /// Makes the feed say of each source whether it is stale. What could not be said is said at the next look.
    async fn look(&mut self, board: &Board, store: &dyn Store, now: i64) {
        for (source, stale) in self.turned(&board.all(), now) {
            match announce(store, &source, stale, now).await {
                Ok(()) => {
                    self.told.insert(source, stale);
                }
                Err(error) => {
                    tracing::warn!(%source, "the freshness of the source could not be announced: {error}");
                }
            }
        }
    }

    /// Sources of which the feed may say something else, and whether each is stale: while any of its flows is. After a
    /// start that is every source as soon as it is known how it stands; the store keeps quiet where nothing turned.
    fn turned(&self, flows: &[(FlowName, FlowStatus)], now: i64) -> Vec<(Arc<str>, bool)> {
        let mut sources: BTreeMap<Arc<str>, Option<bool>> = BTreeMap::new();
        for (name, status) in flows {
            let flow = past_contract(status, self.started, now);
            let source = sources.entry(name.source.clone()).or_insert(flow);
            *source = match (*source, flow) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (None, _) | (_, None) => None,
                (Some(false), Some(false)) => Some(false),
            };
        }
        let known = sources.into_iter().filter_map(|(source, stale)| Some((source, stale?)));
        known.filter(|(source, stale)| self.told.get(source) != Some(stale)).collect()
    }
}

async fn announce(store: &dyn Store, source: &str, stale: bool, now: i64) -> Result<(), StoreFault> {
    let kind = if stale { ChangeKind::SourceStale } else { ChangeKind::SourceRecovered };
    match (store.announce(source, kind, now).await?, stale) {
        (true, true) => tracing::warn!(source, code = %PAST_CONTRACT, "the source was not seen within its contract"),
        (true, false) => tracing::info!(source, "the source is seen again"),
        (false, _) => {}
    }
    Ok(())
}

/// Whether a flow is past its contract. One never seen has its contract's time from the start of the watch: until then
/// nothing is known of it.
fn past_contract(status: &FlowStatus, started: i64, now: i64) -> Option<bool> {
    match status.freshness(now) {
        Freshness::Live | Freshness::Fresh => Some(false),
        Freshness::Stale => Some(true),
        Freshness::Unknown => {
            let contract = status.contract?;
            (now.saturating_sub(started) > contract.max_age).then_some(true)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::flow::FlowState;
    use crate::ledger::Contract;
    use crate::store::{Bounds, Sqlite};

    fn seen(source: &str, flow: &str, verified_at: Option<i64>) -> (FlowName, FlowStatus) {
        let contract = Some(Contract { live: false, max_age: 10 });
        (FlowName::new(source, flow), FlowStatus { contract, verified_at, ..FlowStatus::default() })
    }

    /// What a watch since `started` finds at a time.
    fn found(started: i64, flows: &[(FlowName, FlowStatus)], now: i64) -> Vec<bool> {
        Watch::new(started).turned(flows, now).into_iter().map(|(_, stale)| stale).collect()
    }

    #[tokio::test]
    async fn i6_staleness_is_told_once_and_so_is_recovery_also_after_a_restart() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Sqlite::open(&folder.path().join("hub.db"), Bounds::default()).unwrap();
        let board = Board::default();
        let mut watch = Watch::new(0);
        let mut look = async |verified_at, now, restarted| {
            let (name, status) = seen("tax", "a", Some(verified_at));
            board.update(&name, |shown| *shown = status);
            if restarted {
                watch = Watch::new(now);
            }
            watch.look(&board, &store, now).await;
            let kinds: Vec<_> = store.changes(0, 9).await.unwrap().iter().map(|change| change.kind).collect();
            kinds
        };
        let (stale, recovered) = (ChangeKind::SourceStale, ChangeKind::SourceRecovered);
        assert_eq!(look(5, 15, false).await, []);
        assert_eq!(look(5, 16, false).await, [stale]);
        assert_eq!(look(5, 17, false).await, [stale]);
        assert_eq!(look(5, 18, true).await, [stale], "the same episode");
        // recovered while nobody watched
        assert_eq!(look(20, 21, true).await, [stale, recovered]);
        assert_eq!(look(20, 40, false).await, [stale, recovered, stale]);
    }

    #[test]
    fn a_paused_flow_alarms_and_one_never_seen_too() {
        let mut paused = seen("tax", "a", Some(0));
        paused.1.state = FlowState::Paused { reason: "an operator asked".into() };
        assert_eq!(found(0, &[paused], 11), [true]);
        assert_eq!(found(100, &[seen("tax", "a", None)], 110), Vec::<bool>::new());
        assert_eq!(found(100, &[seen("tax", "a", None)], 111), [true]);
    }

    #[test]
    fn a_source_recovers_when_its_last_stale_flow_does() {
        let both = |a, b| [seen("tax", "a", a), seen("tax", "b", b)];
        assert_eq!(found(0, &both(Some(20), Some(0)), 20), [true]);
        assert_eq!(found(0, &both(Some(20), Some(20)), 20), [false]);
        assert_eq!(found(15, &both(Some(20), None), 20), Vec::<bool>::new(), "nothing is known of one of them");
    }
}

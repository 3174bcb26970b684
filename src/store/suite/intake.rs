//! Promises about taking records in: once, in any order, counted.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::{Stage, exported, hub, moment, said, titled};
use crate::model::{CaseUpdate, Facts, Location, Order, OrderClass, Outcome, Phase, RecordRow, WaitingOn};
use crate::store::suite::Hub;
use crate::store::{Ending, Reading};

/// Generated histories per order class; each costs a few commits.
const HISTORIES: u32 = 16;

pub(crate) async fn a_record_becomes_a_case<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Version).await;
    let update = CaseUpdate { version: Some(1), ..titled("A1", Phase::Received, 5, "permit", "a shed") };
    assert_eq!(hub.say(update).await, Ending::Applied);
    let row = hub.row("A1").await;
    let case = hub.store.case(row).await.unwrap().unwrap();
    assert_eq!((case.phase, case.revision, &*case.source), (Phase::Received, 1, "permits"));
    assert_eq!(hub.store.seal().read_case_id(case.id), Some(row));
    assert!(case.body.contains("\"title\":\"a shed\""));
    let entries = hub.store.entries(row).await.unwrap();
    assert_eq!((entries.len(), &*entries[0].mapping, &*entries[0].flow), (1, "test@1", "cases"));
    let kept = hub.store.record(entries[0].record).await.unwrap().unwrap();
    assert!(kept.record.unwrap().bytes.starts_with(b"[{\"key\":\"A1\""));
}

pub(crate) async fn a_known_record_is_counted_and_changes_nothing<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let items = || vec![hub.mapped(said("A1", Phase::Received, 1)), hub.mapped(said("A2", Phase::Closed, 1))];
    let first = hub.deliver(items()).await;
    let again = hub.deliver(items()).await;
    assert_eq!(again.endings, [Ending::Duplicate, Ending::Duplicate]);
    assert_eq!(again.change, first.change);
    assert_eq!(hub.counts().await.duplicate, 2);
    assert_eq!(hub.store.entries(hub.row("A1").await).await.unwrap().len(), 1);
}

pub(crate) async fn a_record_twice_in_one_unit_is_applied_once<S: Stage>() {
    for class in OrderClass::ALL {
        let (_stage, hub) = hub::<S>(*class).await;
        let update = CaseUpdate { version: Some(1), export: Some(1), ..said("A1", Phase::Received, 1) };
        let committed = hub.commit(vec![hub.mapped(update.clone()), hub.mapped(update)]).await;
        assert_eq!(committed.endings, [Ending::Applied, Ending::Duplicate], "{class}");
    }
}

pub(crate) async fn i2_an_update_told_by_another_record_enters_once<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    hub.say(said("A1", Phase::Received, 1)).await;
    let history = hub.carrying(vec![said("A1", Phase::Received, 1), said("A1", Phase::InProgress, 2)]);
    assert_eq!(hub.deliver(vec![history]).await.endings, [Ending::Applied]);
    assert_eq!(hub.store.entries(hub.row("A1").await).await.unwrap().len(), 2);
    let nothing_new = hub.carrying(vec![said("A1", Phase::InProgress, 2), said("A1", Phase::Received, 1)]);
    assert_eq!(hub.deliver(vec![nothing_new]).await.endings, [Ending::Duplicate]);
}

/// A history of two cases: each update with facts that come and go.
fn history(class: OrderClass) -> impl Strategy<Value = Vec<CaseUpdate>> {
    let one = (0usize..2, 0usize..9, 0i64..6, prop::option::of("[ab]"), prop::option::of("[xy]"), 0usize..3);
    prop::collection::vec(one, 1..10).prop_map(move |rows| {
        let mut numbered = std::collections::BTreeSet::new();
        rows.into_iter()
            .filter_map(|(case, phase, number, title, address, outcome)| {
                let key = ["A1", "A2"][case];
                let mut update = said(key, Phase::ALL[phase], number);
                let location = address.map(|address| Location { address: Some(address), ..Location::default() });
                update.facts = Facts { title, location, received_at: Some(moment(number)), ..Facts::default() };
                if let Some(status) = update.status.as_mut().filter(|status| status.phase.carries_outcome()) {
                    status.outcome = Outcome::ALL.get(outcome).copied();
                    status.waiting_on = WaitingOn::ALL.get(outcome).copied();
                }
                match class {
                    OrderClass::Version => update.version = Some(number),
                    OrderClass::Snapshot => {
                        update.export = Some(number);
                        // An export states no time of its own here, so that contents come back: A, B, A.
                        update.facts.received_at = None;
                        if let Some(status) = &mut update.status {
                            status.effective_at = None;
                        }
                    }
                    OrderClass::Time | OrderClass::Arrival => {}
                }
                // One version or export says one thing about a case: anything else is a conflict, with its own test.
                let once = matches!(class, OrderClass::Version | OrderClass::Snapshot);
                (!once || numbered.insert((case, number))).then_some(update)
            })
            .collect()
    })
}

/// Plays a history in units of this size and gives the cases as served.
async fn play<S: Stage>(order: Order, updates: &[CaseUpdate], unit: usize) -> Vec<Option<String>> {
    let stage = S::new();
    let hub = Hub::new(stage.open().unwrap().into(), "permits", order).await;
    for part in updates.chunks(unit) {
        hub.deliver(part.iter().map(|update| hub.mapped(update.clone())).collect()).await;
    }
    let counts = hub.counts().await;
    assert_eq!((counts.received, counts.quarantined), (updates.len() as u64, 0));
    vec![hub.served("A1").await, hub.served("A2").await]
}

/// Plays generated histories as they are, and again shuffled or repeated.
async fn compare<S: Stage>(order: Order, shuffle: bool) {
    let config = Config { cases: HISTORIES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let again = history(order.class).prop_flat_map(move |list| {
        let twice: Vec<CaseUpdate> = list.iter().chain(list.iter().step_by(2)).cloned().collect();
        let other = if shuffle { Just(twice).prop_shuffle().boxed() } else { Just(twice).boxed() };
        (Just(list), other, 1usize..6)
    });
    for _ in 0..HISTORIES {
        let (list, other, unit) = again.new_tree(&mut runner).unwrap().current();
        let (plain, shuffled) = (play::<S>(order, &list, 3).await, play::<S>(order, &other, unit).await);
        assert_eq!(plain, shuffled, "units of {unit}: {other:#?}");
    }
}

pub(crate) async fn i3_any_permutation_and_duplication_gives_byte_equal_documents_by_version<S: Stage>() {
    compare::<S>(Order::of(OrderClass::Version), true).await;
}

pub(crate) async fn i3_any_permutation_and_duplication_gives_byte_equal_documents_by_time<S: Stage>() {
    compare::<S>(Order { skew: 60_000_000, ..Order::of(OrderClass::Time) }, true).await;
}

pub(crate) async fn i3_any_permutation_and_duplication_gives_byte_equal_documents_by_snapshot<S: Stage>() {
    compare::<S>(Order::of(OrderClass::Snapshot), true).await;
}

/// Where nothing but arrival orders a flow, the order of arrival decides; repetition still does not.
pub(crate) async fn repetition_gives_byte_equal_documents_by_arrival<S: Stage>() {
    compare::<S>(Order::of(OrderClass::Arrival), false).await;
}

/// What is kept is enough to build everything again. (Snapshot flows keep an unchanged record once and note beside its
/// entry in which exports it was seen again: there the raw records alone do not tell the whole.)
pub(crate) async fn replaying_the_kept_records_gives_the_live_state<S: Stage>() {
    for class in [OrderClass::Version, OrderClass::Time, OrderClass::Arrival] {
        let config = Config { cases: HISTORIES, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        for _ in 0..HISTORIES / 2 {
            let updates = history(class).new_tree(&mut runner).unwrap().current();
            let (_stage, live) = hub::<S>(class).await;
            for update in &updates {
                live.say(update.clone()).await;
            }
            let (_other, replayed) = hub::<S>(class).await;
            for kept in live.store.records(live.flow, RecordRow(0), 1000).await.unwrap() {
                let said: Vec<CaseUpdate> = serde_json::from_slice(&kept.record.unwrap().bytes).unwrap();
                replayed.deliver(vec![replayed.carrying(said)]).await;
            }
            for key in ["A1", "A2"] {
                assert_eq!(replayed.served(key).await, live.served(key).await, "{class}: {updates:#?}");
            }
        }
    }
}

pub(crate) async fn a_late_update_enters_the_history_and_never_moves_the_head<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    hub.say(said("A1", Phase::Decided, 10)).await;
    let before = hub.served("A1").await;
    let last = hub.store.changed(0).await;
    assert_eq!(hub.say(said("A1", Phase::InProgress, 5)).await, Ending::Superseded);
    assert_eq!(hub.served("A1").await, before);
    assert_eq!(hub.store.entries(hub.row("A1").await).await.unwrap().len(), 2);
    assert!(hub.store.changes(last, 10).await.unwrap().is_empty(), "nothing visible, no change");
}

pub(crate) async fn exports_end_with_the_newest_one_in_any_order<S: Stage>() {
    let exports = [(Phase::Closed, 1), (Phase::InProgress, 2), (Phase::Closed, 3)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (_stage, hub) = hub::<S>(OrderClass::Snapshot).await;
        for at in order {
            hub.say(exported("A1", exports[at].0, exports[at].1)).await;
        }
        let case = hub.store.case(hub.row("A1").await).await.unwrap().unwrap();
        assert_eq!(case.phase, Phase::Closed, "{order:?}");
        // Everything again, and then the old content as news.
        for at in [0, 1, 2, 2, 1, 0] {
            hub.say(exported("A1", exports[at].0, exports[at].1)).await;
        }
        assert_eq!(hub.store.case(hub.row("A1").await).await.unwrap().unwrap().phase, Phase::Closed, "{order:?}");
        assert_eq!(hub.say(exported("A1", Phase::InProgress, 4)).await, Ending::Applied, "{order:?}");
        assert_eq!(hub.store.case(hub.row("A1").await).await.unwrap().unwrap().phase, Phase::InProgress, "{order:?}");
    }
}

/// A flow looks up a batch before the one before it is committed, and one batch may span several exports.
pub(crate) async fn a_known_record_still_moves_its_case_back<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Snapshot).await;
    let first = hub.mapped(exported("A1", Phase::Closed, 1));
    hub.deliver(vec![first]).await;
    let second = hub.mapped(exported("A1", Phase::InProgress, 2));
    let mut third = hub.mapped(exported("A1", Phase::Closed, 3));
    assert_eq!(hub.store.known(hub.flow, &[third.digest]).await.unwrap(), [true]);
    third.reading = Reading::Known;
    assert_eq!(hub.commit(vec![second, third]).await.endings, [Ending::Applied, Ending::Applied]);
    let row = hub.row("A1").await;
    assert_eq!(hub.store.case(row).await.unwrap().unwrap().phase, Phase::Closed);
    let entries = hub.store.entries(row).await.unwrap();
    assert_eq!((entries.len(), entries[2].record), (3, entries[0].record), "read from the record it repeats");
    // And the export between them, told again, changes nothing.
    assert_eq!(hub.say(exported("A1", Phase::InProgress, 2)).await, Ending::Duplicate);
    assert_eq!(hub.store.case(row).await.unwrap().unwrap().phase, Phase::Closed);
}

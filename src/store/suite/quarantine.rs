//! Promises about what is held back: nothing is lost, one case waits and no other, counts always balance.

use guichet_sdk::Code;

use super::{Hub, Stage, exported, hub, said};
use crate::model::{CaseUpdate, OrderClass, Phase};
use crate::store::{Ending, Held, QuarantineFilter, Reading, Work};

fn versioned(key: &str, phase: Phase, version: i64) -> CaseUpdate {
    CaseUpdate { version: Some(version), ..said(key, phase, version) }
}

const E042: Ending = Ending::Quarantined(Code("E042"));

pub(crate) async fn a_conflict_is_held_and_the_first_is_kept<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Version).await;
    hub.say(versioned("A1", Phase::Received, 1)).await;
    let ending = hub.say(versioned("A1", Phase::Closed, 1)).await;
    assert_eq!(ending, Ending::Quarantined(Code("E220")));
    let case = hub.store.case(hub.row("A1").await).await.unwrap().unwrap();
    assert_eq!(case.phase, Phase::Received);
    // A conflict holds back no other record of its case.
    assert_eq!(hub.say(versioned("A1", Phase::InProgress, 2)).await, Ending::Applied);
    // Of a record with several updates the others are applied, and the record is held.
    let mixed = hub.carrying(vec![versioned("A1", Phase::Closed, 1), versioned("A1", Phase::Decided, 3)]);
    assert_eq!(hub.deliver(vec![mixed]).await.endings, [Ending::Quarantined(Code("E220"))]);
    assert_eq!(hub.store.case(hub.row("A1").await).await.unwrap().unwrap().phase, Phase::Decided);
    assert_eq!(hub.counts().await.quarantined, 2);
}

pub(crate) async fn later_records_of_a_refused_case_are_parked_and_released<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Version).await;
    let second = || hub.mapped(versioned("A1", Phase::InProgress, 2));
    let third = || hub.mapped(versioned("A1", Phase::Decided, 3));
    let other = hub.mapped(versioned("A2", Phase::Received, 1));
    let committed = hub.deliver(vec![hub.refused("A1", "?", None), second(), other, third()]).await;
    assert_eq!(committed.endings, [E042, Ending::Parked, Ending::Applied, Ending::Parked]);
    assert!(hub.store.find("permits", "A1").await.unwrap().is_none());
    let rows = hub.held().await;
    assert!(hub.released().await.is_empty(), "the first one still blocks");
    assert_eq!(hub.retry(rows[1], second()).await, Ending::Parked, "a retry does not overtake");

    // The mapping is repaired: the first is applied, then what waited is free, in order.
    let mut repaired = hub.refused("A1", "?", None);
    repaired.reading = hub.mapped(versioned("A1", Phase::Received, 1)).reading;
    assert_eq!(hub.retry(rows[0], repaired).await, Ending::Applied);
    assert_eq!(hub.released().await, rows[1..]);
    let work = Work { retries: rows[1..].to_vec(), ..hub.work(vec![second(), third()]) };
    assert_eq!(hub.store.commit(work).await.unwrap().endings, [Ending::Applied, Ending::Applied]);
    assert!(hub.held().await.is_empty());
    let counts = hub.counts().await;
    assert_eq!((counts.received, counts.applied, counts.quarantined, counts.parked), (4, 4, 0, 0));
    assert_eq!(hub.store.case(hub.row("A1").await).await.unwrap().unwrap().phase, Phase::Decided);
}

pub(crate) async fn a_newer_snapshot_supersedes_what_was_held<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Snapshot).await;
    let refused = |text, export| hub.refused("A1", text, Some(export));
    hub.deliver(vec![refused("old", 1), refused("newest", 5)]).await;
    // Not parked: each record is the whole truth. What is older than it is settled, what is newer stays held.
    assert_eq!(hub.say(exported("A1", Phase::InProgress, 3)).await, Ending::Applied);
    let held = hub.held().await;
    assert_eq!(held.len(), 1);
    let counts = hub.counts().await;
    assert_eq!((counts.superseded, counts.quarantined, counts.applied), (1, 1, 1));
    assert_eq!(hub.say(exported("A1", Phase::Closed, 6)).await, Ending::Applied);
    assert!(hub.held().await.is_empty());
    assert_eq!(hub.store.standing(hub.flow).await.unwrap().open, 0);
}

pub(crate) async fn a_held_record_delivered_again_is_a_duplicate<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Version).await;
    let waits = || hub.mapped(versioned("A1", Phase::InProgress, 2));
    hub.deliver(vec![hub.refused("A1", "?", None), waits()]).await;
    let again = hub.deliver(vec![hub.refused("A1", "?", None), waits()]).await;
    assert_eq!(again.endings, [Ending::Duplicate, Ending::Duplicate]);
    assert_eq!(hub.held().await.len(), 2);
    // Delivered again once it can be read: applied, and the held delivery was the duplicate.
    let mut repaired = hub.refused("A1", "?", None);
    repaired.reading = hub.mapped(versioned("A1", Phase::Received, 1)).reading;
    assert_eq!(hub.deliver(vec![repaired]).await.endings, [Ending::Applied]);
    let counts = hub.counts().await;
    assert_eq!((counts.received, counts.applied, counts.duplicate, counts.parked), (5, 1, 3, 1));
    assert_eq!(hub.released().await.len(), 1);
}

pub(crate) async fn a_retry_moves_the_counts<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Version).await;
    hub.deliver(vec![hub.refused("A1", "?", None)]).await;
    let row = hub.held().await[0];
    // Still not understood, for another reason: the row gets its new issues, the counts stay.
    let mut other = hub.refused("A1", "?", None);
    if let Reading::Refused(refusal) = &mut other.reading {
        refusal.issues[0].code = Code("E210");
    }
    assert_eq!(hub.retry(row, other).await, Ending::Quarantined(Code("E210")));
    let filter = QuarantineFilter { code: Some("E210".into()), limit: 10, ..QuarantineFilter::default() };
    let entries = hub.store.quarantine(&filter).await.unwrap();
    assert_eq!((entries[0].row, entries[0].held, &*entries[0].issues[0].code), (row, Held::Quarantined, "E210"));
    assert_eq!((hub.counts().await.received, hub.counts().await.quarantined), (1, 1));
    // Understood: it moves from quarantined to applied. Its kept bytes are still the ones received.
    let mut repaired = hub.refused("A1", "?", None);
    repaired.reading = hub.mapped(versioned("A1", Phase::Received, 1)).reading;
    assert_eq!(hub.retry(row, repaired).await, Ending::Applied);
    let counts = hub.counts().await;
    assert_eq!((counts.received, counts.applied, counts.quarantined), (1, 1, 0));
    let entry = &hub.store.entries(hub.row("A1").await).await.unwrap()[0];
    assert_eq!(&hub.store.record(entry.record).await.unwrap().unwrap().record.unwrap().bytes[..], b"?");
    // A row that is settled already is left alone.
    let late = hub.mapped(versioned("A1", Phase::Closed, 9));
    assert_eq!(hub.retry(row, late).await, Ending::Duplicate);
    assert_eq!(hub.counts().await, counts);
}

pub(crate) async fn dismissing_writes_an_audit_and_frees_what_waited<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Version).await;
    let waits = || hub.mapped(versioned("A1", Phase::InProgress, 2));
    hub.deliver(vec![hub.refused("A1", "?", None), waits()]).await;
    let rows = hub.held().await;
    assert_eq!(hub.store.dismiss(&rows[..1], "ana", "test data", 7).await.unwrap(), 1);
    assert_eq!(hub.store.dismiss(&rows[..1], "ana", "test data", 7).await.unwrap(), 0, "once");
    assert_eq!(hub.released().await, rows[1..]);
    let filter = QuarantineFilter { settled: true, rows: rows[..1].to_vec(), limit: 9, ..QuarantineFilter::default() };
    assert_eq!(hub.store.quarantine(&filter).await.unwrap()[0].held, Held::Dismissed);
    let audit = hub.store.audit(None, 10).await.unwrap();
    assert_eq!(
        (&*audit[0].who, &*audit[0].what, &*audit[0].why, audit[0].at),
        ("ana", "quarantine.dismiss", "test data", 7)
    );
    // Given up for good: delivered again it stays so, and stays counted.
    assert_eq!(hub.deliver(vec![hub.refused("A1", "?", None)]).await.endings, [Ending::Duplicate]);
    assert_eq!(hub.retry(rows[1], waits()).await, Ending::Applied);
    let counts = hub.counts().await;
    assert_eq!((counts.received, counts.quarantined, counts.applied, counts.duplicate), (3, 1, 1, 1));
}

pub(crate) async fn one_record_speaks_about_one_case<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let two = hub.carrying(vec![said("A1", Phase::Received, 1), said("A2", Phase::Received, 1)]);
    assert_eq!(hub.deliver(vec![two]).await.endings, [Ending::Quarantined(Code("E236"))]);
    assert!(hub.store.find("permits", "A1").await.unwrap().is_none());
}

pub(crate) async fn i1_counts_always_sum_to_what_was_received<S: Stage>() {
    for class in OrderClass::ALL {
        let (_stage, hub) = hub::<S>(*class).await;
        let mut offered = 0;
        for round in 0..30_i64 {
            let items = (0..7).map(|n| awkward(&hub, round, n)).collect::<Vec<_>>();
            offered += items.len() as u64;
            let committed = hub.deliver(items).await;
            assert!(committed.counts.balanced());
            let held = hub.held().await;
            if let (0, Some(row)) = (round % 5, held.first()) {
                hub.retry(*row, awkward(&hub, round + 100, 1)).await;
            }
            if let (3, Some(row)) = (round % 5, held.last()) {
                hub.store.dismiss(&[*row], "test", "test", round).await.unwrap();
            }
            let standing = hub.store.standing(hub.flow).await.unwrap();
            assert!(standing.counts.balanced(), "{class}: {standing:?}");
            assert_eq!((standing.counts.received, standing.open), (offered, hub.held().await.len() as u64));
        }
    }
}

/// Records of every kind: new, known, late, refused, conflicting.
fn awkward(hub: &Hub, round: i64, n: i64) -> crate::store::Item {
    let key = ["A1", "A2", "A3"][((round + n) % 3) as usize];
    if (round * 7 + n) % 11 == 0 {
        return hub.refused(key, &format!("{key}?{}", round % 4), Some(round));
    }
    let number = (round * 5 + n * 3) % 17;
    let mut update = said(key, Phase::ALL[((round + n) % 9) as usize], number);
    (update.version, update.export) = (Some(number), Some(number));
    hub.mapped(update)
}

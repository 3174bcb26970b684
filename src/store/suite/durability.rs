//! Promises about what survives: a reopen, a second opener, a caller that goes away, the time raw records are kept.

use std::sync::Arc;

use guichet_sdk::{Code, Digest};

use super::{Hub, Stage, cursor, hub, now, said, titled};
use crate::model::{CaseUpdate, Order, OrderClass, Phase, RecordRow};
use crate::store::{Ending, Store, StoreFault, Work};

pub(crate) async fn the_cursor_commits_with_its_data<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    assert_eq!(hub.store.standing(hub.flow).await.unwrap().cursor, None);
    let whole = Digest::of(&[b"a file"]);
    let work = Work {
        cursor: cursor("10"),
        finished: vec![whole],
        ..hub.work(vec![hub.mapped(said("A1", Phase::Received, 1))])
    };
    let at = work.now;
    hub.store.commit(work).await.unwrap();
    let standing = hub.store.standing(hub.flow).await.unwrap();
    assert_eq!((standing.cursor, standing.verified_at, standing.observed_at), (cursor("10"), Some(at), Some(at)));
    assert!(hub.store.memory(hub.flow).finished(&whole));
    assert!(!hub.store.memory(hub.flow).finished(&Digest::of(&[b"another"])));
    // A look that found nothing moves what was verified, never what was observed, and leaves the cursor.
    hub.commit(Vec::new()).await;
    let standing = hub.store.standing(hub.flow).await.unwrap();
    assert_eq!((standing.cursor, standing.observed_at), (cursor("10"), Some(at)));
    assert!(standing.verified_at > Some(at));
    // A unit that fails as a whole moves nothing.
    let ahead =
        crate::store::Item { reading: crate::store::Reading::Known, ..hub.mapped(said("A9", Phase::Closed, 1)) };
    let snapshot = Hub::new(hub.store.clone(), "exports", Order::of(OrderClass::Snapshot)).await;
    let work =
        Work { cursor: cursor("20"), ..snapshot.work(vec![snapshot.mapped(said("E1", Phase::Closed, 1)), ahead]) };
    assert!(hub.store.commit(work).await.is_err());
    let standing = hub.store.standing(snapshot.flow).await.unwrap();
    assert_eq!((standing.cursor, standing.counts.received), (None, 0));
    assert_eq!(hub.store.find("exports", "E1").await.unwrap(), None);
}

pub(crate) async fn nothing_is_visible_before_commit<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let hub = Arc::new(hub);
    let writing = tokio::spawn({
        let hub = hub.clone();
        async move {
            for round in 0..20 {
                let items = (0..50).map(|n| hub.mapped(said(&format!("C{n}"), Phase::InProgress, round))).collect();
                hub.commit(items).await;
            }
        }
    });
    // Every unit speaks about the same fifty cases: whoever looks sees all of a unit or nothing of it.
    while !writing.is_finished() {
        let standing = hub.store.standing(hub.flow).await.unwrap();
        assert_eq!(standing.counts.received % 50, 0);
        assert!(standing.counts.balanced());
        let last = hub.store.changes(standing.counts.received as i64, 1000).await.unwrap();
        assert!(last.len() % 50 == 0 || last.len() == 1000);
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}

pub(crate) async fn reopening_keeps_everything<S: Stage>() {
    let (stage, hub) = hub::<S>(OrderClass::Version).await;
    let version =
        |key, phase, number| CaseUpdate { version: Some(number), ..titled(key, phase, number, "permit", "t") };
    let items = vec![
        hub.mapped(version("A1", Phase::Received, 1)),
        hub.refused("A2", "?", None),
        hub.mapped(version("A2", Phase::Closed, 2)),
    ];
    let work = Work { cursor: cursor("3"), ..hub.work(items) };
    hub.store.commit(work).await.unwrap();
    hub.store.pause(hub.flow, Some("too many refused")).await.unwrap();
    let seal = hub.store.seal();
    let before = (hub.served("A1").await, hub.counts().await, hub.store.changes(0, 99).await.unwrap().len());
    hub.store.close().await;
    assert!(matches!(hub.store.commit(hub.work(Vec::new())).await, Err(StoreFault::Closed)));
    drop(hub);

    let hub = Hub::new(stage.open().unwrap().into(), "permits", Order::of(OrderClass::Version)).await;
    assert_eq!(hub.store.seal(), seal, "references stay what they were");
    assert_eq!((hub.served("A1").await, hub.counts().await, hub.store.changes(0, 99).await.unwrap().len()), before);
    let standing = hub.store.standing(hub.flow).await.unwrap();
    assert_eq!(
        (standing.cursor, standing.open, standing.paused.as_deref()),
        (cursor("3"), 2, Some("too many refused"))
    );
    assert_eq!(hub.say(version("A1", Phase::Received, 1)).await, Ending::Duplicate);
    assert_eq!(hub.say(version("A2", Phase::Decided, 3)).await, Ending::Parked, "the case is still held");
    assert_eq!(hub.say(version("A3", Phase::Received, 1)).await, Ending::Applied);
    assert_ne!(hub.row("A3").await, hub.row("A1").await);
}

pub(crate) async fn a_second_process_is_refused<S: Stage>() {
    let (stage, hub) = hub::<S>(OrderClass::Time).await;
    match stage.open() {
        Err(StoreFault::Unusable(issue)) => assert_eq!(issue.code, Code("E234")),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("two processes write one store"),
    }
    hub.store.close().await;
    assert!(stage.open().is_ok(), "a closed store is free");
}

pub(crate) async fn raw_records_are_kept_word_for_word_and_forgotten_in_time<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Version).await;
    let version = |n: i64| CaseUpdate { version: Some(n), ..said("A1", Phase::Received, n) };
    hub.deliver(vec![hub.mapped(version(1)), hub.refused("A9", "not understood", None), hub.mapped(version(2))]).await;
    let between = now();
    hub.deliver(vec![hub.mapped(version(3))]).await;
    let other = Hub::new(hub.store.clone(), "taxes", Order::of(OrderClass::Time)).await;
    other.say(said("T1", Phase::Received, 1)).await;

    let all = hub.store.records(hub.flow, RecordRow(0), 100).await.unwrap();
    let texts: Vec<_> = all.iter().map(|kept| kept.record.clone().unwrap().bytes).collect();
    assert_eq!((texts.len(), &texts[1][..]), (4, &b"not understood"[..]));
    let rest = hub.store.records(hub.flow, all[2].row, 1).await.unwrap();
    assert_eq!((rest.len(), rest[0].row), (1, all[2].row));

    assert_eq!(hub.store.forget_raw(between).await.unwrap(), 2, "what is held is not forgotten");
    assert_eq!(hub.store.forget_raw(between).await.unwrap(), 0);
    let all = hub.store.records(hub.flow, RecordRow(0), 100).await.unwrap();
    let kept: Vec<bool> = all.iter().map(|kept| kept.record.is_some()).collect();
    assert_eq!(kept, [false, true, false, true]);
    hub.store.dismiss(&hub.held().await, "test", "test", now()).await.unwrap();
    assert_eq!(hub.store.forget_raw(between).await.unwrap(), 1);
    assert!(hub.store.record(all[1].row).await.unwrap().unwrap().record.is_none());
    // What was said stays: only the bytes are gone.
    assert_eq!(hub.store.entries(hub.row("A1").await).await.unwrap().len(), 3);
    assert_eq!(hub.say(version(1)).await, Ending::Duplicate);
}

pub(crate) async fn dropped_callers_leave_a_consistent_store<S: Stage>() {
    let (stage, hub) = hub::<S>(OrderClass::Time).await;
    let hub = Arc::new(hub);
    let mut callers = Vec::new();
    for caller in 0..200_i64 {
        let hub = hub.clone();
        callers.push(tokio::spawn(async move {
            let items = (0..40).map(|n| hub.mapped(said(&format!("C{n}"), Phase::InProgress, caller))).collect();
            let work = Work { cursor: cursor(&caller.to_string()), ..hub.work(items) };
            let _ = hub.store.commit(work).await;
        }));
        // Some are cut before they start, some while they wait, some while they are written.
        if caller % 3 != 0 {
            for _ in 0..caller % 7 {
                tokio::task::yield_now().await;
            }
            callers[caller as usize].abort();
        }
    }
    for caller in callers {
        let _ = caller.await;
    }
    let standing = hub.store.standing(hub.flow).await.unwrap();
    assert!(standing.counts.balanced());
    assert_eq!(standing.counts.received % 40, 0, "a unit is there whole or not at all");
    assert!(standing.counts.received >= 40 * 67);
    let units = standing.counts.received / 40;
    assert_eq!(hub.store.entries(hub.row("C0").await).await.unwrap().len() as u64, units);
    let changes = hub.store.changed(0).await;
    assert_eq!(hub.store.changes(0, 100_000).await.unwrap().len() as i64, changes);
    hub.store.close().await;
    assert!(stage.open().is_ok());
}

pub(crate) async fn closing_finishes_what_is_under_way<S: Stage>() {
    let (stage, hub) = hub::<S>(OrderClass::Time).await;
    let hub = Arc::new(hub);
    let writing: Vec<_> = (0..20)
        .map(|n| {
            let hub = hub.clone();
            tokio::spawn(async move {
                let work = hub.work(vec![hub.mapped(said(&format!("C{n}"), Phase::Received, 1))]);
                hub.store.commit(work).await.is_ok()
            })
        })
        .collect();
    tokio::task::yield_now().await;
    hub.store.close().await;
    let mut done = 0;
    for unit in writing {
        done += u64::from(unit.await.unwrap());
    }
    drop(hub);
    let hub = Hub::new(stage.open().unwrap().into(), "permits", Order::of(OrderClass::Time)).await;
    assert_eq!(hub.counts().await.received, done, "answered with success, or not there");
}

pub(crate) async fn a_pause_and_its_reason_survive<S: Stage>() {
    let (stage, hub) = hub::<S>(OrderClass::Time).await;
    hub.store.pause(hub.flow, Some("three of ten refused")).await.unwrap();
    hub.store.close().await;
    let store: Arc<dyn Store> = stage.open().unwrap().into();
    let hub = Hub::new(store, "permits", Order::of(OrderClass::Time)).await;
    assert_eq!(hub.store.standing(hub.flow).await.unwrap().paused.as_deref(), Some("three of ten refused"));
    hub.store.pause(hub.flow, None).await.unwrap();
    assert_eq!(hub.store.standing(hub.flow).await.unwrap().paused, None);
}

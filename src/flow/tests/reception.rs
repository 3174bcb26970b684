//! What is pushed: told only once committed, committed whether or not somebody waits, refused where nothing can be kept.

use futures_util::FutureExt;
use guichet_sdk::Ended;

use super::*;

/// Pushes once; how each record ended.
async fn push(flows: &Flows, text: &'static str) -> Result<Vec<Ended>, Untaken> {
    let reception = flows.receptions()[&name()].clone();
    let admission = reception.enter().unwrap();
    let taken = reception.take(admission, text.into(), "works").await?;
    Ok(taken.into_iter().map(|taken| taken.ended).collect())
}

#[tokio::test]
async fn i1_a_push_whose_peer_went_away_is_committed_all_the_same() {
    let bench = Bench::new(&[]);
    let flows = bench.start().await;
    let reception = flows.receptions()[&name()].clone();
    let admission = reception.enter().unwrap();
    let taking = reception.take(admission, "a received 1".into(), "works");
    assert!(taking.now_or_never().is_none(), "it was begun, and is not waited for");
    // a stop waits for what was begun
    flows.stop(Duration::from_secs(60)).await;
    assert_eq!(bench.counts().applied, 1);
    assert_eq!(reception.enter().err(), Some(Closed::Stopping));
}

#[tokio::test]
async fn i1_what_the_store_could_not_keep_is_not_told_as_taken_and_may_be_sent_again() {
    let bench = Bench::new(&[]);
    let flows = bench.start().await;
    bench.until(|status| status.state == FlowState::Idle && status.verified_at.is_some()).await;
    bench.store.0.lock().unwrap().mishaps.extend([Some(Mishap::Before), Some(Mishap::After)]);
    for _ in 0..2 {
        assert!(matches!(push(&flows, "a received 1\nb received 1").await, Err(Untaken::Store(_))));
    }
    let again = push(&flows, "a received 1\nb received 1").await.unwrap();
    assert_eq!(again, [Ended::Duplicate, Ended::Duplicate], "the second attempt was kept, and nobody was told");
    assert!(bench.counts().balanced());
    flows.stop(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn i9_places_are_bounded_and_a_pause_closes_them() {
    let bench = Bench::new(&[]);
    let flows = bench.start().await;
    let reception = flows.receptions()[&name()].clone();
    let places: Vec<_> = (0..2).map(|_| reception.enter().unwrap()).collect();
    assert_eq!(reception.enter().err(), Some(Closed::Full));
    drop(places);
    flows.pause(&name(), "a test").await.unwrap();
    assert_eq!(reception.enter().err(), Some(Closed::Paused));
    flows.resume(&name()).await.unwrap();
    assert!(matches!(push(&flows, "boom").await.as_deref(), Ok([Ended::Quarantined])));
    let many: String = (0..21).map(|n| format!("{n} received 1\n")).collect();
    let refused = reception.take(reception.enter().unwrap(), many.into(), "works").await;
    assert!(matches!(refused, Err(Untaken::Unreadable(issue)) if issue.code.0 == "E278"));
    flows.stop(Duration::from_secs(60)).await;
}

/// A flow that is also asked: what is pushed says nothing about what it would answer.
#[tokio::test]
async fn i6_a_push_to_a_flow_that_is_asked_too_is_no_look_at_its_source() {
    let bench = Bench::new(&[]);
    bench.office.trouble.lock().unwrap().extend([Some(Trouble::Locked); 3]);
    let flows = bench.start().await;
    bench.until(|status| status.state == FlowState::Failed).await;
    assert_eq!(push(&flows, "a received 1").await.unwrap(), [Ended::Applied]);
    let status = bench.board.get(&name()).unwrap();
    assert_eq!((status.verified_at, status.counts.applied), (None, 1));
    flows.stop(Duration::from_secs(60)).await;
}

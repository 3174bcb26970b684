//! What the runtime promises, over a fake back office and a fake store: nothing is lost, nothing counts twice, and
//! trouble stays where it is.

#![allow(clippy::unwrap_used)]

mod reception;
mod source;
mod store;

use std::sync::Arc;
use std::time::Duration;

use guichet_sdk::format::{Format, Limits, Shape};
use guichet_sdk::{BreakerState, Cursor, Limit};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use self::source::{Clerk, Office, OfficePlan, Trouble};
use self::store::{MemoryStore, Mishap};
use super::backoff::Bounds;
use super::*;
use crate::config::{Receive, Schedule, Threshold};
use crate::ledger::Contract;
use crate::model::{FlowName, Order, OrderClass};
use crate::store::{Counts, Held, QuarantineFilter, QuarantineRow, Store};

struct Bench {
    store: Arc<MemoryStore>,
    office: Arc<Office>,
    clerk: Arc<Clerk>,
    board: Arc<Board>,
}

fn name() -> FlowName {
    FlowName::new("s", "f")
}

impl Bench {
    fn new(lines: &[&str]) -> Self {
        let store = Arc::new(MemoryStore::default());
        let office = Office::new(store.clone(), lines);
        Bench { store, office, clerk: Arc::default(), board: Arc::default() }
    }

    async fn route(&self) -> Route {
        let order = Order::of(OrderClass::Time);
        let row = self.store.register(&name(), 0, order).await.unwrap();
        let route = Route {
            name: name(),
            row,
            plan: Arc::new(OfficePlan(self.office.clone())),
            translate: self.clerk.clone(),
            store: self.store.clone(),
            board: self.board.clone(),
            schedule: Schedule::OnDemand,
            order,
            contract: Contract { live: false, max_age: 60_000_000 },
            threshold: Threshold { share: 0.5, after: 10 },
            limit: Limit { records: 3, bytes: 1 << 20 },
            bounds: Bounds { first: Duration::from_millis(1), longest: Duration::from_millis(4) },
            format: Format { shape: Shape::Ndjson, encoding: "auto".into(), limits: Limits::default() },
            receive: Some(Receive { body: 1 << 16, ratio: 100, records: 20, in_flight: 2 }),
            sample: 1.0,
        };
        route.show().await.unwrap();
        route
    }

    async fn start(&self) -> Flows {
        Flows::start(vec![self.route().await], self.store.clone(), self.board.clone()).await.unwrap()
    }

    async fn once(&self) -> Summary {
        run_once(&Arc::new(self.route().await), CancellationToken::new(), &mut |_| {}).await.unwrap()
    }

    /// Waits until the board shows something.
    async fn until(&self, shown: impl Fn(&FlowStatus) -> bool) -> FlowStatus {
        loop {
            let status = self.board.get(&name()).unwrap();
            if shown(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn counts(&self) -> Counts {
        self.store.0.lock().unwrap().counts
    }

    fn cursor(&self) -> Option<Cursor> {
        self.store.0.lock().unwrap().cursor.clone()
    }
}

#[tokio::test]
async fn a_run_moves_everything_and_acknowledges_each_batch_after_its_commit() {
    let bench = Bench::new(&["a received 1", "b received 1", "a closed 2", "a nonsense 3", "b closed 2", "b boom 3"]);
    let summary = bench.once().await;
    assert!(summary.caught_up);
    let counts = summary.tally.counts;
    assert_eq!((counts.received, counts.applied, counts.quarantined), (6, 4, 2));
    assert_eq!(summary.tally.refused["E042"].places[0].to_string(), "office.txt:4");
    assert_eq!(summary.tally.refused["E203"].count, 1, "a mapping that panics costs its record only");
    assert_eq!(*bench.office.acknowledged.lock().unwrap(), [(3, vec![]), (6, vec![0, 2])]);
}

#[tokio::test]
async fn what_is_committed_is_acknowledged_while_the_source_is_waited_for() {
    let bench = Bench::new(&["a received 1", "b received 1", "c received 1", "d received 1"]);
    *bench.office.trouble.lock().unwrap() = [None, Some(Trouble::Jealous)].into();
    let summary = tokio::time::timeout(Duration::from_secs(60), bench.once()).await;
    assert_eq!(summary.expect("the source waits for ever").tally.counts.applied, 4);
    assert_eq!(*bench.office.acknowledged.lock().unwrap(), [(3, vec![]), (4, vec![])]);
}

#[tokio::test]
async fn running_again_finds_nothing_new_and_known_records_need_no_mapping() {
    let bench = Bench::new(&["a received 1", "b received 1"]);
    bench.once().await;
    let before = bench.store.served();
    bench.store.0.lock().unwrap().cursor = None;
    *bench.office.lines.lock().unwrap() = vec!["b received 1".into(), "a received 1".into()];
    let again = bench.once().await.tally.counts;
    assert_eq!((again.received, again.duplicate), (2, 2));
    assert_eq!(bench.store.served(), before);
}

#[tokio::test]
async fn p10_an_empty_pull_changes_nothing() {
    let bench = Bench::new(&["a received 1"]);
    bench.once().await;
    let kept = || (bench.store.served(), bench.cursor(), bench.counts());
    let before = kept();
    bench.office.trouble.lock().unwrap().push_back(Some(Trouble::Nothing));
    assert_eq!(bench.once().await.tally.counts, Counts::default());
    assert_eq!(kept(), before);
}

#[tokio::test]
async fn the_time_of_a_look_is_kept_although_nothing_came_but_not_each_time() {
    let bench = Bench::new(&[]);
    let flows = bench.start().await;
    bench.until(|s| s.state == FlowState::Idle && s.verified_at.is_some()).await;
    let commits = bench.store.0.lock().unwrap().commits;
    assert_eq!(commits, 1);
    for _ in 0..20 {
        let before = bench.board.get(&name()).unwrap().started_at;
        flows.run(&name()).await.unwrap();
        bench.until(|s| s.state == FlowState::Idle && s.started_at != before).await;
    }
    assert_eq!(bench.store.0.lock().unwrap().commits, commits, "within a few seconds, one commit is enough");
    flows.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn an_arrival_wakes_the_flow_and_a_stop_finishes_the_batch() {
    let bench = Bench::new(&["a received 1"]);
    let flows = bench.start().await;
    bench.until(|s| s.counts.received == 1 && s.state == FlowState::Idle).await;
    bench.office.lines.lock().unwrap().push("a closed 2".into());
    bench.office.arrival.notify_one();
    bench.until(|s| s.counts.received == 2).await;
    flows.stop(Duration::from_secs(10)).await;
    assert_eq!(bench.office.acknowledged.lock().unwrap().last(), Some(&(2, vec![])));
}

#[tokio::test]
async fn i1_whatever_the_source_does_the_flow_goes_on_where_it_stood() {
    let bench = Bench::new(&["a received 1", "a closed 2", "b received 1", "b closed 2", "c received 1"]);
    let troubles = [Trouble::Away, Trouble::Panic, Trouble::Deaf, Trouble::Away].map(Some);
    bench.office.trouble.lock().unwrap().extend(troubles);
    let flows = bench.start().await;
    let status = bench.until(|s| s.counts.applied == 5 && s.state == FlowState::Idle).await;
    assert_eq!((status.failures, status.fault, status.circuit), (0, None, BreakerState::Closed));
    assert!(bench.counts().balanced());
    flows.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn refused_credentials_are_tried_three_times_then_only_when_asked() {
    let bench = Bench::new(&["a received 1"]);
    bench.office.trouble.lock().unwrap().extend([Some(Trouble::Locked); 3]);
    let flows = bench.start().await;
    let status = bench.until(|s| s.state == FlowState::Failed).await;
    assert_eq!((status.failures, *bench.office.opened.lock().unwrap()), (3, 3));
    assert_eq!(status.circuit, BreakerState::Open);
    flows.resume(&name()).await.unwrap();
    bench.until(|s| s.counts.applied == 1 && s.state == FlowState::Idle).await;
    flows.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn too_much_quarantine_pauses_the_flow_beyond_a_restart_until_it_is_resumed() {
    let wrong: Vec<String> = (0..12).map(|n| format!("{n} nonsense 1")).collect();
    let bench = Bench::new(&wrong.iter().map(String::as_str).collect::<Vec<_>>());
    bench.office.lines.lock().unwrap().extend((0..12).map(|n| format!("x{n} received 1")));
    let flows = bench.start().await;
    let paused = bench.until(|s| matches!(s.state, FlowState::Paused { .. })).await;
    assert_eq!(paused.counts.quarantined, 12);
    assert!(flows.run(&name()).await.is_err(), "a paused flow is resumed, not run");
    flows.stop(Duration::from_secs(10)).await;

    let flows = bench.start().await;
    let still = bench.until(|s| matches!(s.state, FlowState::Paused { .. })).await;
    assert!(still.counts.received < 24);
    flows.resume(&name()).await.unwrap();
    bench.until(|s| s.counts.received == 24 && s.state == FlowState::Idle).await;
    flows.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn an_operator_pauses_after_the_batch_in_hand_and_resumes() {
    let bench = Bench::new(&[]);
    let flows = bench.start().await;
    flows.pause(&name(), "maintenance").await.unwrap();
    bench.until(|s| s.state == FlowState::Paused { reason: "maintenance".into() }).await;
    bench.office.lines.lock().unwrap().push("a received 1".into());
    bench.office.arrival.notify_one();
    assert_eq!(bench.store.0.lock().unwrap().paused.as_deref(), Some("maintenance"));
    flows.resume(&name()).await.unwrap();
    bench.until(|s| s.counts.applied == 1).await;
    flows.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn p5_a_retry_settles_a_record_and_what_was_parked_behind_it_in_order() {
    let bench = Bench::new(&["a received 1", "a archived 2", "a in_progress 3", "b received 1"]);
    let counts = bench.once().await.tally.counts;
    assert_eq!((counts.applied, counts.quarantined, counts.parked), (2, 1, 1));
    let route = Arc::new(bench.route().await);
    let all = QuarantineFilter { code: Some("E042".into()), ..QuarantineFilter::default() };
    let still = retry(&route, &all).await.unwrap();
    assert_eq!(still, Retried { tried: 2, settled: 0, held: 2 }, "nothing changed in the mapping");
    bench.clerk.learned.lock().unwrap().push("archived");
    let now = retry(&route, &all).await.unwrap();
    assert_eq!(now, Retried { tried: 2, settled: 2, held: 0 });
    assert_eq!(bench.store.0.lock().unwrap().cases["a"].len(), 3);
}

#[tokio::test]
async fn p5_dismissing_a_record_releases_what_was_parked_behind_it() {
    let bench = Bench::new(&["a archived 2", "a closed 3"]);
    bench.once().await;
    let routes = [Arc::new(bench.route().await)];
    let count = dismiss(&*bench.store, &routes, &[QuarantineRow(0)], "ops", "a test record").await.unwrap();
    assert_eq!(count, 1);
    let state = bench.store.0.lock().unwrap();
    assert_eq!(state.cases["a"].len(), 1);
    assert!(state.held.iter().all(|held| matches!(held.held, Held::Dismissed | Held::Settled)));
}

/// What may happen to one hub while it reads.
#[derive(Debug, Clone)]
struct Story {
    lines: Vec<String>,
    trouble: Vec<Option<Trouble>>,
    mishaps: Vec<Option<Mishap>>,
    cuts: Vec<u8>,
}

fn story() -> impl Strategy<Value = Story> {
    let line = ("[a-d]", 0usize..9, 0i64..6);
    let lines = prop::collection::vec(line, 1..24).prop_map(|rows| {
        rows.into_iter()
            .map(|(key, phase, minute)| format!("{key} {} {minute}", crate::model::Phase::ALL[phase]))
            .collect()
    });
    let trouble = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Trouble::Away)),
        1 => Just(Some(Trouble::Panic)),
        1 => Just(Some(Trouble::Nothing)),
        1 => Just(Some(Trouble::Deaf)),
    ];
    let mishap = prop_oneof![3 => Just(None), 1 => Just(Some(Mishap::Before)), 1 => Just(Some(Mishap::After))];
    let twice = |lines: Vec<String>| lines.iter().chain(lines.iter().step_by(2)).cloned().collect::<Vec<_>>();
    (
        lines.prop_flat_map(move |lines: Vec<String>| Just(twice(lines)).prop_shuffle()),
        prop::collection::vec(trouble, 0..12),
        prop::collection::vec(mishap, 0..8),
        prop::collection::vec(0u8..20, 0..4),
    )
        .prop_map(|(lines, trouble, mishaps, cuts)| Story { lines, trouble, mishaps, cuts })
}

/// Plays a story to its end: the hub is cut off after a few steps, again and again, then left in peace.
async fn play(story: &Story) -> Bench {
    let lines: Vec<&str> = story.lines.iter().map(String::as_str).collect();
    let bench = Bench::new(&lines);
    bench.office.trouble.lock().unwrap().extend(story.trouble.iter().copied());
    bench.store.0.lock().unwrap().mishaps.extend(story.mishaps.iter().copied());
    for cut in &story.cuts {
        let flows = bench.start().await;
        for _ in 0..*cut {
            tokio::task::yield_now().await;
        }
        flows.stop(Duration::ZERO).await;
    }
    let flows = bench.start().await;
    let end = story.lines.len().to_string();
    while bench.cursor().is_none_or(|cursor| cursor.0 != end) {
        let _ = flows.run(&name()).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    flows.stop(Duration::from_secs(10)).await;
    bench
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i1_i2_i3_kills_repetition_and_order_leave_the_same_cases(story in story()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let disturbed = runtime.block_on(play(&story));
        let mut sorted = story.lines.clone();
        sorted.sort();
        sorted.dedup();
        let calm = runtime.block_on(play(&Story { lines: sorted, trouble: vec![], mishaps: vec![], cuts: vec![] }));
        prop_assert_eq!(disturbed.store.served(), calm.store.served());
        let counts = disturbed.counts();
        prop_assert!(counts.balanced(), "I1: {:?}", counts);
        prop_assert!(counts.received >= story.lines.len() as u64, "I1: {:?} of {}", counts, story.lines.len());
        prop_assert_eq!((counts.quarantined, counts.parked), (0, 0));
        let entries = |bench: &Bench| bench.store.0.lock().unwrap().cases.values().map(Vec::len).sum::<usize>();
        prop_assert_eq!(entries(&disturbed), entries(&calm), "I2: nothing counts twice");
    }
}

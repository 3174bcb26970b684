//! What the ledger promises, over generated histories: order of arrival and repetition cannot matter.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::model::{
    AssertionKind, CaseUpdate, Facts, Moment, Order, OrderClass, Outcome, Phase, Precision, RecordRow, StatusClaim,
    Transition,
};

fn moment(minute: i64) -> Moment {
    Moment { micros: minute * 60_000_000, precision: Precision::Minute, civil_day: (minute / 1440) as i32 }
}

fn said(phase: Phase, minute: i64) -> CaseUpdate {
    CaseUpdate {
        key: "A1".into(),
        status: Some(StatusClaim {
            outcome: phase.carries_outcome().then_some(Outcome::Granted),
            effective_at: Some(moment(minute)),
            ..StatusClaim::of(phase)
        }),
        ..CaseUpdate::default()
    }
}

/// Plays updates into an empty case in this order, as a store would.
fn play(updates: &[CaseUpdate], order: Order) -> (Vec<Entry>, usize) {
    let mut entries: Vec<Entry> = Vec::new();
    let mut conflicts = 0;
    for (n, update) in updates.iter().enumerate() {
        let candidate = prepare(update.clone(), order, 0, 0).unwrap();
        let accepted = match decide(&entries, &candidate) {
            Decision::Enter { .. } => candidate,
            Decision::Restate(facts) => *facts,
            Decision::Duplicate { confirmed } => {
                if let Some((at, export)) = confirmed {
                    entries[at].confirmed = entries[at].confirmed.max(export);
                }
                continue;
            }
            Decision::Conflict(_) => {
                conflicts += 1;
                continue;
            }
        };
        entries.push(Entry {
            key: accepted.key,
            content: accepted.content,
            rank: accepted.rank,
            confirmed: accepted.rank.major,
            order,
            kind: AssertionKind::Observed,
            source: "s".into(),
            flow: "f".into(),
            record: RecordRow(n as i64),
            mapping: "m@1".into(),
            recorded_at: n as i64,
            update: accepted.update,
        });
    }
    (entries, conflicts)
}

/// The case as served: what must be byte-equal whatever the order of arrival.
fn served(entries: &[Entry]) -> String {
    let folded = fold(entries);
    let body = serde_json::to_string(&body(&folded, entries, "id".into(), "ref".into())).unwrap();
    let status = serde_json::to_string(&status(&folded, entries)).unwrap();
    let staff = serde_json::to_string(&staff(&folded, entries)).unwrap();
    format!("{body}\n{status}\n{staff}")
}

fn updates(class: OrderClass) -> impl Strategy<Value = Vec<CaseUpdate>> {
    let one = (0usize..9, 0i64..6, prop::option::of("[a-c]"), any::<bool>());
    prop::collection::vec(one, 1..9).prop_map(move |rows| {
        let mut seen = std::collections::BTreeSet::new();
        rows.into_iter()
            .filter_map(|(phase, number, title, facts_only)| {
                let mut update = said(Phase::ALL[phase], number);
                update.facts = Facts { title, submitted_at: Some(moment(number)), ..Facts::default() };
                match class {
                    OrderClass::Version => update.version = Some(number),
                    OrderClass::Snapshot => update.export = Some(number),
                    OrderClass::Time | OrderClass::Arrival => {}
                }
                if facts_only && class == OrderClass::Time {
                    update.status = None;
                }
                // One version or export says one thing: anything else is a conflict, which has its own test.
                let numbered = matches!(class, OrderClass::Version | OrderClass::Snapshot);
                (!numbered || seen.insert(number)).then_some(update)
            })
            .collect()
    })
}

fn shuffled(class: OrderClass) -> impl Strategy<Value = (Vec<CaseUpdate>, Vec<CaseUpdate>)> {
    updates(class).prop_flat_map(|list| {
        let twice: Vec<CaseUpdate> = list.iter().chain(list.iter().step_by(2)).cloned().collect();
        (Just(list), Just(twice).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn i3_any_permutation_and_duplication_gives_the_same_case_by_version((a, b) in shuffled(OrderClass::Version)) {
        let order = Order::of(OrderClass::Version);
        prop_assert_eq!(served(&play(&a, order).0), served(&play(&b, order).0));
    }

    #[test]
    fn i3_any_permutation_and_duplication_gives_the_same_case_by_time((a, b) in shuffled(OrderClass::Time)) {
        let order = Order { skew: 60_000_000, ..Order::of(OrderClass::Time) };
        prop_assert_eq!(served(&play(&a, order).0), served(&play(&b, order).0));
    }

    #[test]
    fn i3_any_permutation_and_duplication_gives_the_same_case_by_snapshot((a, b) in shuffled(OrderClass::Snapshot)) {
        let order = Order::of(OrderClass::Snapshot);
        prop_assert_eq!(fold_head(&play(&a, order).0), fold_head(&play(&b, order).0));
    }

    #[test]
    fn i3_any_permutation_and_duplication_gives_the_same_case_by_arrival((a, b) in shuffled(OrderClass::Arrival)) {
        let order = Order::of(OrderClass::Arrival);
        prop_assert_eq!(served(&play(&a, order).0), served(&play(&b, order).0));
    }

    #[test]
    fn i2_playing_everything_again_adds_nothing((a, b) in shuffled(OrderClass::Time)) {
        let order = Order::of(OrderClass::Time);
        let once = play(&a, order).0.len();
        let again: Vec<CaseUpdate> = b.iter().chain(&a).chain(&b).cloned().collect();
        prop_assert_eq!(play(&again, order).0.len(), once);
    }

    #[test]
    fn a_late_older_update_never_moves_the_head(list in updates(OrderClass::Time), back in 1i64..100) {
        let order = Order::of(OrderClass::Time);
        let (entries, _) = play(&list, order);
        let Some(oldest) = entries.iter().map(|e| e.rank.major).min() else { return Ok(()) };
        let late = said(Phase::Closed, oldest / 60_000_000 - back);
        let mut with = list.clone();
        with.push(late);
        let before = fold(&entries).status(&entries).cloned();
        prop_assume!(before.is_some());
        let (entries, _) = play(&with, order);
        let after = fold(&entries).status(&entries).cloned();
        // A late `closed` in the past may turn what follows into a reopening, but never becomes the status itself.
        prop_assert_eq!(before, after);
    }
}

/// What a snapshot flow shows; its confirmations are an economy and may differ between arrival orders.
fn fold_head(entries: &[Entry]) -> Option<(Phase, Option<i64>)> {
    let folded = fold(entries);
    folded.status(entries).map(|s| (s.phase, s.effective_at.map(|m| m.micros)))
}

#[test]
fn a_case_said_again_in_a_newer_export_is_confirmed_not_repeated() {
    let order = Order::of(OrderClass::Snapshot);
    let export = |phase, number| CaseUpdate { export: Some(number), ..said(phase, 0) };
    let (entries, _) = play(&[export(Phase::Closed, 1), export(Phase::Closed, 3), export(Phase::Received, 2)], order);
    assert_eq!(entries.len(), 2);
    assert_eq!(fold_head(&entries).unwrap().0, Phase::Closed);
}

#[test]
fn i4_a_status_goes_back_only_with_a_reason() {
    let order = Order { skew: 120_000_000, ..Order::of(OrderClass::Time) };
    let (entries, _) = play(&[said(Phase::Closed, 10), said(Phase::InProgress, 11)], order);
    assert_eq!(fold(&entries).status(&entries).unwrap().phase, Phase::Closed, "one minute is within the skew");

    let (entries, _) = play(&[said(Phase::Closed, 10), said(Phase::InProgress, 20)], order);
    let folded = fold(&entries);
    assert_eq!(folded.status(&entries).unwrap().phase, Phase::InProgress);
    assert_eq!(folded.transition, Some(Transition::Reopened), "believed, and said so");

    let mut stated = said(Phase::InProgress, 11);
    stated.status.as_mut().unwrap().transition = Some(Transition::Returned);
    let (entries, _) = play(&[said(Phase::Closed, 10), stated], order);
    assert_eq!(fold(&entries).transition, Some(Transition::Returned));

    let arrival = Order::of(OrderClass::Arrival);
    let (entries, _) = play(&[said(Phase::Closed, 10), said(Phase::InProgress, 20)], arrival);
    assert_eq!(fold(&entries).status(&entries).unwrap().phase, Phase::Closed, "arrival proves nothing");
}

#[test]
fn two_different_updates_of_one_key_conflict_and_the_first_is_kept() {
    let order = Order::of(OrderClass::Version);
    let version = |phase| CaseUpdate { version: Some(1), ..said(phase, 0) };
    let (entries, conflicts) = play(&[version(Phase::Received), version(Phase::Closed)], order);
    assert_eq!((entries.len(), conflicts), (1, 1));
    assert_eq!(fold(&entries).status(&entries).unwrap().phase, Phase::Received);
}

#[test]
fn a_known_event_with_new_facts_restates_the_facts_only() {
    let order = Order::of(OrderClass::Time);
    let mut first = said(Phase::Received, 1);
    first.event = Some("e1".into());
    let mut again = first.clone();
    again.facts.title = Some("now with a title".into());
    let (entries, conflicts) = play(&[first, again.clone(), again], order);
    assert_eq!((entries.len(), conflicts), (2, 0));
    let folded = fold(&entries);
    assert_eq!(folded.facts.title.as_deref(), Some("now with a title"));
    assert_eq!(entries.iter().filter(|e| e.update.status.is_some()).count(), 1);
}

#[test]
fn i5_a_case_without_a_status_is_unknown_never_open() {
    let order = Order::of(OrderClass::Arrival);
    let facts = CaseUpdate {
        key: "A1".into(),
        facts: Facts { title: Some("t".into()), ..Facts::default() },
        ..CaseUpdate::default()
    };
    let (entries, _) = play(&[facts], order);
    assert_eq!(status(&fold(&entries), &entries).phase, "unknown");
}

#[test]
fn a_step_only_staff_may_know_of_never_becomes_the_status_shown() {
    let order = Order::of(OrderClass::Time);
    let mut internal = said(Phase::DecisionPending, 20);
    internal.status.as_mut().unwrap().audience = crate::model::Audience::Staff;
    let (entries, _) = play(&[said(Phase::InProgress, 10), internal], order);
    let folded = fold(&entries);
    assert_eq!(folded.status(&entries).unwrap().phase, Phase::InProgress);
    assert_eq!(folded.timeline.len(), 2, "staff finds it in the timeline");
}

#[test]
fn i6_a_flow_past_its_contract_is_stale_and_an_unseen_one_unknown() {
    use crate::model::Freshness;
    let contract = Contract { live: false, max_age: 10 };
    assert_eq!(freshness(contract, None, false, 100), Freshness::Unknown);
    assert_eq!(freshness(contract, Some(90), false, 100), Freshness::Fresh);
    assert_eq!(freshness(contract, Some(89), false, 100), Freshness::Stale);
    let live = Contract { live: true, max_age: 10 };
    assert_eq!(freshness(live, Some(0), true, 100), Freshness::Live);
    assert_eq!(freshness(live, Some(0), false, 100), Freshness::Stale);
}

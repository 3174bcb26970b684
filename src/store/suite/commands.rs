//! Promises about commands: asked once per key, in order per case, in one hand at a time, settled with their change, and a
//! submitted case stays the same case whatever arrives first.

use std::sync::Arc;

use guichet_sdk::{Code, Digest, Issue};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use super::{Hub, Stage, hub, now, said};
use crate::model::{CaseRow, ChangeKind, CommandId, CommandState, Facts, FlowName, OrderClass, Phase, Verb};
use crate::store::{
    Asked, CommandEntry, CommandFilter, KEY_KEPT, KeptIssue, Leased, NewCommand, StepIn, Store, Upshot,
};

const MINUTE: i64 = 60_000_000;

fn new(verb: Verb, case: Option<CaseRow>, key: &str) -> NewCommand {
    NewCommand {
        id: CommandId(Uuid::now_v7()),
        verb,
        flow: FlowName::new("permits", "cases"),
        service: "permit".into(),
        case,
        facts: Facts { title: Some("A shed".into()), ..Facts::default() },
        payload: "{\"title\":\"A shed\"}".into(),
        client: "portal".into(),
        key: key.into(),
        digest: Digest::of(&[key.as_bytes()]),
        now: now(),
    }
}

async fn ask(store: &dyn Store, new: NewCommand) -> Arc<CommandEntry> {
    match store.ask(new).await.unwrap() {
        Asked::New(entry) => entry,
        other => panic!("{other:?}"),
    }
}

async fn lease(hub: &Hub) -> Vec<Leased> {
    let now = now();
    hub.store.lease(hub.flow, now, now + MINUTE, 100).await.unwrap()
}

async fn sent(hub: &Hub) -> Leased {
    let leased = lease(hub).await.remove(0);
    assert!(hub.store.sending(&leased, "POST /cases", "{}", now()).await.unwrap());
    leased
}

fn confirmed(reference: &str) -> Upshot {
    Upshot { reference: Some(reference.into()), ..Upshot::of(CommandState::Confirmed) }
}

async fn state(hub: &Hub, id: CommandId) -> CommandState {
    hub.store.command(id).await.unwrap().unwrap().state
}

async fn stands(hub: &Hub, row: CaseRow) -> (Phase, Option<String>) {
    let case = hub.store.case(row).await.unwrap().unwrap();
    let body: serde_json::Value = serde_json::from_str(&case.body).unwrap();
    assert_eq!(body["id"], case.id.to_string(), "the case answers with its own id");
    (case.phase, body["source_reference"].as_str().map(str::to_owned))
}

async fn kinds(hub: &Hub) -> Vec<ChangeKind> {
    hub.store.changes(0, 1000).await.unwrap().iter().map(|change| change.kind).collect()
}

pub(crate) async fn a_key_stands_for_one_request<S: Stage>() {
    let (stage, hub) = hub::<S>(OrderClass::Time).await;
    let first = new(Verb::Submit, None, "k1");
    let entry = ask(&*hub.store, first.clone()).await;
    let again = NewCommand { id: CommandId(Uuid::now_v7()), ..first.clone() };
    match hub.store.ask(again.clone()).await.unwrap() {
        Asked::Again(known) => assert_eq!((known.id, known.case), (entry.id, entry.case)),
        other => panic!("{other:?}"),
    }
    let other = NewCommand { digest: Digest::of(&[b"other"]), ..again.clone() };
    assert!(matches!(hub.store.ask(other.clone()).await.unwrap(), Asked::OtherRequest));
    let elsewhere = NewCommand { client: "desk".into(), ..other.clone() };
    assert_ne!(ask(&*hub.store, elsewhere).await.id, entry.id, "keys of other clients are other keys");
    hub.store.close().await;
    let store = stage.open().unwrap();
    assert!(matches!(store.ask(again.clone()).await.unwrap(), Asked::Again(_)), "kept beyond a restart");
    let late = NewCommand { id: CommandId(Uuid::now_v7()), now: first.now + KEY_KEPT + 10 * MINUTE, ..again };
    assert!(matches!(store.ask(late).await.unwrap(), Asked::New(_)), "and for seven days");
}

pub(crate) async fn a_submitted_case_is_there_at_once_and_keeps_its_id<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let entry = ask(&*hub.store, new(Verb::Submit, None, "k")).await;
    assert_eq!(stands(&hub, entry.case).await, (Phase::Submitted, None));
    let case = hub.store.case(entry.case).await.unwrap().unwrap();
    assert_eq!((case.id, case.service.as_deref(), case.revision), (entry.case_id, Some("permit"), 1));
    let leased = sent(&hub).await;
    assert!(hub.store.conclude(&leased, confirmed("PC-1"), now()).await.unwrap());
    assert_eq!(stands(&hub, entry.case).await, (Phase::Received, Some("PC-1".into())));
    // later the number comes in through the flow, even with an older time than the submission
    hub.say(said("PC-1", Phase::InProgress, 5)).await;
    assert_eq!(hub.row("PC-1").await, entry.case);
    assert_eq!(stands(&hub, entry.case).await, (Phase::InProgress, Some("PC-1".into())));
    assert_eq!(
        kinds(&hub).await,
        [ChangeKind::Registered, ChangeKind::StatusChanged, ChangeKind::CommandConfirmed, ChangeKind::StatusChanged]
    );
    assert_eq!(hub.store.vitals().await.unwrap().cases, 1);
}

pub(crate) async fn commands_nobody_carries_out_wait_visibly_and_go_on_by_themselves<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let issue = Issue::error(Code("E415"), "nobody carries it out");
    let strand = async |verbs: &[Verb]| {
        let carried: Vec<_> = verbs.iter().map(|verb| (FlowName::new("permits", "cases"), *verb)).collect();
        let stranded = hub.store.strand(&carried, KeptIssue::from(&issue), now()).await.unwrap();
        (stranded.held, stranded.released)
    };
    let way = ask(&*hub.store, new(Verb::Submit, None, "sent")).await;
    let leased = sent(&hub).await;
    let upshot = Upshot { due_at: Some(now()), ..Upshot::of(CommandState::Unknown) };
    assert!(hub.store.conclude(&leased, upshot, now()).await.unwrap());
    let queued = ask(&*hub.store, new(Verb::Message, Some(way.case), "queued")).await;
    assert_eq!(strand(&[Verb::Submit, Verb::Message]).await, (0, 0), "everything is carried out");
    assert_eq!(strand(&[Verb::Submit]).await, (1, 0));
    assert_eq!(state(&hub, queued.id).await, CommandState::Failed);
    assert_eq!(strand(&[]).await, (1, 0));
    assert_eq!(strand(&[]).await, (0, 0), "once");
    for (id, expected) in [(queued.id, CommandState::Failed), (way.id, CommandState::Unknown)] {
        let entry = hub.store.command(id).await.unwrap().unwrap();
        assert_eq!((entry.state, entry.due_at, entry.issue.unwrap().code.as_str()), (expected, None, "E415"));
    }
    assert!(lease(&hub).await.is_empty(), "nobody's");
    assert_eq!(kinds(&hub).await.iter().filter(|kind| **kind == ChangeKind::CommandUnknown).count(), 2, "told");
    assert_eq!(strand(&[Verb::Submit, Verb::Message]).await, (0, 2));
    assert_eq!(state(&hub, queued.id).await, CommandState::Queued);
    assert_eq!(lease(&hub).await.iter().map(|one| one.command.id).collect::<Vec<_>>(), [way.id], "in their order");
}

pub(crate) async fn a_case_told_before_its_answer_is_the_submitted_one<S: Stage>() {
    for class in [OrderClass::Time, OrderClass::Snapshot, OrderClass::Version, OrderClass::Arrival] {
        let (stage, hub) = hub::<S>(class).await;
        let entry = ask(&*hub.store, new(Verb::Submit, None, "k")).await;
        let mut update = said("PC-1", Phase::InProgress, 5);
        (update.version, update.export) = (Some(3), (class == OrderClass::Snapshot).then_some(3));
        update.facts.aliases = vec![("desk".into(), "W-9".into())];
        hub.say(update.clone()).await;
        let other = hub.row("PC-1").await;
        assert_ne!(other, entry.case);
        let leased = sent(&hub).await;
        assert!(hub.store.conclude(&leased, confirmed("PC-1"), now()).await.unwrap());
        for (row, key) in [(entry.case, "PC-1"), (other, "W-9")] {
            assert_eq!(hub.store.find("permits", key).await.unwrap(), Some(entry.case), "{class} {key}");
            let case = hub.store.case(row).await.unwrap().unwrap();
            assert_eq!((case.id, case.phase), (entry.case_id, Phase::InProgress), "{class}");
            assert_eq!(hub.store.revision(row).await.unwrap(), Some(case.revision));
        }
        // what comes later, and what was said before, is about the same case
        update.facts.title = Some("later".into());
        (update.version, update.export) = (Some(4), update.export.map(|_| 4));
        update.status.as_mut().unwrap().effective_at = Some(super::moment(9));
        hub.say(update.clone()).await;
        hub.store.close().await;
        let hub = Hub::new(stage.open().unwrap().into(), "permits", hub.order).await;
        assert_eq!(hub.row("PC-1").await, entry.case);
        assert_eq!(hub.store.case(other).await.unwrap().unwrap().id, entry.case_id, "beyond a restart");
        assert_eq!(hub.store.entries(entry.case).await.unwrap().len(), 4, "{class}");
        let next = ask(&*hub.store, new(Verb::Submit, None, "k2")).await;
        assert!(next.case.0 > other.0, "no reference is given twice");
        for change in hub.store.changes(0, 100).await.unwrap() {
            assert!(!change.case.unwrap().id.is_nil());
        }
    }
}

pub(crate) async fn commands_of_a_case_go_one_by_one_and_in_order<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let first = ask(&*hub.store, new(Verb::Submit, None, "k1")).await;
    let second = ask(&*hub.store, new(Verb::Message, Some(first.case), "k2")).await;
    let third = ask(&*hub.store, new(Verb::Withdraw, Some(first.case), "k3")).await;
    let other = ask(&*hub.store, new(Verb::Submit, None, "k4")).await;
    let held: Vec<_> = lease(&hub).await;
    assert_eq!(held.iter().map(|one| one.command.id).collect::<Vec<_>>(), [first.id, other.id]);
    assert!(lease(&hub).await.is_empty(), "what is in one hand is in no other");
    let stale = Leased { lease: held[0].lease - 1, ..held[0].clone() };
    assert!(!hub.store.sending(&stale, "x", "{}", now()).await.unwrap(), "a lease that passed proves nothing");
    assert!(hub.store.sending(&held[0], "POST /a", "{}", now()).await.unwrap());
    assert!(!hub.store.conclude(&stale, confirmed("PC-1"), now()).await.unwrap());
    let unknown = Upshot { due_at: Some(now()), ..Upshot::of(CommandState::Unknown) };
    assert!(hub.store.conclude(&held[0], unknown, now()).await.unwrap());
    let held = lease(&hub).await;
    assert_eq!(held.iter().map(|one| one.command.id).collect::<Vec<_>>(), [first.id], "to be looked up; others wait");
    assert!(hub.store.conclude(&held[0], Upshot { looked: true, ..confirmed("PC-1") }, now()).await.unwrap());
    let leased = sent(&hub).await;
    assert_eq!((leased.command.id, leased.command.case_key.as_deref()), (second.id, Some("PC-1")));
    assert!(hub.store.conclude(&leased, Upshot::of(CommandState::Refused), now()).await.unwrap());
    assert_eq!(sent(&hub).await.command.id, third.id, "what the source refused holds nothing up");
    let all = hub.store.commands(&CommandFilter { confidentiality: 9, limit: 10, ..CommandFilter::default() }).await;
    assert_eq!(all.unwrap().len(), 4);
}

pub(crate) async fn what_was_on_its_way_when_the_hub_died_is_unknown<S: Stage>() {
    let (stage, hub) = hub::<S>(OrderClass::Time).await;
    let sending = ask(&*hub.store, new(Verb::Submit, None, "k1")).await;
    sent(&hub).await;
    let queued = ask(&*hub.store, new(Verb::Submit, None, "k2")).await;
    assert_eq!(lease(&hub).await.len(), 1, "leased, not sent yet");
    hub.store.close().await;
    let hub = Hub::new(stage.open().unwrap().into(), "permits", hub.order).await;
    assert_eq!(hub.store.recover(Upshot::of(CommandState::Unknown), now()).await.unwrap(), 1);
    assert_eq!(state(&hub, sending.id).await, CommandState::Unknown);
    assert_eq!(state(&hub, queued.id).await, CommandState::Queued);
    let ids: Vec<_> = lease(&hub).await.into_iter().map(|one| one.command.id).collect();
    assert!(ids.contains(&sending.id) && ids.contains(&queued.id), "one is looked up, the other sent");
    assert_eq!(stands(&hub, sending.case).await.0, Phase::Submitted, "unknown is never success");
    assert!(kinds(&hub).await.contains(&ChangeKind::CommandUnknown));
}

pub(crate) async fn an_operator_steps_in_with_an_audit_row<S: Stage>() {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let entry = ask(&*hub.store, new(Verb::Submit, None, "k1")).await;
    let step = |step: StepIn| {
        let (store, id) = (hub.store.clone(), entry.id);
        async move { store.step_in(id, step, "olivia", "asked the desk", now()).await.unwrap() }
    };
    let leased = sent(&hub).await;
    assert_eq!(step(StepIn::Retry).await, Some(false), "in somebody's hand");
    hub.store.conclude(&leased, Upshot::of(CommandState::Unknown), now()).await.unwrap();
    assert!(lease(&hub).await.is_empty(), "it waits for an operator");
    assert_eq!(step(StepIn::Retry).await, Some(true));
    let leased = sent(&hub).await;
    assert_eq!(leased.command.attempts, 1);
    hub.store.conclude(&leased, Upshot::of(CommandState::Failed), now()).await.unwrap();
    assert_eq!(step(StepIn::Refuse).await, Some(true));
    assert_eq!(stands(&hub, entry.case).await.0, Phase::Closed);
    assert_eq!(step(StepIn::Retry).await, Some(true));
    let leased = sent(&hub).await;
    hub.store.conclude(&leased, Upshot::of(CommandState::Unknown), now()).await.unwrap();
    assert_eq!(step(StepIn::Confirm(Some("PC-7".into()))).await, Some(true));
    assert_eq!(stands(&hub, entry.case).await, (Phase::Received, Some("PC-7".into())));
    assert_eq!(step(StepIn::Retry).await, Some(false), "what is done is not done again");
    let audit = hub.store.audit(None, 10).await.unwrap();
    assert_eq!(audit.len(), 4);
    assert!(audit.iter().all(|row| row.who == "olivia" && row.target.contains(&entry.id.to_string())));
    assert_eq!(hub.store.step_in(CommandId(Uuid::nil()), StepIn::Retry, "o", "w", now()).await.unwrap(), None);
}

/// A step of the property: ask about one of three cases, or go on with one of what may go on.
#[derive(Debug, Clone)]
enum Move {
    Ask(usize),
    GoOn(usize, CommandState),
}

/// However commands are asked and end: one of a case is under way at a time, and each after those asked before it.
pub(crate) async fn commands_keep_their_order_per_case_whatever_happens<S: Stage>() {
    let moves = prop::collection::vec(
        prop_oneof![
            (0..3usize).prop_map(Move::Ask),
            (
                0..4usize,
                prop::sample::select(vec![
                    CommandState::Confirmed,
                    CommandState::Refused,
                    CommandState::Accepted,
                    CommandState::Unknown,
                    CommandState::Failed,
                    CommandState::Queued,
                ])
            )
                .prop_map(|(at, end)| Move::GoOn(at, end)),
        ],
        1..40,
    );
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(move || {
        let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
        runner.run(&moves, |moves| handle.block_on(play::<S>(moves))).unwrap();
    });
}

async fn play<S: Stage>(moves: Vec<Move>) -> Result<(), TestCaseError> {
    let (_stage, hub) = hub::<S>(OrderClass::Time).await;
    let mut cases = Vec::new();
    for n in 0..3 {
        hub.say(said(&format!("C{n}"), Phase::Received, 1)).await;
        cases.push(hub.row(&format!("C{n}")).await);
    }
    let mut asked: Vec<Vec<CommandId>> = vec![Vec::new(); 3];
    for (n, step) in moves.into_iter().enumerate() {
        match step {
            Move::Ask(case) => {
                let entry = ask(&*hub.store, new(Verb::Message, Some(cases[case]), &format!("k{n}"))).await;
                asked[case].push(entry.id);
            }
            Move::GoOn(at, end) => {
                let now = now();
                let ready = hub.store.lease(hub.flow, now, now + 1, 100).await.unwrap();
                for one in &ready {
                    let case = cases.iter().position(|row| *row == one.command.case).unwrap();
                    for before in asked[case].iter().take_while(|id| **id != one.command.id) {
                        let state = state(&hub, *before).await;
                        prop_assert!(
                            one.command.state != CommandState::Queued || !state.holds_the_case(),
                            "{:?} goes on while {before} is {state}",
                            one.command.id
                        );
                    }
                }
                let mut held: Vec<_> = ready.iter().map(|one| one.command.case).collect();
                held.dedup();
                prop_assert_eq!(held.len(), ready.len());
                let Some(one) = ready.get(at % ready.len().max(1)) else { continue };
                if one.command.state == CommandState::Queued {
                    let marked = hub.store.sending(one, "x", "{}", now).await.unwrap();
                    prop_assert!(marked);
                }
                let due_at = (end == CommandState::Unknown || end == CommandState::Queued).then_some(now);
                let settled = hub.store.conclude(one, Upshot { due_at, ..Upshot::of(end) }, now).await.unwrap();
                prop_assert!(settled);
            }
        }
    }
    Ok(())
}

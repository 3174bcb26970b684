//! The lane, played through with a clock that costs nothing.

use std::collections::BTreeMap;

use super::*;
use crate::model::{Audience, ChangeKind, Phase, Seal};
use crate::store::{Change, ChangedCase};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

fn timetable() -> Timetable {
    let waits = vec![5 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR];
    Timetable { waits, budget: 72 * HOUR }
}

fn change(seq: i64, case: i64) -> Change {
    let case = ChangedCase {
        row: CaseRow(case),
        id: uuid::Uuid::nil(),
        revision: seq,
        service: None,
        confidentiality: 0,
        phase: Phase::Received,
        audience: Audience::Public,
    };
    Change { seq, kind: ChangeKind::StatusChanged, at: seq, case: Some(case), source: "planning".into() }
}

/// A feed of so many changes about so many cases, a lane, and what the store was told.
struct World {
    lane: Lane,
    feed: i64,
    cases: i64,
    now: i64,
    cursor: i64,
    rows: BTreeMap<i64, DeliveryStanding>,
    received: Vec<i64>,
    attempts: Vec<i64>,
    marks: Vec<u8>,
}

impl World {
    fn new(feed: i64, cases: i64) -> World {
        World {
            lane: Lane::new(timetable(), 0, Vec::new(), Seal(1), 0),
            feed,
            cases,
            now: 0,
            cursor: 0,
            rows: BTreeMap::new(),
            received: Vec::new(),
            attempts: Vec::new(),
            marks: Vec::new(),
        }
    }

    fn fill(&mut self) {
        let (from, wants) = (self.lane.read(), self.lane.wants() as i64);
        let to = (from + wants).min(self.feed);
        let events = (from + 1..=to).map(|seq| Arc::new(Event::of(Seal(1), change(seq, seq % self.cases))));
        self.lane.take(events.collect::<Vec<_>>().into_iter(), to, self.now);
    }

    fn write(&mut self) {
        self.marks.extend(self.lane.mark(self.now));
        let Some(progress) = self.lane.progress() else { return };
        let reached = progress.position.unwrap_or(self.cursor);
        assert!(reached >= self.cursor, "a cursor never goes back");
        self.cursor = reached;
        for done in progress.done {
            assert!(self.rows.remove(&done).is_some(), "row {done} was never written");
        }
        self.rows.extend(progress.kept);
        // nothing is forgotten: what the cursor has passed is received or has a row
        for seq in 1..=self.cursor {
            assert!(self.rows.contains_key(&seq) || self.received.contains(&seq), "{seq} is lost at {}", self.cursor);
        }
    }

    /// Everything that can be done now; `answer` says how the receiver answers.
    fn act(&mut self, answer: &dyn Fn(i64, i64) -> Outcome) {
        loop {
            self.fill();
            let mut flying = Vec::new();
            while flying.len() < 4 {
                let Some((event, _)) = self.lane.next(self.now) else { break };
                let case = event.change.seq % self.cases;
                assert!(!flying.iter().any(|seq: &i64| seq % self.cases == case), "one at a time of a case");
                flying.push(event.change.seq);
            }
            if flying.is_empty() {
                return self.write();
            }
            // the last one first: beside one another, order means nothing
            for seq in flying.into_iter().rev() {
                let outcome = answer(seq, self.now);
                self.attempts.push(self.now);
                if matches!(outcome, Outcome::Accepted | Outcome::Withheld) {
                    let earlier = |dead: &DeliveryStanding| dead.dead_at.is_some();
                    let before = (1..seq).rev().find(|s| s % self.cases == seq % self.cases);
                    let settled = |s: &i64| self.received.contains(s) || self.rows.get(s).is_some_and(earlier);
                    assert!(before.is_none_or(|s| settled(&s)), "{seq} overtook one of its case");
                    self.received.push(seq);
                }
                self.lane.end(seq, outcome, self.now, 0.5);
                self.write();
            }
        }
    }

    /// Runs until nothing is left to do, or a time.
    fn run(&mut self, until: i64, answer: impl Fn(i64, i64) -> Outcome) {
        loop {
            self.act(&answer);
            match self.lane.due() {
                Some(due) if due <= until => self.now = due.max(self.now + 1),
                Some(_) | None => break,
            }
        }
        self.now = self.now.max(until);
        self.act(&answer);
    }

    /// The process dies and starts again.
    fn restart(&mut self) {
        let waiting = self.rows.iter().filter(|(_, standing)| standing.dead_at.is_none());
        let waiting =
            waiting.map(|(seq, s)| Delivery { change: change(*seq, seq % self.cases), standing: s.clone() }).collect();
        self.lane = Lane::new(timetable(), self.cursor, waiting, Seal(1), self.marks.last().copied().unwrap_or(0));
    }

    fn dead(&self) -> Vec<i64> {
        self.rows.iter().filter(|(_, standing)| standing.dead_at.is_some()).map(|(seq, _)| *seq).collect()
    }
}

fn failed() -> Outcome {
    Outcome::Failed { status: Some(500), asked: None, trouble: "the receiver answered 500".into() }
}

#[test]
fn everything_arrives_in_the_order_of_its_case() {
    let mut world = World::new(2_000, 7);
    world.run(HOUR, |_, _| Outcome::Accepted);
    assert_eq!((world.received.len(), world.cursor, world.rows.len()), (2_000, 2_000, 0));
}

#[test]
fn a_receiver_down_for_almost_72_hours_gets_everything_afterwards() {
    let mut world = World::new(1_000, 7);
    let up = 71 * HOUR;
    world.run(up, |_, _| failed());
    let attempts = world.attempts.len();
    assert!(attempts < 25, "a receiver that is down is left to rest: {attempts} attempts");
    assert!(world.rows.len() <= WAITING && world.received.is_empty());
    assert_eq!(world.marks, [50, 70, 90]);
    world.run(up + 12 * HOUR, move |_, now| if now >= up { Outcome::Accepted } else { failed() });
    let mut all = world.received.clone();
    all.sort_unstable();
    assert_eq!(all, (1..=1_000).collect::<Vec<_>>());
    assert!(world.rows.is_empty() && !world.lane.disabled());
    assert_eq!(world.lane.spent(world.now), None);
}

#[test]
fn after_72_hours_without_a_success_the_rest_waits_to_be_asked_for() {
    let mut world = World::new(1_000, 7);
    world.run(100 * HOUR, |_, _| failed());
    assert!(world.lane.disabled());
    assert_eq!(world.marks, [50, 70, 90, 100]);
    let dead = world.dead();
    assert!(!dead.is_empty() && dead.len() < 10, "{dead:?}");
    // verified again: every delivery has its whole time again
    for standing in world.rows.values_mut().filter(|standing| standing.dead_at.is_none()) {
        (standing.attempts, standing.first_at, standing.next_at) = (0, None, world.now);
    }
    world.restart();
    world.run(world.now + HOUR, |_, _| Outcome::Accepted);
    let mut all = world.received.clone();
    all.extend(world.dead());
    all.sort_unstable();
    assert_eq!(all, (1..=1_000).collect::<Vec<_>>(), "received, or found among the dead");
}

#[test]
fn a_single_delivery_follows_the_timetable() {
    let mut world = World::new(1, 1);
    world.run(80 * HOUR, |_, _| failed());
    let waits: Vec<_> = world.attempts.windows(2).map(|two| two[1] - two[0]).collect();
    let expected = [5 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR];
    for (wait, expected) in waits.iter().zip(expected) {
        assert!((expected..=expected * 11 / 10 + 1).contains(wait), "{wait} for {expected}");
    }
    assert_eq!(world.attempts.last(), Some(&(72 * HOUR)), "the last attempt ends the budget");
    assert_eq!(world.dead(), [1]);
}

#[test]
fn one_that_always_fails_holds_back_only_its_case() {
    let mut world = World::new(600, 10);
    world.run(80 * HOUR, |seq, _| if seq == 3 { failed() } else { Outcome::Accepted });
    assert_eq!(world.dead(), [3]);
    assert_eq!(world.received.len(), 599, "what waited behind it comes after its death");
    assert!(!world.lane.disabled());
    let (before, after) = (world.received.iter().position(|seq| *seq == 13), world.received.len() - 59);
    assert!(before.is_some_and(|at| at >= after), "its case comes last: {before:?}");
}

#[test]
fn one_that_always_fails_among_others_does_not_keep_a_receiver_resting() {
    let mut world = World::new(50, 50);
    let up = HOUR;
    let answer = move |seq, now| if now < up || seq == 1 { failed() } else { Outcome::Accepted };
    world.run(30 * HOUR, answer);
    assert_eq!(world.received.len(), 49);
    assert_eq!(world.rows.keys().copied().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_receiver_that_asks_for_time_gets_it() {
    let mut world = World::new(20, 20);
    let asked = Some(20 * MINUTE);
    world.run(HOUR, |_, now| {
        if now < 19 * MINUTE {
            Outcome::Failed { status: Some(429), asked, trouble: "the receiver answered 429".into() }
        } else {
            Outcome::Accepted
        }
    });
    assert_eq!(world.received.len(), 20);
    assert!(world.attempts.iter().all(|at| *at == 0 || *at >= 20 * MINUTE), "{:?}", world.attempts);
}

#[test]
fn a_receiver_that_wants_nothing_is_told_nothing_more() {
    let mut world = World::new(20, 20);
    world.run(HOUR, |seq, _| if seq >= 5 { Outcome::Gone } else { Outcome::Accepted });
    assert!(world.lane.disabled() && world.received.len() < 9);
}

#[test]
fn what_is_withheld_is_done() {
    let mut world = World::new(20, 3);
    world.run(HOUR, |seq, _| if seq % 2 == 0 { Outcome::Withheld } else { Outcome::Accepted });
    assert_eq!((world.received.len(), world.cursor, world.rows.len()), (20, 20, 0));
}

#[test]
fn a_lane_that_lost_everything_it_waited_for_reads_on() {
    let mut world = World::new(4, 4);
    world.run(MINUTE, |_, _| failed());
    assert!(world.lane.resting().is_some());
    // every one of them became confidential meanwhile
    world.run(2 * HOUR, |seq, _| if seq <= 4 { Outcome::Withheld } else { Outcome::Accepted });
    world.feed = 10;
    world.run(3 * HOUR, |_, _| Outcome::Accepted);
    assert_eq!(world.received.len(), 10);
}

#[test]
fn a_lane_goes_on_after_any_crash_without_a_loss() {
    for crash in 1..60 {
        let mut world = World::new(120, 5);
        // fails now and then, differently at each attempt
        let answer = |seq: i64, now: i64| {
            if (seq * 7 + now / SECOND) % 4 == 0 { failed() } else { Outcome::Accepted }
        };
        for _ in 0..crash {
            world.fill();
            let Some((event, _)) = world.lane.next(world.now) else {
                world.now = world.lane.due().unwrap_or(world.now + 1).max(world.now + 1);
                continue;
            };
            let (seq, outcome) = (event.change.seq, answer(event.change.seq, world.now));
            if outcome == Outcome::Accepted {
                world.received.push(seq);
            }
            world.lane.end(seq, outcome, world.now, 0.5);
            if crash % 3 == 0 {
                world.write();
            }
        }
        world.restart();
        // twice is allowed after a crash, out of order is not
        let already = std::mem::take(&mut world.received);
        world
            .received
            .extend(already.iter().copied().filter(|seq| *seq <= world.cursor && !world.rows.contains_key(seq)));
        world.run(world.now + 72 * HOUR, answer);
        let mut all: Vec<_> = world.received.iter().copied().chain(world.dead()).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, (1..=120).collect::<Vec<_>>(), "crash after {crash} attempts");
    }
}

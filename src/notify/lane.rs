//! The lane of one subscription: what is told next and when, decided as a state machine. Time and chance are arguments:
//! seventy-two hours pass in a test as fast as it can count. What it decides, `route` does.
//!
//! Changes of one case leave in their order, one at a time; different cases beside one another. A delivery that fails has
//! its own timetable and holds back only its case. A receiver that fails altogether is left to rest: one delivery probes
//! it now and then, nothing more is read for it, and the feed itself keeps what it has not been told yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Event;
use crate::model::CaseRow;
use crate::store::{Delivery, DeliveryStanding};

/// Changes read ahead of the cursor.
pub const WINDOW: usize = 256;
/// Deliveries that may wait for another attempt before no more is read.
pub const WAITING: usize = 256;
/// Different deliveries that failed since the last success after which the receiver rests. One that always fails is the
/// trouble of its case alone.
const TROUBLE: usize = 3;
/// Percent of the failure budget at which operators are told.
const MARKS: [u8; 4] = [50, 70, 90, 100];

/// When a failed delivery is tried again, microseconds.
#[derive(Debug, Clone)]
pub struct Timetable {
    /// Waits after the first, second, … failure; the last one repeats.
    pub waits: Vec<i64>,
    /// From the first attempt to the last.
    pub budget: i64,
}

impl Timetable {
    /// The wait after so many failures, up to a tenth longer by chance (0 to 1), and no shorter than the receiver asks.
    fn wait(&self, failures: usize, asked: Option<i64>, chance: f64) -> i64 {
        let longest = self.waits.last().copied().unwrap_or_default();
        let wait = self.waits.get(failures.saturating_sub(1)).copied().unwrap_or(longest);
        let wait = wait.max(asked.unwrap_or_default().min(longest));
        wait.saturating_add((wait as f64 * 0.1 * chance) as i64)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Accepted,
    /// It is no longer the client's to know.
    Withheld,
    /// The receiver wants nothing any more.
    Gone,
    /// It did not arrive, as far as is known.
    Failed {
        /// HTTP status, when there was an answer.
        status: Option<u16>,
        /// How long the receiver asks us to wait, microseconds.
        asked: Option<i64>,
        /// What went wrong.
        trouble: String,
    },
}

/// What keeps its order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Case(CaseRow),
    Source(Arc<str>),
}

impl Key {
    fn of(event: &Event) -> Key {
        match &event.change.case {
            Some(case) => Key::Case(case.row),
            None => Key::Source(event.change.source.clone()),
        }
    }
}

/// A delivery to be made.
struct Item {
    event: Arc<Event>,
    standing: DeliveryStanding,
    /// Has a row of its own, so that the cursor may pass it.
    kept: bool,
    flying: bool,
}

/// A receiver that is left to rest.
struct Rest {
    probes: usize,
    until: i64,
}

/// What is to be written down since the last time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How far the feed is done.
    pub position: Option<i64>,
    /// Deliveries that wait or are dead.
    pub kept: Vec<(i64, DeliveryStanding)>,
    /// Kept deliveries that are done.
    pub done: Vec<i64>,
    /// Deliveries that succeeded.
    pub delivered: u64,
    /// When one last succeeded.
    pub succeeded_at: Option<i64>,
    /// Percent of the budget told.
    pub warned: Option<u8>,
    /// Why nothing is told any more.
    pub disabled: Option<String>,
}

/// The lane.
pub struct Lane {
    timetable: Timetable,
    items: BTreeMap<i64, Item>,
    queues: HashMap<Key, BTreeSet<i64>>,
    /// Heads of the queues that are not under way, by when they are due.
    heads: BTreeSet<(i64, i64)>,
    /// Failing deliveries by their first attempt.
    failing: BTreeSet<(i64, i64)>,
    read: i64,
    told: i64,
    kept: usize,
    flying: usize,
    /// What failed since the last success, as far as it matters.
    failed: BTreeSet<i64>,
    rest: Option<Rest>,
    replaying: bool,
    succeeded_at: Option<i64>,
    warned: u8,
    /// Positions of kept deliveries whose row is not what it should be.
    unwritten: BTreeSet<i64>,
    news: Progress,
    disabled: bool,
}

impl Lane {
    /// A lane that goes on after a position, with the deliveries that wait.
    pub fn new(
        timetable: Timetable,
        position: i64,
        waiting: Vec<Delivery>,
        seal: crate::model::Seal,
        warned: u8,
    ) -> Self {
        let mut lane = Lane {
            timetable,
            items: BTreeMap::new(),
            queues: HashMap::new(),
            heads: BTreeSet::new(),
            failing: BTreeSet::new(),
            read: position,
            told: position,
            kept: 0,
            flying: 0,
            failed: BTreeSet::new(),
            rest: None,
            replaying: false,
            succeeded_at: None,
            warned,
            unwritten: BTreeSet::new(),
            news: Progress::default(),
            disabled: false,
        };
        for Delivery { change, standing } in waiting {
            lane.failing.extend(standing.first_at.map(|first_at| (first_at, change.seq)));
            lane.put(Arc::new(Event::of(seal, change)), standing, true);
        }
        lane
    }

    /// How many more changes it takes.
    pub fn wants(&self) -> usize {
        if self.disabled || self.rest.is_some() || self.kept >= WAITING {
            return 0;
        }
        WINDOW.saturating_sub(self.items.len() - self.kept)
    }

    /// How far the feed is read.
    pub fn read(&self) -> i64 {
        self.read
    }

    /// Goes on elsewhere in the feed, in a replay or after it; everything read so far must be settled.
    pub fn go_on(&mut self, position: i64, replaying: bool) {
        (self.read, self.told, self.replaying) = (position, position, replaying);
    }

    /// Takes the changes up to a position, those that are to be told.
    pub fn take(&mut self, events: impl Iterator<Item = Arc<Event>>, read: i64, now: i64) {
        for event in events {
            if !self.items.contains_key(&event.change.seq) {
                self.put(event, DeliveryStanding { next_at: now, ..DeliveryStanding::default() }, false);
            }
        }
        self.read = read;
    }

    fn put(&mut self, event: Arc<Event>, standing: DeliveryStanding, kept: bool) {
        let (seq, due) = (event.change.seq, standing.next_at);
        let queue = self.queues.entry(Key::of(&event)).or_default();
        // What waits behind a failed one of its case waits in a row of its own, too: the cursor goes on.
        let behind = queue.first().is_some_and(|head| self.items.get(head).is_some_and(|item| item.kept));
        if queue.is_empty() {
            self.heads.insert((due, seq));
        }
        queue.insert(seq);
        if behind && !kept {
            self.unwritten.insert(seq);
        }
        self.kept += usize::from(kept || behind);
        self.items.insert(seq, Item { event, standing, kept: kept || behind, flying: false });
    }

    /// What is told now, if anything; the number of the attempt.
    pub fn next(&mut self, now: i64) -> Option<(Arc<Event>, u32)> {
        let head = match &self.rest {
            _ if self.disabled => None,
            Some(rest) if now < rest.until || self.flying > 0 => None,
            Some(rest) => self.probe(rest, now),
            None => self.heads.first().copied().filter(|(due, _)| *due <= now),
        }?;
        self.heads.remove(&head);
        let item = self.items.get_mut(&head.1)?;
        item.flying = true;
        self.flying += 1;
        Some((item.event.clone(), item.standing.attempts + 1))
    }

    /// Which delivery finds out whether the receiver is back: the one whose time is up, else the oldest one and the least
    /// tried one in turn, since the oldest may be one that always fails.
    fn probe(&self, rest: &Rest, now: i64) -> Option<(i64, i64)> {
        let heads = || self.heads.iter().copied();
        let up = self.failing.first().filter(|(first_at, _)| first_at.saturating_add(self.timetable.budget) <= now);
        let up = up.and_then(|(_, seq)| heads().find(|head| head.1 == *seq));
        let attempts = |seq: i64| self.items.get(&seq).map_or(0, |item| item.standing.attempts);
        up.or_else(|| match rest.probes % 2 {
            1 => heads().min_by_key(|(_, seq)| *seq),
            _ => heads().min_by_key(|(_, seq)| (attempts(*seq), *seq)),
        })
    }

    /// An attempt has ended.
    pub fn end(&mut self, seq: i64, outcome: Outcome, now: i64, chance: f64) {
        let Some(item) = self.items.get_mut(&seq) else { return };
        item.flying = false;
        self.flying -= 1;
        match outcome {
            Outcome::Accepted => {
                self.news.delivered += 1;
                self.succeeded_at = Some(now);
                self.news.succeeded_at = Some(now);
                self.failed.clear();
                self.remove(seq, true);
                // One that left before the rest began proves nothing.
                if self.rest.as_ref().is_some_and(|rest| now >= rest.until) {
                    self.rest = None;
                    self.hurry(now);
                }
            }
            Outcome::Withheld => self.remove(seq, true),
            Outcome::Gone => {
                self.heads.insert((now, seq));
                self.disable("the receiver answered 410: it wants nothing any more".into());
            }
            Outcome::Failed { status, asked, trouble } => self.fail(seq, status, asked, trouble, (now, chance)),
        }
    }

    fn fail(&mut self, seq: i64, status: Option<u16>, asked: Option<i64>, trouble: String, (now, chance): (i64, f64)) {
        if self.failed.len() < TROUBLE {
            self.failed.insert(seq);
        }
        let Some(item) = self.items.get_mut(&seq) else { return };
        let standing = &mut item.standing;
        let first_at = *standing.first_at.get_or_insert(now);
        standing.attempts += 1;
        (standing.status, standing.trouble) = (status, Some(trouble));
        self.failing.insert((first_at, seq));
        let end = first_at.saturating_add(self.timetable.budget);
        if now >= end {
            standing.dead_at = Some(now);
            self.news.kept.push((seq, standing.clone()));
            self.remove(seq, false);
            if self.succeeded_at.is_none_or(|at| at < first_at) {
                self.disable("nothing was accepted for as long as deliveries are tried".into());
            }
        } else {
            let wait = self.timetable.wait(standing.attempts as usize, asked, chance);
            standing.next_at = now.saturating_add(wait).min(end);
            self.heads.insert((standing.next_at, seq));
            self.keep_queue(seq);
        }
        if asked.is_some() || self.failed.len() >= TROUBLE || self.rest.is_some() {
            let (probes, until) = self.rest.as_ref().map_or((0, i64::MIN), |rest| (rest.probes, rest.until));
            let probed = now >= until;
            if !probed && asked.is_none() {
                return;
            }
            let probes = probes + usize::from(probed);
            let wait = self.timetable.wait(probes, asked, chance);
            // The budget of the oldest one is not overslept.
            let oldest = self.failing.first().map(|(first_at, _)| first_at.saturating_add(self.timetable.budget));
            let until = until.max(now.saturating_add(wait));
            let until = oldest.filter(|end| *end > now).map_or(until, |end| until.min(end));
            self.rest = Some(Rest { probes, until });
        }
    }

    /// A failed delivery and what is behind it get rows.
    fn keep_queue(&mut self, seq: i64) {
        let Some(queue) = self.items.get(&seq).and_then(|item| self.queues.get(&Key::of(&item.event))) else { return };
        for waiting in queue {
            let Some(item) = self.items.get_mut(waiting) else { continue };
            if !item.kept || *waiting == seq {
                self.kept += usize::from(!item.kept);
                item.kept = true;
                self.unwritten.insert(*waiting);
            }
        }
    }

    fn remove(&mut self, seq: i64, done: bool) {
        let Some(item) = self.items.remove(&seq) else { return };
        self.kept -= usize::from(item.kept);
        self.unwritten.remove(&seq);
        if done && (item.kept || self.replaying) {
            self.news.done.push(seq);
        }
        if let Some(first_at) = item.standing.first_at {
            self.failing.remove(&(first_at, seq));
        }
        if self.items.is_empty() {
            // Nothing is left that could find out whether the receiver is back: the next change does.
            self.rest = None;
        }
        let key = Key::of(&item.event);
        let Some(queue) = self.queues.get_mut(&key) else { return };
        queue.remove(&seq);
        match queue.first().and_then(|head| self.items.get(head)) {
            Some(head) => drop(self.heads.insert((head.standing.next_at, head.event.change.seq))),
            None => drop(self.queues.remove(&key)),
        }
    }

    /// The receiver is back: what waited for it is due now.
    fn hurry(&mut self, now: i64) {
        let late: Vec<_> = self.heads.iter().copied().filter(|(due, _)| *due > now).collect();
        for (due, seq) in late {
            self.heads.remove(&(due, seq));
            self.heads.insert((now, seq));
            if let Some(item) = self.items.get_mut(&seq) {
                item.standing.next_at = now;
            }
        }
    }

    fn disable(&mut self, why: String) {
        self.disabled = true;
        self.news.disabled = Some(why);
    }

    /// Whether nothing more is told.
    pub fn disabled(&self) -> bool {
        self.disabled
    }

    /// A mark of the failure budget that was passed, for those who run the hub: each one once per trouble.
    pub fn mark(&mut self, now: i64) -> Option<u8> {
        let passed = self.spent(now).and_then(|spent| MARKS.into_iter().rfind(|mark| *mark <= spent));
        let warned = match passed {
            Some(mark) if mark > self.warned => mark,
            None if self.failing.is_empty() && self.warned > 0 => 0,
            Some(_) | None => return None,
        };
        self.warned = warned;
        self.news.warned = Some(warned);
        (warned > 0).then_some(warned)
    }

    /// Percent of the failure budget that is spent; `None` while nothing fails.
    pub fn spent(&self, now: i64) -> Option<u8> {
        let (first_at, _) = self.failing.first()?;
        Some((now.saturating_sub(*first_at).saturating_mul(100) / self.timetable.budget.max(1)).clamp(0, 100) as u8)
    }

    /// When there is something to do again, if nothing happens before.
    pub fn due(&self) -> Option<i64> {
        if self.disabled {
            return None;
        }
        let head = match &self.rest {
            Some(rest) if self.flying == 0 && !self.heads.is_empty() => Some(rest.until),
            Some(_) => None,
            None => self.heads.first().map(|(due, _)| *due),
        };
        let mark = self.failing.first().and_then(|(first_at, _)| {
            let next = MARKS.into_iter().find(|mark| *mark > self.warned)?;
            // Rounded up, so that the mark is passed when the time has come.
            Some(first_at.saturating_add(self.timetable.budget / 100 * i64::from(next) + 100))
        });
        head.into_iter().chain(mark).min()
    }

    /// Deliveries under way.
    pub fn flying(&self) -> usize {
        self.flying
    }

    /// Deliveries that wait for another attempt.
    pub fn waiting(&self) -> usize {
        self.kept
    }

    /// Until when the receiver rests.
    pub fn resting(&self) -> Option<i64> {
        self.rest.as_ref().map(|rest| rest.until)
    }

    /// What is to be written down; `None` when nothing is.
    pub fn progress(&mut self) -> Option<Progress> {
        let mut news = std::mem::take(&mut self.news);
        for seq in std::mem::take(&mut self.unwritten) {
            news.kept.extend(self.items.get(&seq).map(|item| (seq, item.standing.clone())));
        }
        let position = self.items.iter().find(|(_, item)| !item.kept).map_or(self.read, |(seq, _)| seq - 1);
        if position > self.told {
            self.told = position;
            news.position = Some(position);
        }
        (news != Progress::default()).then_some(news)
    }
}

#[cfg(test)]
#[path = "tests/lane.rs"]
mod tests;

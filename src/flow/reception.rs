//! Reception: records that a peer pushes, on the one route of records: cut → read → map → one transaction → told.
//!
//! Whoever pushes is told only what is committed (I1). What is pushed is taken whole or not at all; once a transaction
//! is under way it ends, whether or not somebody still waits for the answer. Refuses what comes while the flow is paused,
//! while the hub stops, and beyond the bounds of the flow (I9). Speaks no protocol: that is the receiver's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use guichet_sdk::codes::PAGES;
use guichet_sdk::format::{Cut, Format, Framer};
use guichet_sdk::{Code, Digest, Ended, Issue, Place, Receiver, Record, Taken};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument, Span, info_span};

use super::route::Route;
use super::signals::Signals;
use super::tally::Tally;
use super::{clock, faults, intake, meter, trace};
use crate::config::Receive;
use crate::fail::{self, Point};
use crate::model::{FlowName, OrderClass};
use crate::store::{Committed, Ending, Item, Reading, StoreFault, Work};

/// Where records of one flow are taken that its source pushes.
pub struct Reception {
    route: Arc<Route>,
    signals: Arc<Signals>,
    bounds: Receive,
    places: Arc<Semaphore>,
    /// In snapshot order one push follows the other, each with a later time; microseconds since 1970.
    turn: tokio::sync::Mutex<i64>,
    /// What was pushed since quarantine was last weighed.
    window: Mutex<Tally>,
}

/// A place in a reception: what is pushed is taken while it is held.
pub struct Admission {
    _place: OwnedSemaphorePermit,
}

/// Why nothing is taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The flow is paused.
    Paused,
    /// The hub is stopping.
    Stopping,
    /// As much as the flow takes at once is being taken.
    Full,
}

/// Why a push was not taken: nothing of it is committed.
#[derive(Debug, Clone)]
pub enum Untaken {
    /// It cannot be cut into records.
    Unreadable(Issue),
    /// The store failed.
    Store(StoreFault),
}

impl From<StoreFault> for Untaken {
    fn from(fault: StoreFault) -> Self {
        Untaken::Store(fault)
    }
}

impl Reception {
    /// The reception of a flow that receives.
    pub(super) fn of(route: &Arc<Route>, signals: &Arc<Signals>) -> Option<Arc<Self>> {
        let bounds = route.receive?;
        Some(Arc::new(Reception {
            route: route.clone(),
            signals: signals.clone(),
            bounds,
            places: Arc::new(Semaphore::new(bounds.in_flight)),
            turn: tokio::sync::Mutex::default(),
            window: Mutex::default(),
        }))
    }

    /// The flow.
    pub fn name(&self) -> &FlowName {
        &self.route.name
    }

    /// Its bounds.
    pub fn bounds(&self) -> Receive {
        self.bounds
    }

    /// How its records are written.
    pub fn format(&self) -> &Format {
        &self.route.format
    }

    /// How its peer pushes, where it has a protocol of its own for it.
    pub fn receiver(&self) -> Option<Arc<dyn Receiver>> {
        self.route.plan.receiver()
    }

    /// A place for one push, before anything of it is read.
    pub fn enter(&self) -> Result<Admission, Closed> {
        if self.signals.stopped() {
            return Err(Closed::Stopping);
        }
        if self.signals.paused().is_some() {
            return Err(Closed::Paused);
        }
        self.places.clone().try_acquire_owned().map(|place| Admission { _place: place }).map_err(|_| Closed::Full)
    }

    /// Takes what `sender` pushed; how each record ended, in the order of the message, once all of it is committed. The
    /// work has a task of its own: a peer that goes away does not cut a transaction in two.
    pub async fn take(
        self: &Arc<Self>,
        admission: Admission,
        bytes: Bytes,
        sender: &str,
    ) -> Result<Vec<Taken>, Untaken> {
        let reception = self.clone();
        let name: Arc<str> = format!("push-{sender}-{}", short(&bytes)).into();
        let taking = async move {
            let taken = reception.commit(bytes, name).await;
            drop(admission);
            taken
        };
        match tokio::spawn(taking.instrument(Span::current())).await {
            Ok(taken) => taken,
            Err(_) => Err(Untaken::Store(StoreFault::Failed("the push did not end".into()))),
        }
    }

    /// Waits until nothing is being taken any more.
    pub(super) async fn drained(&self) {
        let all = u32::try_from(self.bounds.in_flight).unwrap_or(u32::MAX);
        let _ = self.places.acquire_many(all).await;
    }

    async fn commit(&self, bytes: Bytes, name: Arc<str>) -> Result<Vec<Taken>, Untaken> {
        let mut turn = match self.route.order.class {
            OrderClass::Snapshot => Some(self.turn.lock().await),
            OrderClass::Version | OrderClass::Time | OrderClass::Arrival => None,
        };
        let mut time = clock::now();
        if let Some(last) = &mut turn {
            time = time.max(**last + 1);
            **last = time;
        }
        let span = info_span!("flow.push", flow = %self.route.name, records = tracing::field::Empty);
        let (format, most) = (self.route.format.clone(), self.bounds.records);
        let cut = intake::aside(move || cut(&format, &bytes, name, time, most)).await?.map_err(Untaken::Unreadable)?;
        span.record("records", cut.records.len() + cut.broken.len());
        for notice in &cut.notices {
            tracing::info!(flow = %self.route.name, code = %notice.code, place = %notice.place, "{}", notice.message);
        }
        let (items, spans) = self.read(cut, &span).await?;
        let held: Vec<Held> = items.iter().map(Held::of).collect();
        let committed = self.write(items).instrument(info_span!(parent: &span, "flow.commit")).await?;
        drop(turn);
        spans.close(&committed.endings);
        self.counted(&committed, &held).await;
        fail::pass(Point::BeforeAck);
        Ok(told(held, &committed.endings))
    }

    /// Digests, then reading and mapping of what is not known.
    async fn read(&self, cut: Pieces, span: &Span) -> Result<(Vec<Item>, trace::Records), StoreFault> {
        let records = intake::digests(cut.records).await?;
        let digests: Vec<Digest> = records.iter().map(|(_, digest)| *digest).collect();
        let known = match digests.is_empty() {
            true => Vec::new(),
            false => self.route.store.known(self.route.row, &digests).await?,
        };
        let spans = trace::Records::open(&self.route, &records, span);
        let items = intake::items(&self.route, records, known, cut.broken);
        Ok((items.instrument(info_span!(parent: span, "flow.map")).await?, spans))
    }

    async fn write(&self, items: Vec<Item>) -> Result<Committed, StoreFault> {
        let started = Instant::now();
        let work = Work {
            flow: self.route.row,
            now: clock::now(),
            mapping: self.route.translate.stamp(),
            items,
            cursor: None,
            finished: Vec::new(),
            // a push says nothing about what the source would answer if it were asked
            verified: !self.route.plan.capability().pull,
            supersedes: self.route.order.class == OrderClass::Snapshot,
            retries: Vec::new(),
        };
        let committed = self.route.store.commit(work).await;
        meter::committed(&self.route.name, started.elapsed());
        committed
    }

    /// Shows what was committed; pauses the flow when too much of what was pushed went into quarantine.
    async fn counted(&self, committed: &Committed, held: &[Held]) {
        self.route.counted(committed);
        if !self.route.plan.capability().pull {
            self.route.answered(true);
        }
        let exceeded = {
            let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            window.add(committed, held.iter().map(|held| &held.origin));
            match window.counts.received >= self.route.threshold.after.max(1) {
                true => std::mem::take(&mut *window).exceeding(self.route.threshold),
                false => None,
            }
        };
        if let Some(counts) = exceeded
            && let Err(fault) = self.route.exceeded(&self.signals, counts).await
        {
            // The records are committed: that is what the peer is told. The pause holds in this process.
            let fault = faults::of_store(&fault);
            tracing::warn!(flow = %self.route.name, code = %fault.issue.code, "{}", fault.issue.message);
        }
    }
}

/// What a push was cut into.
struct Pieces {
    records: Vec<Record>,
    broken: Vec<(Record, Issue)>,
    notices: Vec<Issue>,
}

fn cut(format: &Format, bytes: &[u8], name: Arc<str>, time: i64, most: usize) -> Result<Pieces, Issue> {
    let mut framer = Framer::new(format, name, time);
    framer.push(bytes);
    framer.end();
    let mut pieces = Pieces { records: Vec::new(), broken: Vec::new(), notices: Vec::new() };
    while let Some(cut) = framer.next()? {
        match cut {
            Cut::Record(record) => pieces.records.push(record),
            Cut::Broken(record, issue) => pieces.broken.push((record, issue)),
        }
        if pieces.records.len() + pieces.broken.len() > most {
            return Err(too_many(most));
        }
    }
    pieces.notices = framer.notices();
    Ok(pieces)
}

fn too_many(most: usize) -> Issue {
    Issue::error(Code("E278"), format!("the body holds more than {most} records"))
        .hint("push fewer at once, or raise `receive.records` of the flow")
}

/// What is remembered of an item while it is committed.
struct Held {
    origin: guichet_sdk::Origin,
    refused: bool,
    issue: Option<Issue>,
}

impl Held {
    fn of(item: &Item) -> Self {
        let (refused, issue) = match &item.reading {
            Reading::Refused(refusal) => (true, refusal.issues.first().cloned()),
            Reading::Known | Reading::Mapped(_) => (false, None),
        };
        Held { origin: item.record.origin.clone(), refused, issue }
    }

    fn told(self, ending: Ending) -> Taken {
        let (ended, issue) = match ending {
            Ending::Applied => (Ended::Applied, None),
            // sent again while it is still held: saying "duplicate" would let it pass for taken over
            Ending::Duplicate if self.refused => (Ended::Quarantined, self.issue),
            Ending::Duplicate => (Ended::Duplicate, None),
            Ending::Superseded => (Ended::Superseded, None),
            Ending::Quarantined(code) => (Ended::Quarantined, Some(self.issue.unwrap_or_else(|| titled(code)))),
            Ending::Parked => (Ended::Parked, None),
        };
        let known = |number: u64| (number > 0).then_some(number);
        let place = Place { line: known(self.origin.line), column: known(self.origin.column), ..Place::default() };
        Taken { position: self.origin.position, place, ended, issue }
    }
}

fn told(held: Vec<Held>, endings: &[Ending]) -> Vec<Taken> {
    let mut taken: Vec<Taken> = held.into_iter().zip(endings).map(|(held, ending)| held.told(*ending)).collect();
    taken.sort_by_key(|taken| taken.position);
    taken
}

/// What the ledger refused has its issue in quarantine; here its code says it, with the title of its page.
fn titled(code: Code) -> Issue {
    let page = PAGES.iter().find(|(known, _)| *known == code.0);
    let title = page.and_then(|(_, page)| page.lines().next()?.split_once(": ")).map(|(_, title)| title.to_owned());
    Issue::error(code, title.unwrap_or_else(|| "it was refused".to_owned()))
        .hint(format!("`guichet explain {code}` says more"))
}

/// Enough of a digest to tell pushes apart in names.
fn short(bytes: &[u8]) -> String {
    Digest::of(&[bytes]).to_string()[..12].to_owned()
}

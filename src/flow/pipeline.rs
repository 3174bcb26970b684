//! The pipeline of a flow: while one batch commits, the next is read and mapped; never more than two are in flight (I9).
//!
//! Nothing is acknowledged before its commit (I1), and as soon as it is committed, also while the source is waited for: a
//! queue may give nothing more before. The cursor travels in the same unit of work as its records. A failed commit ends
//! the run: the source is opened again at the committed cursor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use guichet_sdk::{Ack, Batch, Cursor, Digest, Fault, Issue, Origin, Progress, Receipt, Record, Source};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span, info_span};

use super::route::Route;
use super::signals::Signals;
use super::tally::Tally;
use super::{clock, faults, intake, meter, trace};
use crate::fail::{self, Point};
use crate::model::OrderClass;
use crate::store::{Committed, Ending, Item, Ready, StoreFault, Work};

/// Empty answers in a row that move nothing, after which a connector is taken to spin.
const EMPTY_ANSWERS: u32 = 1_000;
/// A look that found nothing is written down at most this often.
const VERIFY_EVERY: Duration = Duration::from_secs(5);

/// What an observer of a run is told after each commit.
pub struct Step<'s> {
    /// The run so far.
    pub tally: &'s Tally,
    /// How far the current whole is read.
    pub progress: Option<&'s Progress>,
    /// Things to show to an operator.
    pub notices: &'s [Issue],
}

/// How a run ended without failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// Nothing more for now.
    CaughtUp,
    /// Told to stop.
    Halted,
    /// More went into quarantine than the flow allows.
    Exceeded,
}

/// The two places of the pipeline: the batch in hand is a local of `run`, the one being committed stands here.
pub(super) struct Pipeline {
    route: Arc<Route>,
    in_flight: Option<InFlight>,
    written_at: Option<Instant>,
    /// The run so far.
    pub tally: Tally,
}

struct InFlight {
    commit: Commit,
    receipt: Option<Receipt>,
    /// Records of the batch that could be cut out; what follows them in `origins` could not.
    whole: usize,
    origins: Vec<Origin>,
    spans: trace::Records,
}

/// A commit in a task of its own: neither a stop nor a failure of the flow may cut a transaction in two.
struct Commit {
    task: JoinHandle<Result<Committed, StoreFault>>,
    ended: Option<Result<Committed, StoreFault>>,
}

impl Commit {
    /// Resolves when it has ended; its end is kept for `end`. Cancel-safe.
    async fn ended(&mut self) {
        if self.ended.is_none() {
            let ended = (&mut self.task).await;
            self.ended = Some(ended.unwrap_or_else(|_| Err(StoreFault::Failed("the commit did not end".into()))));
        }
    }

    /// How it ended.
    async fn end(mut self) -> Result<Committed, StoreFault> {
        self.ended().await;
        match self.ended {
            Some(ended) => ended,
            None => Err(StoreFault::Closed),
        }
    }
}

/// What `next` heard first.
enum Heard {
    Halt,
    Committed,
    Answer(Box<Result<Batch, Fault>>),
}

impl Pipeline {
    pub fn new(route: Arc<Route>) -> Self {
        Pipeline { route, in_flight: None, written_at: None, tally: Tally::default() }
    }

    /// Moves records until the source has no more. `cursor` is where the last committed batch ended.
    pub async fn run(
        &mut self,
        source: &mut dyn Source,
        mut cursor: Option<Cursor>,
        signals: &Signals,
        observe: &mut (dyn FnMut(Step<'_>) + Send),
    ) -> Result<RunEnd, Fault> {
        self.tally = Tally::default();
        let mut empty_answers = 0;
        loop {
            let Some(batch) = self.next(source, cursor.as_ref(), signals).await? else { return Ok(RunEnd::Halted) };
            let caught_up = batch.caught_up;
            self.show(&batch, observe);
            if moves_nothing(&batch, cursor.as_ref()) {
                empty_answers += 1;
            } else {
                empty_answers = 0;
                cursor = batch.cursor.clone().or(cursor);
                self.take(source, batch).await?;
            }
            if caught_up || self.tally.exceeds(self.route.threshold) {
                self.settle(Some(&mut *source)).await?;
                observe(Step { tally: &self.tally, progress: None, notices: &[] });
            }
            if self.tally.exceeds(self.route.threshold) {
                return Ok(RunEnd::Exceeded);
            }
            if caught_up {
                return self.verified().await.map(|()| RunEnd::CaughtUp);
            }
            if empty_answers > EMPTY_ANSWERS {
                return Err(faults::spinning());
            }
        }
    }

    /// The next batch; `None` when told to stop. What is in flight is settled before the run ends, and as soon as it is
    /// committed where the source waits to hear of it.
    async fn next(
        &mut self,
        source: &mut dyn Source,
        cursor: Option<&Cursor>,
        signals: &Signals,
    ) -> Result<Option<Batch>, Fault> {
        self.route.asks();
        loop {
            let heard = tokio::select! {
                biased;
                () = signals.halted() => Heard::Halt,
                () = owed(&mut self.in_flight) => Heard::Committed,
                answer = source.next(cursor, self.route.limit) => Heard::Answer(Box::new(answer)),
            };
            match heard {
                Heard::Committed => self.settle(Some(&mut *source)).await?,
                Heard::Halt => {
                    self.route.answered(false);
                    self.settle(Some(source)).await?;
                    return Ok(None);
                }
                Heard::Answer(answer) => {
                    self.route.answered(answer.is_ok());
                    if answer.is_err() {
                        self.settle(Some(source)).await?;
                    }
                    return answer.map(Some);
                }
            }
        }
    }

    /// Reads and maps a batch while the one before it commits, then starts its own commit.
    async fn take(&mut self, source: &mut dyn Source, batch: Batch) -> Result<(), Fault> {
        let span = info_span!("flow.batch", flow = %self.route.name, records = batch.records.len());
        let Batch { records, broken, cursor, finished, receipt, .. } = batch;
        let whole = records.len();
        let read = self.digest(source, records).instrument(info_span!(parent: &span, "flow.read"));
        let (records, known) = read.await?;
        let spans = trace::Records::open(&self.route, &records, &span);
        let map = intake::items(&self.route, records, known, broken);
        let items = map.instrument(info_span!(parent: &span, "flow.map")).await.map_err(|e| faults::of_store(&e))?;
        let origins = items.iter().map(|item| item.record.origin.clone()).collect();
        let ready = self.ready(items, cursor, finished).await?;
        self.settle(Some(source)).await?;
        let commit = self.commit(ready, &span);
        self.in_flight = Some(InFlight { commit, receipt, whole, origins, spans });
        Ok(())
    }

    /// Digests of a batch, and which of them are known. In snapshot order what is known depends on the batch before.
    async fn digest(
        &mut self,
        source: &mut dyn Source,
        records: Vec<Record>,
    ) -> Result<(Vec<(Record, Digest)>, Vec<bool>), Fault> {
        let records = intake::digests(records).await.map_err(|e| faults::of_store(&e))?;
        if self.route.order.class == OrderClass::Snapshot {
            self.settle(Some(source)).await?;
        }
        let digests: Vec<Digest> = records.iter().map(|(_, digest)| *digest).collect();
        let known = if digests.is_empty() {
            Vec::new()
        } else {
            self.route.store.known(self.route.row, &digests).await.map_err(|e| faults::of_store(&e))?
        };
        Ok((records, known))
    }

    /// A unit of work made ready for its commit.
    async fn ready(&self, items: Vec<Item>, cursor: Option<Cursor>, finished: Vec<Digest>) -> Result<Ready, Fault> {
        let work = Work {
            flow: self.route.row,
            now: clock::now(),
            mapping: self.route.translate.stamp(),
            items,
            cursor,
            finished,
            verified: true,
            supersedes: self.route.order.class == OrderClass::Snapshot,
            retries: Vec::new(),
        };
        self.route.store.ready(work).await.map_err(|e| faults::of_store(&e))
    }

    /// Starts a commit.
    fn commit(&self, ready: Ready, span: &Span) -> Commit {
        let route = self.route.clone();
        let committing = async move {
            let started = Instant::now();
            let committed = route.store.write(ready).await;
            meter::committed(&route.name, started.elapsed());
            committed
        };
        let task = tokio::spawn(committing.instrument(info_span!(parent: span, "flow.commit")));
        Commit { task, ended: None }
    }

    /// Waits for the commit in flight, counts it, and only then acknowledges. Without a source (it broke) nothing is
    /// acknowledged: the records come again and are recognised.
    pub async fn settle(&mut self, source: Option<&mut dyn Source>) -> Result<(), Fault> {
        let Some(InFlight { commit, receipt, whole, origins, spans }) = self.in_flight.take() else {
            return Ok(());
        };
        let committed = commit.end().await.map_err(|e| faults::of_store(&e))?;
        spans.close(&committed.endings);
        self.written_at = Some(Instant::now());
        self.count(&committed, &origins);
        let (Some(source), Some(receipt)) = (source, receipt) else { return Ok(()) };
        fail::pass(Point::BeforeAck);
        source.acknowledge(Ack { receipt, quarantined: quarantined(&committed.endings, whole) }).await?;
        fail::pass(Point::AfterAck);
        Ok(())
    }

    fn count(&mut self, committed: &Committed, origins: &[Origin]) {
        self.tally.add(committed, origins);
        self.route.counted(committed);
    }

    /// Writes down that the source was looked at although nothing came, now and then.
    async fn verified(&mut self) -> Result<(), Fault> {
        if self.written_at.is_some_and(|at| at.elapsed() < VERIFY_EVERY) {
            return Ok(());
        }
        let ready = self.ready(Vec::new(), None, Vec::new()).await?;
        let commit = self.commit(ready, &Span::none());
        let spans = trace::Records::default();
        self.in_flight = Some(InFlight { commit, receipt: None, whole: 0, origins: Vec::new(), spans });
        self.settle(None).await
    }

    fn show(&self, batch: &Batch, observe: &mut (dyn FnMut(Step<'_>) + Send)) {
        for notice in &batch.notices {
            tracing::info!(flow = %self.route.name, code = %notice.code, place = %notice.place, "{}", notice.message);
        }
        self.route.board.update(&self.route.name, |status| {
            status.progress.clone_from(&batch.progress);
            status.redelivered += batch.redelivered;
        });
        observe(Step { tally: &self.tally, progress: batch.progress.as_ref(), notices: &batch.notices });
    }
}

/// Resolves when a batch is committed whose source must hear of it. One that need not is left alone: dropping its `next`
/// would only make it ask again.
async fn owed(in_flight: &mut Option<InFlight>) {
    match in_flight {
        Some(InFlight { commit, receipt: Some(_), .. }) => commit.ended().await,
        Some(InFlight { receipt: None, .. }) | None => std::future::pending().await,
    }
}

/// Whether committing a batch would change nothing: an empty pull changes nothing (P10).
fn moves_nothing(batch: &Batch, cursor: Option<&Cursor>) -> bool {
    let stays = batch.cursor.is_none() || batch.cursor.as_ref() == cursor;
    batch.records.is_empty() && batch.broken.is_empty() && batch.finished.is_empty() && batch.receipt.is_none() && stays
}

/// Positions among the whole records of those that went into quarantine.
fn quarantined(endings: &[Ending], whole: usize) -> Vec<usize> {
    let held = |ending: &Ending| match ending {
        Ending::Quarantined(_) => true,
        Ending::Applied | Ending::Duplicate | Ending::Superseded | Ending::Parked => false,
    };
    endings.iter().take(whole).enumerate().filter(|(_, ending)| held(ending)).map(|(at, _)| at).collect()
}

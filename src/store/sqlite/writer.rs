//! The writer: one thread, one connection, every write of the store. What waits is committed together, in one transaction
//! with one fsync; a lone job is committed at once. A job of a group that fails on its own takes nobody with it.
//!
//! A caller that goes away (a dropped future) changes nothing: jobs are owned by the queue, transactions by this thread.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::desk::Desk;
use super::open::Lock;
use super::vitals::Commits;
use crate::fail::{Point, pass};
use crate::store::StoreFault;

/// Jobs that may wait; beyond it, callers wait and pull nothing more (P7).
pub(super) const WAITING_JOBS: usize = 256;
/// Pages of the write-ahead log after which its content moves into the database, between two groups.
const CHECKPOINT_PAGES: i64 = 32_000;
/// After so long without work the log is emptied.
const IDLE: Duration = Duration::from_secs(2);

/// Something to do inside a transaction of the writer.
trait Job: Send {
    /// How many records it stands for.
    fn weight(&self) -> usize;
    /// Does it.
    fn perform(&mut self, desk: &mut Desk) -> Result<(), StoreFault>;
    /// Tells the caller, after COMMIT or ROLLBACK.
    fn answer(self: Box<Self>, outcome: Result<(), StoreFault>);
}

struct Call<F, T> {
    weight: usize,
    run: Option<F>,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, StoreFault>>,
}

impl<F, T> Job for Call<F, T>
where
    F: FnOnce(&mut Desk) -> Result<T, StoreFault> + Send,
    T: Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn perform(&mut self, desk: &mut Desk) -> Result<(), StoreFault> {
        if let Some(run) = self.run.take() {
            self.done = Some(run(desk)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreFault>) {
        let Call { done, reply, .. } = *self;
        // The caller may have gone away: what is committed stays committed.
        let _ = reply.send(outcome.and_then(|()| done.ok_or(StoreFault::Closed)));
    }
}

struct Queued {
    job: Box<dyn Job>,
    _room: OwnedSemaphorePermit,
}

/// How groups are formed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grouping {
    /// Records after which a group is closed.
    pub(super) records: usize,
    /// Time after which a group is closed although more jobs wait.
    pub(super) wait: Duration,
}

/// The handle of the writer's thread.
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::SyncSender<Queued>>>,
    room: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
    ended: watch::Receiver<bool>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        desk: Desk,
        grouping: Grouping,
        commits: Arc<Commits>,
        changed: watch::Sender<i64>,
        lock: Lock,
    ) -> Result<Writer, StoreFault> {
        let (jobs, waiting) = mpsc::sync_channel(WAITING_JOBS);
        let (end, ended) = watch::channel(false);
        let mut clerk = Clerk { desk, grouping, commits, changed };
        let run = move || {
            clerk.serve(&waiting);
            drop((clerk, lock));
            let _ = end.send(true);
        };
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(run);
        let thread = thread.map_err(|error| StoreFault::Failed(error.to_string()))?;
        Ok(Writer {
            jobs: Mutex::new(Some(jobs)),
            room: Arc::new(Semaphore::new(WAITING_JOBS)),
            thread: Mutex::new(Some(thread)),
            ended,
        })
    }

    /// Has something done inside a transaction; resolves after COMMIT.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        weight: usize,
        run: impl FnOnce(&mut Desk) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let room = self.room.clone().acquire_owned().await.map_err(|_| StoreFault::Closed)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Call { weight, run: Some(run), done: None, reply });
        let sent = match &*self.jobs.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(jobs) => jobs.send(Queued { job, _room: room }).is_ok(),
            None => false,
        };
        if !sent {
            return Err(StoreFault::Closed);
        }
        answer.await.unwrap_or(Err(StoreFault::Closed))
    }

    /// Jobs that wait or are being done.
    pub(super) fn waiting(&self) -> usize {
        WAITING_JOBS.saturating_sub(self.room.available_permits())
    }

    /// Takes no more jobs and resolves when the last one is done and the lock is free.
    pub(super) async fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

impl Drop for Writer {
    /// Waits for the group under way, so that whoever opens the store next finds it free.
    fn drop(&mut self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

/// What runs on the thread.
struct Clerk {
    desk: Desk,
    grouping: Grouping,
    commits: Arc<Commits>,
    changed: watch::Sender<i64>,
}

impl Clerk {
    fn serve(&mut self, waiting: &mpsc::Receiver<Queued>) {
        let mut emptied = true;
        loop {
            match waiting.recv_timeout(IDLE) {
                Ok(first) => {
                    self.group(first, waiting);
                    self.move_log(CHECKPOINT_PAGES);
                    emptied = false;
                }
                Err(RecvTimeoutError::Timeout) if emptied => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.empty_log();
                    emptied = true;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.empty_log();
    }

    /// Does what waits in one transaction, up to the bounds of a group.
    fn group(&mut self, first: Queued, waiting: &mpsc::Receiver<Queued>) {
        let began = Instant::now();
        let mut weight = 0;
        let mut done = Vec::new();
        let mut next = Some(first);
        while let Some(mut queued) = next {
            weight += queued.job.weight();
            match self.perform(&mut *queued.job, done.is_empty()) {
                Ok(()) => done.push(queued),
                Err(fault) => {
                    if !self.desk.in_transaction() {
                        answer_all(&mut done, &Err(fault.clone()));
                    }
                    queued.job.answer(Err(fault));
                }
            }
            pass(Point::InTransaction);
            let full = weight >= self.grouping.records || began.elapsed() >= self.grouping.wait;
            next = if full { None } else { waiting.try_recv().ok() };
        }
        let outcome = if done.is_empty() { Ok(()) } else { self.commit() };
        self.commits.add(began.elapsed());
        answer_all(&mut done, &outcome);
    }

    /// Does one job. The first of a group needs no savepoint: when it fails, the transaction holds nothing else.
    fn perform(&mut self, job: &mut dyn Job, first: bool) -> Result<(), StoreFault> {
        let begin = if first { "BEGIN IMMEDIATE" } else { "SAVEPOINT job" };
        self.desk.connection.prepare_cached(begin)?.execute([])?;
        let noted = self.desk.noted();
        let outcome = job.perform(&mut self.desk);
        match (&outcome, first) {
            (Ok(()), true) => {}
            (Ok(()), false) => self.desk.connection.prepare_cached("RELEASE job")?.execute([]).map(drop)?,
            (Err(_), true) => self.desk.roll_back("ROLLBACK", 0),
            (Err(_), false) => self.desk.roll_back("ROLLBACK TO job; RELEASE job", noted),
        }
        outcome
    }

    fn commit(&mut self) -> Result<(), StoreFault> {
        pass(Point::BeforeCommit);
        let last = super::feed::last(&self.desk.connection);
        let outcome = last.and_then(|last| self.desk.connection.execute_batch("COMMIT").map(|()| last));
        match outcome {
            Ok(last) => {
                pass(Point::AfterCommit);
                self.desk.publish();
                self.changed.send_if_modified(|known| std::mem::replace(known, last) != last);
                Ok(())
            }
            Err(error) => {
                self.desk.roll_back("ROLLBACK", 0);
                Err(error.into())
            }
        }
    }

    /// Moves the write-ahead log into the database once it holds so many pages.
    fn move_log(&self, pages: i64) {
        self.checkpoint(|(log, moved)| log - moved >= pages, "PRAGMA wal_checkpoint(PASSIVE)");
    }

    /// Moves what is left and gives the disk its space back.
    fn empty_log(&self) {
        self.checkpoint(|(log, _)| log > 0, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// Runs a checkpoint when the log (pages in it, pages moved) asks for it.
    fn checkpoint(&self, due: impl FnOnce((i64, i64)) -> bool, pragma: &str) {
        let run = |pragma: &str| {
            let mut statement = self.desk.connection.prepare_cached(pragma)?;
            statement.query_row([], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
        };
        let outcome =
            run("PRAGMA wal_checkpoint(NOOP)").and_then(|log| if due(log) { run(pragma).map(drop) } else { Ok(()) });
        if let Err(error) = outcome {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database; it will be tried again");
        }
    }
}

/// Answers the jobs of a group.
fn answer_all(done: &mut Vec<Queued>, outcome: &Result<(), StoreFault>) {
    for queued in done.drain(..) {
        queued.job.answer(outcome.clone());
    }
}

//! The asynchronous face of the reader: one blocking task per batch, file events, and cancel safety.
//!
//! The reader lives behind a mutex that only blocking tasks lock. A dropped `next` leaves its task running, and its
//! batch is given to the next call with the same arguments; with other arguments it is thrown away and the reader
//! rewinds to the cursor it is given. A dropped `acknowledge` runs to its end. Dropping the source itself stops a task
//! between two chunks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use guichet_sdk::{Ack, Batch, Cursor, Fault, FaultKind, Limit, Memory, Retry, Source};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::codes;
use crate::config::Intake;
use crate::reader::{Reader, Reading};
use crate::watch::Watch;

/// Files of a folder as records.
pub struct Files {
    reader: Arc<Mutex<Reader>>,
    running: Option<Running>,
    stop: Arc<AtomicBool>,
    watch: Watch,
    poll: Duration,
    /// How long until a file that is still settling may be complete.
    settling: Option<Duration>,
}

struct Running {
    after: Option<Cursor>,
    records: usize,
    bytes: usize,
    task: JoinHandle<Result<Reading, Fault>>,
}

impl Files {
    /// A source that reads what a flow may take.
    pub fn new(intake: Arc<Intake>, memory: Arc<dyn Memory>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        Files {
            watch: Watch::new(&intake.folder),
            poll: intake.poll,
            reader: Arc::new(Mutex::new(Reader::new(intake, memory, stop.clone()))),
            running: None,
            stop,
            settling: None,
        }
    }

    async fn read(&mut self, after: Option<&Cursor>, limit: Limit) -> Result<Reading, Fault> {
        if let Some(running) = self.running.as_mut().filter(|running| !running.answers(after, limit)) {
            // nobody wants that batch any more; the reader rewinds when it is asked from another cursor
            let _ = (&mut running.task).await;
            self.running = None;
        }
        let running = self.running.get_or_insert_with(|| Running::start(self.reader.clone(), after.cloned(), limit));
        let reading = (&mut running.task).await;
        self.running = None;
        reading.unwrap_or_else(|error| Err(failed(&error)))
    }
}

impl Running {
    fn start(reader: Arc<Mutex<Reader>>, after: Option<Cursor>, limit: Limit) -> Self {
        let from = after.clone();
        let task = spawn_blocking(move || {
            // a panic half-way leaves the reader lost, and it rewinds: poison tells nothing more
            reader.lock().unwrap_or_else(PoisonError::into_inner).batch(from.as_ref(), limit)
        });
        Running { after, records: limit.records, bytes: limit.bytes, task }
    }

    fn answers(&self, after: Option<&Cursor>, limit: Limit) -> bool {
        self.after.as_ref() == after && (self.records, self.bytes) == (limit.records, limit.bytes)
    }
}

#[async_trait]
impl Source for Files {
    async fn next(&mut self, after: Option<&Cursor>, limit: Limit) -> Result<Batch, Fault> {
        let mut waited = false;
        loop {
            let reading = self.read(after, limit).await?;
            self.settling = reading.wait;
            match reading.wait {
                // one wait for files that were just found; those that still grow then are for `woken`
                Some(wait) if reading.idle && !waited => {
                    tokio::time::sleep(wait).await;
                    waited = true;
                }
                Some(_) | None => {
                    let caught_up = reading.batch.caught_up || (reading.idle && waited);
                    return Ok(Batch { caught_up, ..reading.batch });
                }
            }
        }
    }

    async fn acknowledge(&mut self, ack: Ack) -> Result<(), Fault> {
        let reader = self.reader.clone();
        let task = spawn_blocking(move || reader.lock().unwrap_or_else(PoisonError::into_inner).acknowledge(&ack));
        task.await.unwrap_or_else(|error| Err(failed(&error)))
    }

    async fn woken(&mut self) {
        let longest = self.settling.map_or(self.poll, |settling| settling.min(self.poll));
        tokio::select! {
            () = self.watch.event() => {}
            () = tokio::time::sleep(longest) => {}
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn failed(error: &JoinError) -> Fault {
    Fault::new(FaultKind::Environment, codes::STOPPED, format!("the reading task failed: {error}"))
        .retry(Retry::After(None))
}

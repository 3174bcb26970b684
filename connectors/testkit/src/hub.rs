//! The smallest hub: commits batches in memory, acknowledges after the commit, remembers finished wholes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use guichet_sdk::{Ack, Batch, Connection, Cursor, Digest, Fault, Issue, Limit, Memory, Plan, Record, Source};

/// More batches than any test needs: a source that never catches up fails instead of hanging.
const MOST_BATCHES: usize = 100_000;

/// The digests of finished wholes.
#[derive(Debug, Default)]
pub struct Finished(Mutex<HashSet<Digest>>);

impl Memory for Finished {
    fn finished(&self, whole: &Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(whole)
    }
}

/// What was committed. Dropping connections and opening new ones on the same hub is what a kill and a restart do.
#[derive(Debug, Default)]
pub struct Hub {
    /// Records, in the order of their commits.
    pub records: Vec<Record>,
    /// Records that could not be cut out.
    pub broken: Vec<(Record, Issue)>,
    /// What was told.
    pub notices: Vec<Issue>,
    /// The committed cursor.
    pub cursor: Option<Cursor>,
    /// The finished wholes.
    pub finished: Arc<Finished>,
    /// Quarantine every record, as a wrong mapping does.
    pub quarantines: bool,
}

impl Hub {
    /// Opens a plan with this hub's memory.
    pub async fn open(&self, plan: &dyn Plan) -> Result<Connection, Fault> {
        plan.open(self.finished.clone()).await
    }

    /// Commits a batch; the answer is what to acknowledge.
    pub fn commit(&mut self, batch: Batch) -> Option<Ack> {
        let quarantined = if self.quarantines { (0..batch.records.len()).collect() } else { Vec::new() };
        self.records.extend(batch.records);
        self.broken.extend(batch.broken);
        self.notices.extend(batch.notices);
        self.cursor = batch.cursor.or(self.cursor.take());
        self.finished.0.lock().unwrap_or_else(PoisonError::into_inner).extend(batch.finished);
        batch.receipt.map(|receipt| Ack { receipt, quarantined })
    }

    /// Next, commit, acknowledge: once. Tells whether the source has caught up.
    pub async fn step(&mut self, source: &mut dyn Source, limit: Limit) -> Result<bool, Fault> {
        let batch = source.next(self.cursor.as_ref(), limit).await?;
        let caught_up = batch.caught_up;
        if let Some(ack) = self.commit(batch) {
            source.acknowledge(ack).await?;
        }
        Ok(caught_up)
    }

    /// Steps until the source has caught up.
    pub async fn drain(&mut self, source: &mut dyn Source, limit: Limit) -> Result<(), String> {
        for _ in 0..MOST_BATCHES {
            if self.step(source, limit).await.map_err(|fault| fault.to_string())? {
                return Ok(());
            }
        }
        Err(format!("the source has not caught up after {MOST_BATCHES} batches"))
    }

    /// The bytes of the committed records.
    pub fn bytes(&self) -> Vec<&[u8]> {
        self.records.iter().map(|record| &record.bytes[..]).collect()
    }
}

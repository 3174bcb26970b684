//! Batches and acknowledgements of a spool. Writes nothing, and drops nothing at the spool before it is told to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use guichet_sdk::format::Cut;
use guichet_sdk::{Ack, Batch, Cursor, Fault, FaultKind, Limit, Probe, Source};

use crate::client::Peer;
use crate::codes;
use crate::config::Intake;
use crate::wire::{self, At, Line};

/// Records asked for in one question, at most.
const MOST_RECORDS: usize = 10_000;

/// A spool as records.
pub struct Spool {
    intake: Arc<Intake>,
    /// The connection between two questions. It is taken out while a question is under way, so that one that failed or
    /// was cancelled half-way takes its connection with it: the next question starts on a clean one.
    idle: Option<Peer>,
    /// Whether the spool was told what an earlier process had committed.
    settled: bool,
}

impl Spool {
    /// Connects when it is first asked.
    pub fn new(intake: Arc<Intake>) -> Self {
        Spool { intake, idle: None, settled: false }
    }

    async fn peer(&mut self) -> Result<Peer, Fault> {
        match self.idle.take() {
            Some(peer) => Ok(peer),
            None => Peer::connect(&self.intake.address).await,
        }
    }

    async fn pull(&mut self, at: At, limit: Limit) -> Result<Batch, Fault> {
        let mut peer = self.peer().await?;
        if !self.settled && at.after > 0 {
            // the first cursor after opening is committed: a crash may have come before its acknowledgement
            ask(&mut peer, &wire::drop(at)).await?;
        }
        let asked = limit.records.clamp(1, MOST_RECORDS);
        peer.say(&wire::peek(at, asked)).await?;
        let mut answer = Answer { at, ..Answer::default() };
        // one byte more than a record may have: the framer says so
        let longest = self.intake.format.limits.record_bytes + 1 + wire::NUMBER_BYTES;
        while !answer.whole && answer.bytes < limit.bytes.max(1) {
            answer.take(&self.intake, &peer.line(longest).await?, asked)?;
        }
        self.settled = true;
        if answer.whole {
            // what is left of an answer larger than the batch may be goes with its connection
            self.idle = Some(peer);
        }
        Ok(answer.batch(at, asked))
    }

    async fn settle(&mut self, at: At) -> Result<(), Fault> {
        let mut peer = self.peer().await?;
        ask(&mut peer, &wire::drop(at)).await?;
        self.idle = Some(peer);
        Ok(())
    }
}

/// An answer, as far as it is read.
#[derive(Default)]
struct Answer {
    batch: Batch,
    at: At,
    lines: usize,
    bytes: usize,
    whole: bool,
}

impl Answer {
    fn take(&mut self, intake: &Intake, line: &[u8], asked: usize) -> Result<(), Fault> {
        let (number, text) = match wire::read(line)? {
            Line::End => {
                self.whole = true;
                return Ok(());
            }
            Line::Record(number, text) => (number, text),
        };
        if number <= self.at.after || self.lines == asked {
            return Err(wire::not_now("the spool sends records that were not asked for"));
        }
        self.at = At { after: number };
        self.lines += 1;
        self.bytes += text.len();
        match wire::cut(&intake.format, &intake.address, number, text) {
            Cut::Record(record) => self.batch.records.push(record),
            Cut::Broken(record, issue) => self.batch.broken.push((record, issue)),
        }
        Ok(())
    }

    fn batch(self, before: At, asked: usize) -> Batch {
        let moved = self.at != before;
        Batch {
            cursor: moved.then(|| self.at.cursor()),
            receipt: moved.then(|| self.at.receipt()),
            caught_up: self.whole && self.lines < asked,
            ..self.batch
        }
    }
}

#[async_trait]
impl Source for Spool {
    async fn next(&mut self, after: Option<&Cursor>, limit: Limit) -> Result<Batch, Fault> {
        let at = At::read(after)?;
        in_time(self.intake.timeout, self.pull(at, limit)).await
    }

    async fn acknowledge(&mut self, ack: Ack) -> Result<(), Fault> {
        // what was quarantined is kept by the hub: the spool may drop it like the rest
        let at = At::of_receipt(&ack.receipt)?;
        in_time(self.intake.timeout, self.settle(at)).await
    }

    async fn woken(&mut self) {
        // a spool tells nobody: the schedule of the flow wakes it
        std::future::pending().await
    }
}

/// Asks how many records wait.
pub struct SpoolProbe(pub Arc<Intake>);

#[async_trait]
impl Probe for SpoolProbe {
    async fn probe(&self) -> Result<String, Fault> {
        let asking = async {
            let mut peer = Peer::connect(&self.0.address).await?;
            peer.say(wire::STAT).await?;
            match wire::read(&peer.line(wire::NUMBER_BYTES).await?)? {
                Line::Record(waiting, _) => Ok(format!("`{}` answers; {waiting} records wait", self.0.address)),
                Line::End => Err(wire::not_now("the spool does not say how many records wait")),
            }
        };
        in_time(self.0.timeout, asking).await
    }
}

/// A command whose answer is only that it is done.
async fn ask(peer: &mut Peer, command: &str) -> Result<(), Fault> {
    peer.say(command).await?;
    match wire::read(&peer.line(wire::NUMBER_BYTES).await?)? {
        Line::End => Ok(()),
        Line::Record(..) => Err(wire::not_now("the spool answers something else than it was asked")),
    }
}

/// A bound on every question: a peer that drips or is silent must not hold a flow for ever.
async fn in_time<T>(longest: Duration, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(longest, work).await.unwrap_or_else(|_| {
        let told = format!("no whole answer within `timeout` ({longest:?})");
        Err(Fault::new(FaultKind::Timeout, codes::TIMEOUT, told))
    })
}

//! A back office of text lines `CASE PHASE MINUTE`, which misbehaves when told to, and checks what it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use guichet_sdk::*;
use tokio::sync::Notify;

use super::store::MemoryStore;
use crate::flow::Translate;
use crate::model::{CaseUpdate, Moment, Phase, Precision, StatusClaim};

/// What goes wrong at a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It cannot be reached.
    Away,
    /// It does not know us any more.
    Locked,
    /// Its connector panics.
    Panic,
    /// It says that there is nothing.
    Nothing,
    /// The acknowledgement is lost.
    Deaf,
    /// It gives nothing before what it gave is acknowledged.
    Jealous,
}

/// A back office.
#[derive(Default)]
pub struct Office {
    pub lines: Mutex<Vec<String>>,
    pub trouble: Mutex<VecDeque<Option<Trouble>>>,
    /// Each acknowledgement: where it reached, and the positions that were quarantined.
    pub acknowledged: Mutex<Vec<(usize, Vec<usize>)>>,
    pub opened: Mutex<u32>,
    pub arrival: Notify,
    pub hearing: Notify,
    /// Looked into at every acknowledgement: it may only follow the commit.
    pub store: Arc<MemoryStore>,
}

impl Office {
    pub fn new(store: Arc<MemoryStore>, lines: &[&str]) -> Arc<Self> {
        let lines = Mutex::new(lines.iter().map(|line| (*line).to_owned()).collect());
        Arc::new(Office { store, lines, ..Office::default() })
    }

    /// Resolves when everything before this cursor is acknowledged.
    async fn heard(&self, after: Option<&Cursor>) {
        let given: usize = after.map_or(0, |cursor| cursor.0.parse().unwrap());
        loop {
            let heard = self.hearing.notified();
            if self.acknowledged.lock().unwrap().last().map_or(0, |(reached, _)| *reached) >= given {
                return;
            }
            heard.await;
        }
    }

    fn next_trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap().pop_front().flatten()
    }
}

pub struct OfficePlan(pub Arc<Office>);

#[async_trait]
impl Plan for OfficePlan {
    fn capability(&self) -> Capability {
        Capability { pull: true, wakes: true, replays: true, ..Capability::default() }
    }
    fn claims(&self) -> Vec<Claim> {
        Vec::new()
    }
    async fn open(&self, _: Arc<dyn Memory>) -> Result<Connection, Fault> {
        *self.0.opened.lock().unwrap() += 1;
        let source = Some(Box::new(OfficeSource(self.0.clone())) as Box<dyn Source>);
        Ok(Connection { source, sink: None, probe: Box::new(Open) })
    }
}

struct Open;

#[async_trait]
impl Probe for Open {
    async fn probe(&self) -> Result<String, Fault> {
        Ok("open".into())
    }
}

struct OfficeSource(Arc<Office>);

#[async_trait]
impl Source for OfficeSource {
    async fn next(&mut self, after: Option<&Cursor>, limit: Limit) -> Result<Batch, Fault> {
        tokio::task::yield_now().await;
        match self.0.next_trouble() {
            Some(Trouble::Away) => return Err(Fault::new(FaultKind::Unreachable, Code("E200"), "nobody is there")),
            Some(Trouble::Locked) => {
                return Err(Fault::new(FaultKind::Unauthorized, Code("E200"), "the key is refused"));
            }
            Some(Trouble::Panic) => panic!("the office is on fire"),
            Some(Trouble::Nothing) => return Ok(Batch { caught_up: true, ..Batch::default() }),
            Some(Trouble::Deaf) | None => {}
            Some(Trouble::Jealous) => self.0.heard(after).await,
        }
        let lines = self.0.lines.lock().unwrap();
        let from: usize = after.map_or(0, |cursor| cursor.0.parse().unwrap());
        let to = (from + limit.records).min(lines.len());
        let records: Vec<Record> = (from..to).map(|at| record(&lines[at], at)).collect();
        let cursor = (to > from).then(|| Cursor(to.to_string()));
        let receipt = cursor.as_ref().map(|cursor| Receipt(cursor.0.clone()));
        Ok(Batch { records, cursor, receipt, caught_up: to == lines.len(), ..Batch::default() })
    }

    async fn acknowledge(&mut self, ack: Ack) -> Result<(), Fault> {
        let reached: usize = ack.receipt.0.parse().unwrap();
        let committed = self.0.store.0.lock().unwrap().cursor.clone().map_or(0, |cursor| cursor.0.parse().unwrap());
        assert!(reached <= committed, "I1: acknowledged {reached}, committed {committed}");
        if self.0.next_trouble() == Some(Trouble::Deaf) {
            return Err(Fault::new(FaultKind::Timeout, Code("E200"), "nobody listens"));
        }
        self.0.acknowledged.lock().unwrap().push((reached, ack.quarantined));
        self.0.hearing.notify_waiters();
        Ok(())
    }

    async fn woken(&mut self) {
        self.0.arrival.notified().await;
    }
}

fn record(line: &str, at: usize) -> Record {
    let origin =
        Origin { name: "office.txt".into(), line: at as u64 + 1, position: at as u64 + 1, ..Origin::default() };
    Record { bytes: line.to_owned().into(), context: "".into(), origin }
}

/// Reads the lines; what it does not know it refuses, `boom` makes it panic. `known` can be taught more phases.
#[derive(Default)]
pub struct Clerk {
    pub learned: Mutex<Vec<&'static str>>,
}

impl Translate for Clerk {
    fn stamp(&self) -> Arc<str> {
        "lines@1".into()
    }

    fn translate(&self, record: &Record) -> Result<Vec<CaseUpdate>, Refusal> {
        let line = std::str::from_utf8(&record.bytes).unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let refuse = |case_key| Refusal { case_key, issues: vec![Issue::error(Code("E042"), "unknown code")] };
        let [key, phase, minute] = words[..] else { return Err(refuse(None)) };
        assert!(phase != "boom", "the clerk fainted");
        let learned = self.learned.lock().unwrap().contains(&phase).then_some(Phase::Closed);
        let phase = Phase::parse(phase).or(learned).ok_or_else(|| refuse(Some(key.to_owned())))?;
        let micros = minute.parse::<i64>().unwrap() * 60_000_000;
        let status = StatusClaim {
            effective_at: Some(Moment { micros, precision: Precision::Minute, civil_day: 0 }),
            ..StatusClaim::of(phase)
        };
        Ok(vec![CaseUpdate { key: key.to_owned(), status: Some(status), ..CaseUpdate::default() }])
    }
}

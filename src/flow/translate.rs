//! From a record to updates: the reader of its format, then the mapping. The runtime knows only this one step of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use guichet_sdk::format::Reader;
use guichet_sdk::{Code, Issue, Origin, Record, Refusal};

use crate::ledger::{Candidate, prepare};
use crate::mapping::Mapping;
use crate::model::{CaseUpdate, Order};
use crate::store::Reading;

/// Turns one record into the updates of its case.
pub trait Translate: Send + Sync {
    /// `id@version` of the mapping, stamped on every status.
    fn stamp(&self) -> Arc<str>;
    /// The updates a record carries, or why it was not understood.
    fn translate(&self, record: &Record) -> Result<Vec<CaseUpdate>, Refusal>;
}

/// The reader and the mapping of a flow.
pub fn translator(mapping: Arc<Mapping>) -> Arc<dyn Translate> {
    Arc::new(Mapped { reader: Reader::new(&mapping.format), mapping })
}

struct Mapped {
    reader: Reader,
    mapping: Arc<Mapping>,
}

impl Translate for Mapped {
    fn stamp(&self) -> Arc<str> {
        self.mapping.stamp.clone()
    }

    fn translate(&self, record: &Record) -> Result<Vec<CaseUpdate>, Refusal> {
        let unreadable = |issue| Refusal { case_key: None, issues: vec![issue] };
        let document = self.reader.read(record).map_err(unreadable)?;
        self.mapping.apply(&document)
    }
}

/// What a record says, ready for the ledger. A mapping that panics costs its record, not the flow (P5).
pub(super) fn read(translate: &dyn Translate, order: Order, record: &Record) -> Reading {
    let understood = match catch_unwind(AssertUnwindSafe(|| translate.translate(record))) {
        Ok(Ok(updates)) => candidates(updates, order, &record.origin),
        Ok(Err(refusal)) => Err(refusal),
        Err(_) => Err(Refusal { case_key: None, issues: vec![panicked()] }),
    };
    match understood {
        Ok(candidates) => Reading::Mapped(candidates),
        Err(refusal) => refused(refusal, &record.origin),
    }
}

/// A record that was refused, its issues located in its origin where they say nothing better.
pub(super) fn refused(mut refusal: Refusal, origin: &Origin) -> Reading {
    for issue in &mut refusal.issues {
        locate(issue, origin);
    }
    Reading::Refused(refusal)
}

fn candidates(updates: Vec<CaseUpdate>, order: Order, origin: &Origin) -> Result<Vec<Candidate>, Refusal> {
    let position = i64::try_from(origin.position).unwrap_or(i64::MAX);
    // An export without a number counts by when its file was written.
    let export = origin.export_number.and_then(|number| i64::try_from(number).ok()).unwrap_or(origin.time);
    let ready = |update: CaseUpdate| {
        let key = update.key.clone();
        prepare(update, order, position, export).map_err(|issue| Refusal { case_key: Some(key), issues: vec![issue] })
    };
    updates.into_iter().map(ready).collect()
}

fn locate(issue: &mut Issue, origin: &Origin) {
    if issue.place.file.is_some() {
        return;
    }
    issue.place.file = Some(origin.name.to_string());
    if issue.place.line.is_none() && origin.line > 0 {
        issue.place.line = Some(origin.line);
    }
}

fn panicked() -> Issue {
    Issue::error(Code("E203"), "the hub failed while reading this record")
        .hint("this is a fault of the hub, not of the record: report it; the record is kept and can be retried")
}

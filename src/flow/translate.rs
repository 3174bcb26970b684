//! From a record to updates: the reader of its format, then the mapping. The runtime knows only this one step of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use guichet_sdk::format::Reader;
use guichet_sdk::{Code, Issue, Origin, Place, Record, Refusal};

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

/// Updates of one record that are told apart by their place in it; further ones count as equal.
const PLACES: i64 = 1 << 20;

/// Updates of one record stand in its order where the order of the file decides: a history is told from its beginning.
fn candidates(updates: Vec<CaseUpdate>, order: Order, origin: &Origin) -> Result<Vec<Candidate>, Refusal> {
    let record = i64::try_from(origin.position).unwrap_or(i64::MAX).saturating_mul(PLACES);
    let ready = |(place, update): (usize, CaseUpdate)| {
        let key = update.key.clone();
        let refused = |issue| Refusal { case_key: Some(key), issues: vec![issue] };
        let place = i64::try_from(place).map_or(PLACES - 1, |place| place.min(PLACES - 1));
        prepare(update, order, record.saturating_add(place), origin.export()).map_err(refused)
    };
    updates.into_iter().enumerate().map(ready).collect()
}

/// Puts an issue where its record stands; where the mapping says so goes into the hint.
fn locate(issue: &mut Issue, origin: &Origin) {
    if issue.place.file.as_deref() == Some(&*origin.name) {
        return;
    }
    let known = |number: u64| (number > 0).then_some(number);
    let here = Place {
        file: Some(origin.name.to_string()),
        line: known(origin.line),
        column: known(origin.column),
        path: issue.place.path.clone(),
    };
    let said = Place { path: None, ..std::mem::replace(&mut issue.place, here) };
    if said.file.is_some() {
        let hint = issue.hint.take().map_or_else(String::new, |hint| format!("{hint} "));
        issue.hint = Some(format!("{hint}(the mapping: {said})"));
    }
}

fn panicked() -> Issue {
    Issue::error(Code("E203"), "the hub failed while reading this record")
        .hint("this is a fault of the hub, not of the record: report it; the record is kept and can be retried")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::{Moment, OrderClass, Phase, Precision, StatusClaim};

    #[test]
    fn where_the_file_decides_between_equal_times_the_updates_of_a_record_keep_its_order() {
        let status = |phase| StatusClaim {
            effective_at: Some(Moment { micros: 5, precision: Precision::Second, civil_day: 0 }),
            ..StatusClaim::of(phase)
        };
        let update = |event: &str, phase| CaseUpdate {
            key: "a".into(),
            event: Some(event.into()),
            status: Some(status(phase)),
            ..CaseUpdate::default()
        };
        let history =
            || vec![update("1", Phase::Decided), update("2", Phase::InProgress), update("3", Phase::Received)];
        let order = Order { ties_by_position: true, ..Order::of(OrderClass::Time) };
        let at = |position| Origin { position, ..Origin::default() };
        let ranks: Vec<_> = [at(7), at(8)]
            .iter()
            .flat_map(|origin| candidates(history(), order, origin).unwrap())
            .map(|candidate| candidate.rank)
            .collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
    }

    #[test]
    fn an_issue_stands_where_its_record_does_and_tells_where_the_mapping_says_so() {
        let origin = Origin { name: "in.csv".into(), line: 7, ..Origin::default() };
        let mut issue = Issue::error(Code("E042"), "no row").hint("add a row");
        issue.place = Place::file("mapping.toml").at(3, 9).path("state");
        locate(&mut issue, &origin);
        assert_eq!(issue.place.to_string(), "in.csv:7 `state`");
        assert_eq!(issue.hint.as_deref(), Some("add a row (the mapping: mapping.toml:3:9)"));

        let mut own = Issue::error(Code("E042"), "cut short").at(Place::file("in.csv").at(8, 2));
        locate(&mut own, &origin);
        assert_eq!((own.place.to_string().as_str(), own.hint), ("in.csv:8:2", None));
    }
}

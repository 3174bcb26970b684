//! Case documents: assembled once per change, read as they are.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::case::Case;
use super::flows::Flows;
use crate::ledger::{self, Entry, Folded};
use crate::model::{CaseRow, Outcome, Phase, Seal, WaitingOn, rfc3339};
use crate::store::{CaseDocument, StoreFault};

/// Columns of a document, in the order [`read`] expects.
macro_rules! columns {
    () => {
        "id, created_at, changed_at, observed_at, revision, source, phase, waiting_on, outcome, confidentiality, service,
         source_code, body, status, staff"
    };
}

/// The parts of a document as text.
#[derive(Debug)]
pub(super) struct Parts {
    body: String,
    status: String,
    staff: String,
}

/// Stands in the body of a draft where the id and the reference go; both always have these lengths.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";
const NO_REFERENCE: &str = "0000-0000-0";

impl Parts {
    /// Assembles them.
    pub(super) fn assemble(
        folded: &Folded,
        entries: &[Entry],
        id: String,
        reference: String,
    ) -> Result<Parts, StoreFault> {
        Ok(Parts {
            body: json(&ledger::body(folded, entries, id, reference))?,
            status: json(&ledger::status(folded, entries))?,
            staff: json(&ledger::staff(folded, entries))?,
        })
    }

    /// Assembles them before the case has a row: away from the writer, which only fills in the names.
    pub(super) fn draft(folded: &Folded, entries: &[Entry]) -> Result<Parts, StoreFault> {
        Parts::assemble(folded, entries, NO_ID.into(), NO_REFERENCE.into())
    }

    /// Fills the names into a draft.
    fn name(&mut self, id: &str, reference: &str) {
        for (blank, name) in [(NO_ID, id), (NO_REFERENCE, reference)] {
            if let Some(at) = self.body.find(blank) {
                self.body.replace_range(at..at + blank.len(), name);
            }
        }
    }
}

/// Writes the document of a case whose revision moved.
pub(super) fn write(
    connection: &Connection,
    seal: Seal,
    case: &mut Case,
    source: i64,
    now: i64,
) -> Result<(), StoreFault> {
    let new = case.is_new();
    let (id, reference) = (seal.case_id(case.row, case.created_at / 1000).to_string(), seal.reference(case.row));
    let parts = match case.draft.take() {
        Some(mut draft) => {
            draft.name(&id, &reference);
            draft
        }
        None => Parts::assemble(&case.folded, &case.entries, id, reference)?,
    };
    let (folded, entries) = (&case.folded, &case.entries[..]);
    let claim = folded.status(entries);
    let sql = if new {
        "INSERT INTO cases (id, created_at, changed_at, observed_at, revision, entries, source, phase, waiting_on, outcome,
                            confidentiality, service, source_code, body, status, staff)
         VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
    } else {
        "UPDATE cases SET created_at = ?2, changed_at = ?3, observed_at = ?3, revision = ?4, entries = ?5, source = ?6,
                          phase = ?7, waiting_on = ?8, outcome = ?9, confidentiality = ?10, service = ?11,
                          source_code = ?12, body = ?13, status = ?14, staff = ?15
         WHERE id = ?1"
    };
    connection.prepare_cached(sql)?.execute(params![
        case.row.0,
        case.created_at,
        now,
        case.revision,
        entries.len() as i64,
        source,
        claim.map_or(Phase::Unknown, |claim| claim.phase).index(),
        claim.and_then(|claim| claim.waiting_on).map(WaitingOn::index),
        claim.and_then(|claim| claim.outcome).map(Outcome::index),
        folded.facts.confidentiality.unwrap_or_default(),
        folded.facts.service,
        claim.and_then(|claim| claim.source_code.as_deref()),
        parts.body,
        parts.status,
        parts.staff,
    ])?;
    Ok(())
}

/// A case of which the source said something that changes nothing visible.
pub(super) fn touch(connection: &Connection, case: &Case, now: i64) -> Result<(), StoreFault> {
    connection.prepare_cached("UPDATE cases SET observed_at = ?2, entries = ?3 WHERE id = ?1")?.execute(params![
        case.row.0,
        now,
        case.entries.len() as i64
    ])?;
    Ok(())
}

/// The document of a case.
pub(super) fn get(
    connection: &Connection,
    flows: &Flows,
    seal: Seal,
    case: CaseRow,
) -> Result<Option<CaseDocument>, StoreFault> {
    let document = connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM cases WHERE id = ?1"))?
        .query_row([case.0], |row| read(row, flows, seal))
        .optional()?;
    Ok(document)
}

/// The revision of a case.
pub(super) fn revision(connection: &Connection, case: CaseRow) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT revision FROM cases WHERE id = ?1")?
        .query_row([case.0], |row| row.get(0))
        .optional()
}

fn read(row: &Row<'_>, flows: &Flows, seal: Seal) -> rusqlite::Result<CaseDocument> {
    let case = CaseRow(row.get(0)?);
    let source = flows.source(row.get(5)?);
    let (revision, changed_at, observed_at) = (row.get(4)?, row.get(2)?, row.get(3)?);
    Ok(CaseDocument {
        row: case,
        id: seal.case_id(case, row.get::<_, i64>(1)? / 1000),
        revision,
        // The identity of a case begins with its source: nobody else can have spoken about it.
        sources: vec![source.clone()],
        source,
        service: row.get::<_, Option<Arc<str>>>(10)?,
        confidentiality: row.get(9)?,
        phase: Phase::at(row.get(6)?).unwrap_or(Phase::Unknown),
        waiting_on: row.get::<_, Option<u8>>(7)?.and_then(WaitingOn::at),
        outcome: row.get::<_, Option<u8>>(8)?.and_then(Outcome::at),
        source_code: row.get(11)?,
        changed_at,
        observed_at,
        body: row.get(12)?,
        status: row.get(13)?,
        staff: row.get(14)?,
        stamp: stamp(revision, changed_at, observed_at),
    })
}

fn stamp(revision: i64, changed_at: i64, observed_at: i64) -> Box<str> {
    let (changed_at, observed_at) = (rfc3339(changed_at), rfc3339(observed_at));
    format!("{{\"revision\":{revision},\"changed_at\":\"{changed_at}\",\"observed_at\":\"{observed_at}\"}}").into()
}

fn json(part: &impl Serialize) -> Result<String, StoreFault> {
    serde_json::to_string(part).map_err(|error| StoreFault::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_named_draft_is_the_document() {
        let (folded, seal, case) = (Folded::default(), Seal(7), CaseRow(12));
        let (id, reference) = (seal.case_id(case, 1_700_000_000_000).to_string(), seal.reference(case));
        let mut draft = Parts::draft(&folded, &[]).unwrap();
        draft.name(&id, &reference);
        assert_eq!(draft.body, Parts::assemble(&folded, &[], id, reference).unwrap().body);
    }
}

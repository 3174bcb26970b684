//! Case documents: assembled once per change, read as they are.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::case::Case;
use super::flows::Flows;
use crate::ledger;
use crate::model::{CaseRow, Outcome, Phase, Seal, WaitingOn};
use crate::store::{CaseDocument, StoreFault};

/// Columns of a document, in the order [`read`] expects.
macro_rules! columns {
    () => {
        "id, created_at, changed_at, observed_at, revision, source, phase, waiting_on, outcome, confidentiality, service,
         source_code, body, status, staff"
    };
}

/// Writes the document of a case whose revision moved.
pub(super) fn write(
    connection: &Connection,
    seal: Seal,
    case: &Case,
    source: i64,
    now: i64,
    new: bool,
) -> Result<(), StoreFault> {
    let (folded, entries) = (&case.folded, &case.entries[..]);
    let id = seal.case_id(case.row, case.created_at / 1000).to_string();
    let body = json(&ledger::body(folded, entries, id, seal.reference(case.row)))?;
    let status = json(&ledger::status(folded, entries))?;
    let staff = json(&ledger::staff(folded, entries))?;
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
        body,
        status,
        staff,
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
    Ok(CaseDocument {
        row: case,
        id: seal.case_id(case, row.get::<_, i64>(1)? / 1000),
        revision: row.get(4)?,
        // The identity of a case begins with its source: nobody else can have spoken about it.
        sources: vec![source.clone()],
        source,
        service: row.get::<_, Option<Arc<str>>>(10)?,
        confidentiality: row.get(9)?,
        phase: Phase::at(row.get(6)?).unwrap_or(Phase::Unknown),
        waiting_on: row.get::<_, Option<u8>>(7)?.and_then(WaitingOn::at),
        outcome: row.get::<_, Option<u8>>(8)?.and_then(Outcome::at),
        source_code: row.get(11)?,
        changed_at: row.get(2)?,
        observed_at: row.get(3)?,
        body: row.get(12)?,
        status: row.get(13)?,
        staff: row.get(14)?,
    })
}

fn json(part: &impl Serialize) -> Result<String, StoreFault> {
    serde_json::to_string(part).map_err(|error| StoreFault::Failed(error.to_string()))
}

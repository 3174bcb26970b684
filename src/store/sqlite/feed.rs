//! The change feed: appended in the transaction that makes the change, numbered in commit order without a gap (I7).

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::flows::Flows;
use crate::model::{Audience, CaseRow, ChangeKind, Phase, Seal};
use crate::store::{Change, ChangedCase, StoreFault};

/// A change about a case, before it has a number.
#[derive(Debug)]
pub(super) struct NewChange<'a> {
    /// When.
    pub(super) at: i64,
    /// Row of the source.
    pub(super) source: i64,
    /// The case.
    pub(super) case: CaseRow,
    /// Revision it makes.
    pub(super) revision: i64,
    /// Confidentiality level after it.
    pub(super) confidentiality: u8,
    /// Phase after it.
    pub(super) phase: Phase,
    /// Service code.
    pub(super) service: Option<&'a str>,
}

/// Appends a change about a case.
pub(super) fn append(
    connection: &Connection,
    kind: ChangeKind,
    audience: Audience,
    new: &NewChange<'_>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO change (kind, at, source, \"case\", revision, confidentiality, phase, audience, service)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            kind.index(),
            new.at,
            new.source,
            new.case.0,
            new.revision,
            new.confidentiality,
            new.phase.index(),
            audience.index(),
            new.service,
        ])
        .map(drop)
}

/// Appends a change about a source, unless it would only repeat what the feed says last about it: once per episode,
/// whoever asks how often, also after a restart. A source of which nothing was said counts as recovered.
pub(super) fn announce(connection: &Connection, kind: ChangeKind, source: i64, at: i64) -> rusqlite::Result<bool> {
    let last = connection
        .prepare_cached("SELECT kind FROM change WHERE source = ?1 AND \"case\" IS NULL ORDER BY seq DESC LIMIT 1")?
        .query_row([source], |row| row.get(0))
        .optional()?;
    if last.unwrap_or(ChangeKind::SourceRecovered.index()) == kind.index() {
        return Ok(false);
    }
    connection.prepare_cached("INSERT INTO change (kind, at, source) VALUES (?1, ?2, ?3)")?.execute(params![
        kind.index(),
        at,
        source
    ])?;
    Ok(true)
}

/// The highest position.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM change")?.query_row([], |row| row.get(0))
}

/// Changes after a position. A case that became confidential since is as confidential as it is now: what was open once
/// is not told again.
pub(super) fn list(
    connection: &Connection,
    flows: &Flows,
    seal: Seal,
    after: i64,
    limit: usize,
) -> Result<Vec<Change>, StoreFault> {
    let mut statement = connection.prepare_cached(
        "SELECT c.seq, c.kind, c.at, c.source, coalesce(m.into_case, c.\"case\"), c.revision,
                max(c.confidentiality, coalesce(k.confidentiality, 255)), c.phase, c.audience, c.service, k.created_at
         FROM change c LEFT JOIN merged m ON m.gone = c.\"case\"
              LEFT JOIN cases k ON k.id = coalesce(m.into_case, c.\"case\")
         WHERE c.seq > ?1 ORDER BY c.seq LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, limit as i64])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        changes.push(read(row, flows, seal)?);
    }
    Ok(changes)
}

fn read(row: &Row<'_>, flows: &Flows, seal: Seal) -> Result<Change, StoreFault> {
    let case = match row.get::<_, Option<i64>>(4)? {
        Some(case) => Some(changed_case(row, seal, CaseRow(case))?),
        None => None,
    };
    Ok(Change {
        seq: row.get(0)?,
        kind: ChangeKind::at(row.get(1)?).unwrap_or(ChangeKind::Updated),
        at: row.get(2)?,
        case,
        source: flows.source(row.get(3)?),
    })
}

fn changed_case(row: &Row<'_>, seal: Seal, case: CaseRow) -> Result<ChangedCase, StoreFault> {
    let created_at: Option<i64> = row.get(10)?;
    Ok(ChangedCase {
        row: case,
        id: created_at.map_or(Uuid::nil(), |at| seal.case_id(case, at / 1000)),
        revision: row.get(5)?,
        service: row.get::<_, Option<Arc<str>>>(9)?,
        confidentiality: row.get(6)?,
        phase: Phase::at(row.get(7)?).unwrap_or(Phase::Unknown),
        audience: Audience::at(row.get(8)?).unwrap_or(Audience::Ops),
    })
}

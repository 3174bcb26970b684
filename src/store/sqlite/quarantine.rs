//! Quarantine: records held back with their reasons, and the ones waiting behind them. Nothing leaves it without a commit
//! that applied or superseded it, or an operator's verb with an audit row.

use std::collections::BTreeSet;

use guichet_sdk::{Code, Digest, Issue};
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter, types::Value};

use super::audit;
use super::flows::Flows;
use crate::model::RecordRow;
use crate::store::{FlowRow, Held, KeptIssue, QuarantineEntry, QuarantineFilter, QuarantineRow, StoreFault};

/// An open row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    /// Row.
    pub(super) row: QuarantineRow,
    /// Its record.
    pub(super) record: RecordRow,
    /// Quarantined or parked.
    pub(super) held: Held,
}

/// A record to be held.
#[derive(Debug)]
pub(super) struct Holding<'a> {
    /// Flow.
    pub(super) flow: FlowRow,
    /// Its kept bytes.
    pub(super) record: RecordRow,
    /// When.
    pub(super) at: i64,
    /// Number of its export, where its origin says.
    pub(super) export: Option<i64>,
    /// Row of the mapping stamp.
    pub(super) mapping: i64,
    /// Digest.
    pub(super) digest: &'a Digest,
}

/// Why a record is held.
#[derive(Debug)]
pub(super) struct Reason {
    /// Quarantined or parked.
    pub(super) held: Held,
    /// Whether later records of the case wait behind it.
    pub(super) blocks: bool,
    /// The case, where known.
    pub(super) case_key: Option<String>,
    /// Leading code.
    pub(super) code: Code,
    /// Problems.
    pub(super) issues: Vec<KeptIssue>,
}

impl Reason {
    /// Not understood, or not applicable.
    pub(super) fn refused(case_key: Option<String>, blocks: bool, issues: &[Issue]) -> Self {
        let code = issues.first().map_or(Code("E237"), |issue| issue.code);
        let blocks = blocks && case_key.is_some();
        Reason { held: Held::Quarantined, blocks, case_key, code, issues: issues.iter().map(KeptIssue::from).collect() }
    }

    /// Behind another one.
    pub(super) fn waits(case_key: String, behind: QuarantineRow) -> Self {
        let issue = Issue::error(Code("E231"), format!("waits behind quarantine row {} of the same case", behind.0))
            .hint("repair or dismiss that row; this record then follows on its own");
        let issues = vec![KeptIssue::from(&issue)];
        Reason { held: Held::Parked, blocks: false, case_key: Some(case_key), code: issue.code, issues }
    }
}

/// How a row stands, as kept.
const fn number(held: Held) -> u8 {
    match held {
        Held::Quarantined => 0,
        Held::Parked => 1,
        Held::Settled => 2,
        Held::Dismissed => 3,
    }
}

fn held(number: u8) -> Held {
    match number {
        0 => Held::Quarantined,
        1 => Held::Parked,
        2 => Held::Settled,
        _ => Held::Dismissed,
    }
}

fn open(row: &Row<'_>) -> rusqlite::Result<Open> {
    Ok(Open { row: QuarantineRow(row.get(0)?), record: RecordRow(row.get(1)?), held: held(row.get(2)?) })
}

/// The open row of a record received before.
pub(super) fn find(connection: &Connection, flow: FlowRow, digest: &Digest) -> rusqlite::Result<Option<Open>> {
    connection
        .prepare_cached("SELECT id, record, held FROM quarantine WHERE flow = ?1 AND digest = ?2 AND held < 2 LIMIT 1")?
        .query_row(params![flow.0, digest.0], open)
        .optional()
}

/// A row, if it is open.
pub(super) fn get(connection: &Connection, row: QuarantineRow) -> rusqlite::Result<Option<Open>> {
    connection
        .prepare_cached("SELECT id, record, held FROM quarantine WHERE id = ?1 AND held < 2")?
        .query_row([row.0], open)
        .optional()
}

/// The row that records of this case wait behind; a held record itself waits only behind earlier ones.
pub(super) fn blocker(
    connection: &Connection,
    flow: FlowRow,
    case_key: &str,
    own: Option<QuarantineRow>,
) -> rusqlite::Result<Option<QuarantineRow>> {
    connection
        .prepare_cached(
            "SELECT id FROM quarantine WHERE flow = ?1 AND case_key = ?2 AND held < 2 AND held = 0 AND blocks AND id < ?3
             ORDER BY id LIMIT 1",
        )?
        .query_row(params![flow.0, case_key, own.map_or(i64::MAX, |row| row.0)], |row| row.get(0).map(QuarantineRow))
        .optional()
}

/// What a newer snapshot of a case, of this export, makes pointless: held rows that are not of a newer export.
pub(super) fn superseded(
    connection: &Connection,
    flow: FlowRow,
    case_key: &str,
    export: i64,
) -> rusqlite::Result<Vec<Open>> {
    connection
        .prepare_cached(
            "SELECT id, record, held FROM quarantine
             WHERE flow = ?1 AND case_key = ?2 AND held < 2 AND (export IS NULL OR export <= ?3) ORDER BY id",
        )?
        .query_map(params![flow.0, case_key, export], open)?
        .collect()
}

/// Holds a record.
pub(super) fn hold(connection: &Connection, new: &Holding<'_>, reason: &Reason) -> Result<(), StoreFault> {
    connection
        .prepare_cached(
            "INSERT INTO quarantine (flow, record, at, held, blocks, export, mapping, digest, case_key, code, issues)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            new.flow.0,
            new.record.0,
            new.at,
            number(reason.held),
            reason.blocks,
            new.export,
            new.mapping,
            new.digest.0,
            reason.case_key,
            reason.code.0,
            json(&reason.issues)?,
        ])?;
    Ok(())
}

/// Gives an open row its new reason.
pub(super) fn refresh(
    connection: &Connection,
    row: QuarantineRow,
    mapping: i64,
    reason: &Reason,
) -> Result<(), StoreFault> {
    connection
        .prepare_cached(
            "UPDATE quarantine SET held = ?2, blocks = ?3, mapping = ?4, case_key = coalesce(?5, case_key), code = ?6,
             issues = ?7 WHERE id = ?1",
        )?
        .execute(params![
            row.0,
            number(reason.held),
            reason.blocks,
            mapping,
            reason.case_key,
            reason.code.0,
            json(&reason.issues)?,
        ])?;
    Ok(())
}

/// Settles an open row.
pub(super) fn settle(connection: &Connection, row: QuarantineRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE quarantine SET held = ?2 WHERE id = ?1")?
        .execute(params![row.0, number(Held::Settled)])
        .map(drop)
}

/// Gives rows up for good: an audit row each, and their digests count as known, so that a re-delivery does not bring them
/// back. What was parked behind them is free for a retry.
pub(super) fn dismiss(
    connection: &Connection,
    rows: &[QuarantineRow],
    who: &str,
    why: &str,
    now: i64,
) -> Result<u64, StoreFault> {
    let mut dismissed = 0;
    for row in rows {
        let found: Option<(i64, [u8; 16], u8)> = connection
            .prepare_cached("SELECT flow, digest, held FROM quarantine WHERE id = ?1 AND held < 2")?
            .query_row([row.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((flow, digest, was)) = found else { continue };
        connection
            .prepare_cached("UPDATE quarantine SET held = ?2 WHERE id = ?1")?
            .execute(params![row.0, number(Held::Dismissed)])?;
        super::seen::enter(connection, super::seen::Halves::of(FlowRow(flow), &Digest(digest)))?;
        let parked = i64::from(held(was) == Held::Parked);
        connection
            .prepare_cached(
                "UPDATE flow SET open = open - 1, parked = parked - ?2, quarantined = quarantined + ?2 WHERE id = ?1",
            )?
            .execute([flow, parked])?;
        audit::write(connection, now, who, "quarantine.dismiss", &row.0.to_string(), why)?;
        dismissed += 1;
    }
    Ok(dismissed)
}

/// Held rows, oldest first.
pub(super) fn list(
    connection: &Connection,
    flows: &Flows,
    filter: &QuarantineFilter,
) -> Result<Vec<QuarantineEntry>, StoreFault> {
    let mut sql = String::from(
        "SELECT q.id, q.flow, q.record, q.case_key, q.held, q.issues, m.stamp, q.at
         FROM quarantine q JOIN mapping m ON m.id = q.mapping WHERE q.id > ?",
    );
    let mut values = vec![Value::from(filter.after.map_or(0, |row| row.0))];
    let mut condition = |text: &str, value: Value| {
        sql.push_str(text);
        values.push(value);
    };
    if let Some(flow) = filter.flow {
        condition(" AND q.flow = ?", flow.0.into());
    }
    if let Some(code) = &filter.code {
        condition(" AND q.code = ?", code.clone().into());
    }
    if let Some(key) = &filter.case_key {
        condition(" AND q.case_key = ?", key.clone().into());
    }
    if !filter.settled {
        sql.push_str(" AND q.held < 2");
    }
    if filter.released {
        sql.push_str(
            " AND q.held = 1 AND NOT EXISTS (SELECT 1 FROM quarantine b WHERE b.flow = q.flow AND b.case_key = q.case_key
              AND b.held < 2 AND b.held = 0 AND b.blocks AND b.id < q.id)",
        );
    }
    if !filter.rows.is_empty() {
        let rows: BTreeSet<String> = filter.rows.iter().map(|row| row.0.to_string()).collect();
        sql.push_str(&format!(" AND q.id IN ({})", rows.into_iter().collect::<Vec<_>>().join(",")));
    }
    sql.push_str(" ORDER BY q.id LIMIT ?");
    values.push(Value::from(filter.limit as i64));
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry(row, flows)?);
    }
    Ok(entries)
}

fn entry(row: &Row<'_>, flows: &Flows) -> Result<QuarantineEntry, StoreFault> {
    let flow = FlowRow(row.get(1)?);
    let issues = row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(QuarantineEntry {
        row: QuarantineRow(row.get(0)?),
        flow,
        name: flows.get(flow)?.name.clone(),
        record: RecordRow(row.get(2)?),
        case_key: row.get(3)?,
        held: held(row.get(4)?),
        issues: serde_json::from_str(issues).map_err(|error| StoreFault::Failed(error.to_string()))?,
        mapping: row.get(6)?,
        at: row.get(7)?,
    })
}

fn json(issues: &[KeptIssue]) -> Result<String, StoreFault> {
    serde_json::to_string(issues).map_err(|error| StoreFault::Failed(error.to_string()))
}

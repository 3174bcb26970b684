//! The audit: what operators did, and why. Written in the transaction that does it.

use rusqlite::{Connection, params};

use crate::store::AuditEntry;

/// Writes down what an operator did.
pub(super) fn write(
    connection: &Connection,
    at: i64,
    who: &str,
    what: &str,
    target: &str,
    why: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO audit (at, who, what, target, why) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![at, who, what, target, why])
        .map(drop)
}

/// What operators did, newest first.
pub(super) fn list(connection: &Connection, before: Option<i64>, limit: usize) -> rusqlite::Result<Vec<AuditEntry>> {
    connection
        .prepare_cached("SELECT id, at, who, what, target, why FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2")?
        .query_map(params![before.unwrap_or(i64::MAX), limit as i64], |row| {
            Ok(AuditEntry {
                row: row.get(0)?,
                at: row.get(1)?,
                who: row.get(2)?,
                what: row.get(3)?,
                target: row.get(4)?,
                why: row.get(5)?,
            })
        })?
        .collect()
}

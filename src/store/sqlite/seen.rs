//! Digests of records that need no mapping. A digest is kept in two halves: the first, mixed with the flow, is the key of
//! a narrow table, the second is compared; two digests that share the first half leave the later one unknown, which costs a
//! mapping and changes nothing.
//!
//! In snapshot flows a digest is known only while it is the newest content of its case: `1 = A, 2 = B, 3 = A` must map the
//! third record, because it moves the case back. And a known record still says something there: that its content stood in
//! that export too. This is written beside the entry (`said`), where a late export finds it.

use guichet_sdk::Digest;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::store::FlowRow;

/// A digest as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Halves {
    d: i64,
    tail: i64,
}

impl Halves {
    /// The halves of a digest in a flow.
    pub(super) fn of(flow: FlowRow, digest: &Digest) -> Self {
        let number = u128::from_be_bytes(digest.0);
        let mixed = (number >> 64) as i64 ^ flow.0.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
        Halves { d: mixed, tail: number as i64 }
    }
}

/// Whether a digest is known.
pub(super) fn known(connection: &Connection, halves: Halves) -> rusqlite::Result<bool> {
    Ok(entry(connection, halves)?.is_some())
}

/// The entry that a record of this digest says again (`Some(None)`: known, but about no entry).
pub(super) fn entry(connection: &Connection, halves: Halves) -> rusqlite::Result<Option<Option<i64>>> {
    connection
        .prepare_cached("SELECT entry FROM seen WHERE d = ?1 AND tail = ?2")?
        .query_row([halves.d, halves.tail], |row| row.get(0))
        .optional()
}

/// Makes a digest known; `false` when exactly this one was.
pub(super) fn enter(connection: &Connection, halves: Halves) -> rusqlite::Result<bool> {
    let new = insert(connection, halves, None)?;
    Ok(new || !known(connection, halves)?)
}

/// Makes a digest unknown again.
pub(super) fn withdraw(connection: &Connection, halves: Halves) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM seen WHERE d = ?1 AND tail = ?2")?.execute([halves.d, halves.tail]).map(drop)
}

/// The newest content of a case is now this entry, said by a record of this digest; the one before is known no more.
pub(super) fn replace(
    connection: &Connection,
    before: Option<i64>,
    entry: i64,
    export: i64,
    halves: Halves,
) -> rusqlite::Result<()> {
    if let Some(before) = before.filter(|before| *before != entry) {
        unlink(connection, before)?;
    }
    insert(connection, halves, Some(entry))?;
    connection
        .prepare_cached("INSERT INTO said (entry, export, d) VALUES (?1, ?2, ?3)")?
        .execute(params![entry, export, halves.d])
        .map(drop)
}

/// An entry was said again, in this export, by a record of this digest.
pub(super) fn again(connection: &Connection, entry: i64, export: i64, halves: Halves) -> rusqlite::Result<()> {
    unlink(connection, entry)?;
    insert(connection, halves, Some(entry))?;
    connection
        .prepare_cached(
            "INSERT INTO said (entry, export, d) VALUES (?1, ?2, ?3)
             ON CONFLICT (entry) DO UPDATE SET export = max(export, ?2), d = ?3",
        )?
        .execute(params![entry, export, halves.d])
        .map(drop)
}

/// A known record says its entry again, in this export. Reading one export twice writes nothing.
pub(super) fn confirm(connection: &Connection, entry: i64, export: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE said SET export = ?2 WHERE entry = ?1 AND export < ?2")?
        .execute([entry, export])
        .map(drop)
}

/// Makes the digest unknown by which an entry is known.
fn unlink(connection: &Connection, entry: i64) -> rusqlite::Result<()> {
    let d: Option<Option<i64>> = connection
        .prepare_cached("SELECT d FROM said WHERE entry = ?1")?
        .query_row([entry], |row| row.get(0))
        .optional()?;
    if let Some(Some(d)) = d {
        connection.prepare_cached("DELETE FROM seen WHERE d = ?1 AND entry = ?2")?.execute([d, entry])?;
        connection.prepare_cached("UPDATE said SET d = NULL WHERE entry = ?1")?.execute([entry])?;
    }
    Ok(())
}

fn insert(connection: &Connection, halves: Halves, entry: Option<i64>) -> rusqlite::Result<bool> {
    let rows = connection
        .prepare_cached("INSERT OR IGNORE INTO seen (d, tail, entry) VALUES (?1, ?2, ?3)")?
        .execute(params![halves.d, halves.tail, entry])?;
    Ok(rows == 1)
}

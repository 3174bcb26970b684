//! Digests of records that need no mapping. A digest is kept in two halves: the first, mixed with the flow, is the key of
//! a narrow table, the second is compared; two digests that share the first half leave the later one unknown, which costs a
//! mapping and changes nothing.
//!
//! In snapshot flows a known record still says something: that its content stood in that export too. Where it is the newest
//! content of its case, that is noted beside the entry (`said`), and a late export finds it there; where it is not
//! (`1 = A, 2 = B, 3 = A`), the record moves the case back, and what it says is read from the entry it said before.

use guichet_sdk::Digest;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::entries;
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

impl Halves {
    /// Of what came in no record.
    pub(super) fn none() -> Self {
        Halves { d: 0, tail: 0 }
    }
}

/// Whether a digest is known.
pub(super) fn known(connection: &Connection, halves: Halves) -> rusqlite::Result<bool> {
    Ok(entry(connection, halves)?.is_some())
}

/// The entry that a record of this digest says (`Some(None)`: known, but about no single entry).
pub(super) fn entry(connection: &Connection, halves: Halves) -> rusqlite::Result<Option<Option<i64>>> {
    connection
        .prepare_cached("SELECT entry FROM seen WHERE d = ?1 AND tail = ?2")?
        .query_row([halves.d, halves.tail], |row| row.get(0))
        .optional()
}

/// Makes a digest known; `false` when exactly this one was.
pub(super) fn enter(connection: &Connection, halves: Halves) -> rusqlite::Result<bool> {
    let rows = connection
        .prepare_cached("INSERT OR IGNORE INTO seen (d, tail) VALUES (?1, ?2)")?
        .execute([halves.d, halves.tail])?;
    Ok(rows == 1 || !known(connection, halves)?)
}

/// Makes a digest unknown again.
pub(super) fn withdraw(connection: &Connection, halves: Halves) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM seen WHERE d = ?1 AND tail = ?2")?.execute([halves.d, halves.tail]).map(drop)
}

/// A record of this digest says this entry.
pub(super) fn link(connection: &Connection, halves: Halves, entry: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO seen (d, tail, entry) VALUES (?1, ?2, ?3)
             ON CONFLICT (d) DO UPDATE SET entry = ?3 WHERE tail = ?2 AND entry IS NOT ?3",
        )?
        .execute([halves.d, halves.tail, entry])
        .map(drop)
}

/// An entry was said in this export; if it is the newest of its case now, no other one is.
pub(super) fn said(connection: &Connection, entry: i64, export: i64, newest: bool) -> rusqlite::Result<()> {
    if newest && entries::ordinal(entry) > 0 {
        let first = entries::key(entries::case(entry), 0);
        connection
            .prepare_cached("UPDATE said SET newest = 0 WHERE entry >= ?1 AND entry < ?2 AND newest")?
            .execute([first, entry])?;
    }
    connection
        .prepare_cached("INSERT INTO said (entry, export, newest) VALUES (?1, ?2, ?3)")?
        .execute(params![entry, export, newest])
        .map(drop)
}

/// The newest entry of a case was said again, in this export; `false` if it is not the newest. Reading one export twice
/// writes nothing.
pub(super) fn confirm(connection: &Connection, entry: i64, export: i64) -> rusqlite::Result<bool> {
    let known: Option<(i64, bool)> = connection
        .prepare_cached("SELECT export, newest FROM said WHERE entry = ?1")?
        .query_row([entry], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((before, true)) = known else { return Ok(false) };
    if export > before {
        connection.prepare_cached("UPDATE said SET export = ?2 WHERE entry = ?1")?.execute([entry, export])?;
    }
    Ok(true)
}

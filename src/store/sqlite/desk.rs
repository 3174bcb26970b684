//! The desk: what a job works with inside the writer's transaction, and what becomes visible to readers after COMMIT.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

use super::flows::Flows;
use super::merge::Merged;
use super::revisions::Revisions;
use super::shelf::Shelf;
use super::terms::TermKey;
use crate::model::{CaseRow, Seal};

/// Flows take the time before they wait for the writer, so that units arrive a little out of step. Within this much the
/// store's time stands still instead of going back, and `updated_since` misses nothing; beyond it the clock was set.
const CLOCK_SLACK: i64 = 60_000_000;

/// What a job works with.
pub(super) struct Desk {
    /// The only connection that writes.
    pub(super) connection: Connection,
    /// Flows by row.
    pub(super) flows: Arc<Flows>,
    /// Key of references and ids.
    pub(super) seal: Seal,
    /// Key of search terms.
    pub(super) terms: TermKey,
    stamps: HashMap<Arc<str>, i64>,
    revisions: Arc<Revisions>,
    shelf: Arc<Shelf>,
    moved: Vec<(CaseRow, i64)>,
    merged: Arc<Merged>,
    /// Whether cases became one since the last COMMIT.
    merging: bool,
    clock: i64,
}

impl Desk {
    /// A desk at an open store.
    pub(super) fn new(
        connection: Connection,
        flows: Arc<Flows>,
        seal: Seal,
        terms: TermKey,
        revisions: Arc<Revisions>,
        shelf: Arc<Shelf>,
        merged: Arc<Merged>,
    ) -> rusqlite::Result<Desk> {
        let clock = connection.query_row("SELECT coalesce(max(changed_at), 0) FROM cases", [], |row| row.get(0))?;
        Ok(Desk {
            connection,
            flows,
            seal,
            terms,
            stamps: HashMap::new(),
            revisions,
            shelf,
            moved: Vec::new(),
            merged,
            merging: false,
            clock,
        })
    }

    /// The time to write for a unit that says it is now: never a little before what was written last.
    pub(super) fn time(&mut self, now: i64) -> i64 {
        if now > self.clock || self.clock - now > CLOCK_SLACK {
            self.clock = now;
        }
        self.clock
    }

    /// The row of a mapping stamp.
    pub(super) fn stamp(&mut self, stamp: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(row) = self.stamps.get(stamp) {
            return Ok(*row);
        }
        let known = self
            .connection
            .prepare_cached("SELECT id FROM mapping WHERE stamp = ?1")?
            .query_row([stamp], |row| row.get(0))
            .optional()?;
        let row = match known {
            Some(row) => row,
            None => self.connection.prepare_cached("INSERT INTO mapping (stamp) VALUES (?1)")?.insert([stamp])?,
        };
        self.stamps.insert(stamp.clone(), row);
        Ok(row)
    }

    /// A case has a new revision; readers learn it after COMMIT.
    pub(super) fn moved(&mut self, case: CaseRow, revision: i64) {
        self.moved.push((case, revision));
    }

    /// A case became another one; readers learn it after COMMIT.
    pub(super) fn merged(&mut self, gone: CaseRow) {
        self.merging = true;
        self.moved.push((gone, 0));
    }

    /// After COMMIT.
    pub(super) fn publish(&mut self) {
        if std::mem::take(&mut self.merging)
            && let Err(error) = self.merged.load(&self.connection)
        {
            tracing::error!(%error, "cases that became one could not be read again");
        }
        self.shelf.touch(self.moved.iter().map(|(case, _)| *case));
        for (case, revision) in self.moved.drain(..) {
            self.revisions.set(case, revision);
        }
    }

    /// Whether a transaction is open: SQLite closes it by itself when the disk fails.
    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// How many revisions are noted for after COMMIT.
    pub(super) fn noted(&self) -> usize {
        self.moved.len()
    }

    /// Undoes, and forgets what was remembered since so many revisions were noted.
    pub(super) fn roll_back(&mut self, sql: &str, noted: usize) {
        if self.in_transaction()
            && let Err(error) = self.connection.execute_batch(sql)
        {
            tracing::error!(%error, "a transaction could not be undone; SQLite undoes it when the connection closes");
        }
        self.moved.truncate(if self.in_transaction() { noted } else { 0 });
        self.stamps.clear();
        if let Err(error) = self.flows.load(&self.connection) {
            tracing::error!(%error, "the flows could not be read again");
        }
    }
}

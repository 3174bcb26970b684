//! Numbers about the store itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::store::Vitals;

/// Commits since start.
#[derive(Debug, Default)]
pub(super) struct Commits {
    count: AtomicU64,
    micros: AtomicU64,
    longest: AtomicU64,
}

impl Commits {
    /// A group was committed in this time.
    pub(super) fn add(&self, took: Duration) {
        let micros = took.as_micros() as u64;
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.longest.fetch_max(micros, Ordering::Relaxed);
    }

    /// Reads the vitals; rows are counted by their highest key, which costs one step.
    pub(super) fn vitals(&self, connection: &Connection, waiting: usize) -> rusqlite::Result<Vitals> {
        let number =
            |sql: &str| -> rusqlite::Result<i64> { connection.prepare_cached(sql)?.query_row([], |row| row.get(0)) };
        let pages = number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")?;
        let seconds = |micros: &AtomicU64| micros.load(Ordering::Relaxed) as f64 / 1e6;
        Ok(Vitals {
            engine: format!("sqlite {}", rusqlite::version()),
            bytes: pages as u64,
            cases: number("SELECT coalesce(max(id), 0) FROM cases")? as u64,
            records: number("SELECT coalesce(sum(received), 0) FROM flow")? as u64,
            change: number("SELECT coalesce(max(seq), 0) FROM change")?,
            commits: self.count.load(Ordering::Relaxed),
            commit_seconds: seconds(&self.micros),
            commit_seconds_max: seconds(&self.longest),
            waiting: waiting as u64,
        })
    }
}

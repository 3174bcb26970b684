//! Migrations: forward only, embedded, each applied once in a transaction of its own and remembered with its checksum.
//! Refuses what a newer program wrote, what another program wrote, and a history that is not ours.

use std::path::Path;

use guichet_sdk::{Code, Digest};
use rusqlite::{Connection, TransactionBehavior};

use super::open::{APPLICATION_ID, refuse};
use crate::store::StoreFault;

/// Every schema step, in order. Never edit one that was released: add the next.
const STEPS: &[&str] = &[
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
    include_str!("schema/004.sql"),
];

/// Brings the database to the newest schema; how many steps were taken.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<usize, StoreFault> {
    run(connection, path, STEPS)
}

fn run(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<usize, StoreFault> {
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => refuse(Code("E233"), "the file is not a database", path),
        _ => refuse(Code("E235"), format!("the schema cannot be brought up to date: {error}"), path),
    };
    let version = recognise(connection, path, steps.len()).map_err(|error| error.unwrap_or_else(failed))?;
    check_history(connection, &steps[..version])
        .map_err(failed)?
        .map_err(|step| refuse(Code("E232"), format!("schema step {step} is not the one this program knows"), path))?;
    for (at, step) in steps.iter().enumerate().skip(version) {
        apply(connection, at + 1, step).map_err(failed)?;
    }
    Ok(steps.len() - version)
}

/// Either a refusal or a failure of SQLite.
enum Trouble {
    Refused(StoreFault),
    Failed(rusqlite::Error),
}

impl Trouble {
    fn unwrap_or_else(self, failed: impl Fn(rusqlite::Error) -> StoreFault) -> StoreFault {
        match self {
            Trouble::Refused(fault) => fault,
            Trouble::Failed(error) => failed(error),
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Trouble::Failed(error)
    }
}

/// The schema version of a database that is ours or empty.
fn recognise(connection: &Connection, path: &Path, newest: usize) -> Result<usize, Trouble> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if objects == 0 && application == 0 && version == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(Trouble::Refused(refuse(Code("E233"), "the database belongs to another program", path)));
    }
    match usize::try_from(version) {
        Ok(version) if version <= newest => Ok(version),
        _ => {
            let message = format!("the store has schema {version}; this program knows up to {newest}");
            Err(Trouble::Refused(refuse(Code("E232"), message, path)))
        }
    }
}

/// Whether the steps taken are the ones we know: `Err` names the first that is not.
fn check_history(connection: &Connection, taken: &[&str]) -> rusqlite::Result<Result<(), usize>> {
    for (at, step) in taken.iter().enumerate() {
        let kept: Option<String> = rusqlite::OptionalExtension::optional(connection.query_row(
            "SELECT checksum FROM migration WHERE step = ?1",
            [at as i64 + 1],
            |row| row.get(0),
        ))?;
        if kept.as_deref() != Some(&*checksum(step)) {
            return Ok(Err(at + 1));
        }
    }
    Ok(Ok(()))
}

fn apply(connection: &mut Connection, step: usize, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (step INTEGER PRIMARY KEY, checksum TEXT NOT NULL, at INTEGER NOT NULL) STRICT",
    )?;
    transaction.execute_batch(sql)?;
    transaction.execute("INSERT INTO migration VALUES (?1, ?2, unixepoch())", (step as i64, checksum(sql)))?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", step as i64)?;
    transaction.commit()
}

fn checksum(sql: &str) -> String {
    Digest::of(&[sql.as_bytes()]).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ONE: &str = "CREATE TABLE a (x)";
    const TWO: &str = "ALTER TABLE a ADD COLUMN y";

    fn code(outcome: Result<usize, StoreFault>) -> &'static str {
        match outcome {
            Err(StoreFault::Unusable(issue)) => issue.code.0,
            other => panic!("refused expected, got {other:?}"),
        }
    }

    #[test]
    fn steps_are_taken_once_and_in_order() {
        let mut db = Connection::open_in_memory().unwrap();
        assert_eq!(run(&mut db, Path::new("x"), &[ONE]).unwrap(), 1);
        assert_eq!(run(&mut db, Path::new("x"), &[ONE, TWO]).unwrap(), 1);
        assert_eq!(run(&mut db, Path::new("x"), &[ONE, TWO]).unwrap(), 0);
        db.execute("INSERT INTO a (x, y) VALUES (1, 2)", []).unwrap();
    }

    #[test]
    fn a_newer_an_altered_and_a_foreign_store_are_refused_untouched() {
        let mut db = Connection::open_in_memory().unwrap();
        run(&mut db, Path::new("x"), &[ONE, TWO]).unwrap();
        assert_eq!(code(run(&mut db, Path::new("x"), &[ONE])), "E232");
        assert_eq!(code(run(&mut db, Path::new("x"), &["CREATE TABLE a (z)", TWO])), "E232");

        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert_eq!(code(run(&mut foreign, Path::new("x"), &[ONE])), "E233");
        let tables: i64 = foreign.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_step_that_fails_leaves_nothing() {
        let mut db = Connection::open_in_memory().unwrap();
        assert_eq!(code(run(&mut db, Path::new("x"), &["CREATE TABLE a (x); CREATE TABLE a (x)"])), "E235");
        let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 0);
    }
}

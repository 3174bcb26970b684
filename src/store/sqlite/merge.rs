//! Two cases that turn out to be one: the history of the one that goes is continued by the one that stays, and every id and
//! reference of it leads there from now on. Happens when a source tells of a submitted case before it answers with its number.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::desk::Desk;
use super::{entries, flows, terms};
use crate::ledger;
use crate::model::{CaseRow, OrderClass};
use crate::store::StoreFault;

/// Cases that became another one, in memory: few, and asked for with every read.
#[derive(Debug, Default)]
pub(super) struct Merged(RwLock<HashMap<i64, i64>>);

impl Merged {
    /// Reads them anew.
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached("SELECT gone, into_case FROM merged")?;
        let known = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// The case a case is now.
    pub(super) fn now(&self, case: CaseRow) -> CaseRow {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&case.0).map_or(case, |into| CaseRow(*into))
    }
}

/// The case a case is now, as the database says.
pub(super) fn into(connection: &Connection, case: CaseRow) -> rusqlite::Result<CaseRow> {
    let known = connection
        .prepare_cached("SELECT into_case FROM merged WHERE gone = ?1")?
        .query_row([case.0], |row| row.get(0))
        .optional()?;
    Ok(known.map_or(case, CaseRow))
}

/// Makes one case part of another; the revision the one that goes had.
pub(super) fn merge(desk: &mut Desk, gone: CaseRow, stays: CaseRow) -> Result<i64, StoreFault> {
    let history = entries::load(&desk.connection, &desk.flows, gone)?;
    let facts = ledger::fold(&history).facts;
    terms::change(&desk.connection, gone, &desk.terms.of_facts(&facts), &[])?;
    let connection = &desk.connection;
    let next: i64 = connection
        .prepare_cached("SELECT count(*) FROM entry WHERE id BETWEEN ?1 AND ?2")?
        .query_row([entries::key(stays, 0), entries::key(stays, entries::LAST)], |row| row.get(0))?;
    let snapshots = history.iter().any(|entry| entry.order.class == OrderClass::Snapshot);
    for (at, entry) in history.iter().enumerate() {
        let (old, new) = (entries::key(gone, at), entries::key(stays, next as usize + at));
        connection.prepare_cached("UPDATE entry SET id = ?2 WHERE id = ?1")?.execute([old, new])?;
        connection.prepare_cached("UPDATE said SET entry = ?2 WHERE entry = ?1")?.execute([old, new])?;
        if snapshots {
            // no index leads from an entry to its digests; cases become one seldom
            connection.prepare_cached("UPDATE seen SET entry = ?2 WHERE entry = ?1")?.execute([old, new])?;
        }
        for scope in scopes(connection, &entry.source)? {
            connection
                .prepare_cached("UPDATE alias SET \"case\" = ?4 WHERE scope = ?1 AND key = ?2 AND \"case\" = ?3")?
                .execute(params![scope, entry.update.key, gone.0, stays.0])?;
        }
    }
    let revision =
        connection.prepare_cached("SELECT revision FROM cases WHERE id = ?1")?.query_row([gone.0], |row| row.get(0))?;
    for sql in [
        "UPDATE command SET \"case\" = ?2 WHERE \"case\" = ?1",
        "UPDATE merged SET into_case = ?2 WHERE into_case = ?1",
        "INSERT INTO merged (gone, into_case) VALUES (?1, ?2)",
    ] {
        connection.prepare_cached(sql)?.execute([gone.0, stays.0])?;
    }
    connection.prepare_cached("DELETE FROM cases WHERE id = ?1")?.execute([gone.0])?;
    desk.merged(gone);
    Ok(revision)
}

/// The scopes of a source's keys, in every epoch it has.
fn scopes(connection: &Connection, source: &str) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT f.source, f.epoch FROM flow f JOIN source s ON s.id = f.source WHERE s.name = ?1",
        )?
        .query_map([source], |row| Ok(flows::scope(row.get(0)?, row.get(1)?)))?
        .collect()
}

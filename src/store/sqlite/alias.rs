//! Aliases: the case a source knows under a key, in its current epoch or an earlier one, or in another scheme.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::entries;
use super::flows::Flows;
use super::terms::{self, TermKey};
use crate::ledger;
use crate::model::CaseRow;
use crate::store::{StoreFault, Term, fold_text};

/// Cases considered when a key is not native: several sources may give their cases the same other number.
const CANDIDATES: usize = 50;

/// The case a source knows under a key: its own number first, newest epoch first, then other schemes.
pub(super) fn find(
    connection: &Connection,
    flows: &Flows,
    terms: TermKey,
    source: &str,
    key: &str,
) -> Result<Option<CaseRow>, StoreFault> {
    let Some(source) = flows.source_row(source) else { return Ok(None) };
    let native = connection
        .prepare_cached(
            "SELECT a.\"case\" FROM alias a JOIN (SELECT DISTINCT source << 32 | epoch AS scope FROM flow WHERE source = ?1) f
             ON a.scope = f.scope WHERE a.key = ?2 ORDER BY a.scope DESC LIMIT 1",
        )?
        .query_row(params![source, key], |row| row.get(0))
        .optional()?;
    if let Some(row) = native {
        return Ok(Some(CaseRow(row)));
    }
    for row in terms::cases(connection, terms.hash(&Term::Reference(key.to_owned())), CANDIDATES)? {
        if said_by(connection, flows, source, CaseRow(row), key)? {
            return Ok(Some(CaseRow(row)));
        }
    }
    Ok(None)
}

/// Cases of any source with this native key.
pub(super) fn anywhere(connection: &Connection, key: &str) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT a.\"case\" FROM (SELECT DISTINCT source << 32 | epoch AS scope FROM flow) f
             JOIN alias a ON a.scope = f.scope WHERE a.key = ?1",
        )?
        .query_map([key], |row| row.get(0))?
        .collect()
}

/// Whether the case belongs to this source and carries this other number.
fn said_by(connection: &Connection, flows: &Flows, source: i64, case: CaseRow, key: &str) -> Result<bool, StoreFault> {
    let owner: Option<i64> = connection
        .prepare_cached("SELECT source FROM cases WHERE id = ?1")?
        .query_row([case.0], |row| row.get(0))
        .optional()?;
    if owner != Some(source) {
        return Ok(false);
    }
    let facts = ledger::fold(&entries::load(connection, flows, case)?).facts;
    Ok(facts.aliases.iter().any(|(_, value)| fold_text(value) == fold_text(key)))
}

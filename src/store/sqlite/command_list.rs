//! Lists of commands, newest first, within a scope.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::command::{COLUMNS, read};
use super::flows::Flows;
use super::merge;
use crate::model::{CommandState, Seal};
use crate::store::{CommandEntry, CommandFilter, StoreFault};

/// Commands, newest first.
pub(super) fn list(
    connection: &Connection,
    flows: &Flows,
    seal: Seal,
    filter: &CommandFilter,
) -> Result<Vec<CommandEntry>, StoreFault> {
    let services = filter.services.as_ref().map(serde_json::to_string).transpose();
    let services = services.map_err(|error| StoreFault::Failed(error.to_string()))?;
    let source = filter.source.as_ref().map(|name| flows.source_row(name).unwrap_or(-1));
    let case = match filter.case {
        Some(case) => Some(merge::into(connection, case)?.0),
        None => None,
    };
    let before: i64 = match filter.before {
        // a command outside the scope is no place to go on from: it would tell that it is there
        Some(id) => connection
            .prepare_cached(
                "SELECT c.id FROM command c JOIN cases k ON k.id = c.\"case\"
                 WHERE c.uuid = ?1 AND (?2 IS NULL OR c.client = ?2) AND k.confidentiality <= ?4
                   AND (?3 IS NULL OR c.service IN (SELECT value FROM json_each(?3)))",
            )?
            .query_row(params![id.0.into_bytes(), filter.client, services, filter.confidentiality], |row| row.get(0))
            .optional()?
            .unwrap_or(0),
        None => i64::MAX,
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM command c JOIN cases k ON k.id = c.\"case\" JOIN flow f ON f.id = c.flow
         WHERE c.id < ?1 AND (?2 IS NULL OR c.state = ?2) AND (?3 IS NULL OR c.\"case\" = ?3) AND (?4 IS NULL OR f.source = ?4)
           AND (?5 IS NULL OR c.client = ?5) AND (?6 IS NULL OR c.service IN (SELECT value FROM json_each(?6)))
           AND k.confidentiality <= ?7
         ORDER BY c.id DESC LIMIT ?8"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![
        before,
        filter.state.map(CommandState::index),
        case,
        source,
        filter.client,
        services,
        filter.confidentiality,
        filter.limit as i64,
    ])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row, flows, seal)?.entry);
    }
    Ok(found)
}

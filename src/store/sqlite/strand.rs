//! Commands whose flow carries them out no longer: taken from the queue for everybody to see, and put back when it does again.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::command::{apply, find};
use super::desk::Desk;
use super::flows::Flows;
use crate::model::{CommandId, CommandState, FlowName, Verb};
use crate::store::{FlowRow, KeptIssue, StoreFault, Stranded, Upshot};

/// Open commands that nobody carries out, and those held for that reason that somebody carries out again.
pub(super) fn strays(
    connection: &Connection,
    flows: &Flows,
    carried: &[(FlowName, Verb)],
    code: &str,
) -> Result<Vec<CommandId>, StoreFault> {
    let mut found = Vec::new();
    for flow in flows.all() {
        let verbs = carried.iter().filter(|(name, _)| *name == flow.name).map(|(_, verb)| verb.index());
        let verbs: Vec<String> = verbs.map(|index| index.to_string()).collect();
        found.extend(of_flow(connection, flow.row, &verbs.join(","), code)?);
    }
    Ok(found)
}

/// Those of one flow: `verbs` are the positions of what it carries out.
fn of_flow(connection: &Connection, flow: FlowRow, verbs: &str, code: &str) -> rusqlite::Result<Vec<CommandId>> {
    let sql = format!(
        "SELECT uuid FROM command WHERE flow = ?1 AND due_at IS NOT NULL AND verb NOT IN ({verbs})
         UNION ALL
         SELECT uuid FROM command WHERE state IN ({held}) AND flow = ?1 AND due_at IS NULL AND verb IN ({verbs})
           AND json_extract(issue, '$.code') = ?2",
        held = [CommandState::Failed, CommandState::Unknown, CommandState::Accepted]
            .map(|s| s.index().to_string())
            .join(","),
    );
    let mut statement = connection.prepare(&sql)?;
    let ids = statement.query_map(params![flow.0, code], |row| row.get(0))?;
    ids.map(|id| id.map(|id| CommandId(Uuid::from_bytes(id)))).collect()
}

/// Holds and releases them.
pub(super) fn strand(
    desk: &mut Desk,
    carried: &[(FlowName, Verb)],
    issue: &KeptIssue,
    now: i64,
) -> Result<Stranded, StoreFault> {
    let now = desk.time(now);
    let mut stranded = Stranded::default();
    for id in strays(&desk.connection, &desk.flows, carried, &issue.code)? {
        let Some(kept) = find(&desk.connection, &desk.flows, desk.seal, id)? else { continue };
        if kept.lease > now {
            continue;
        }
        let state = kept.entry.state;
        let upshot = if kept.entry.due_at.is_some() {
            stranded.held += 1;
            let state = if state == CommandState::Queued { CommandState::Failed } else { state };
            Upshot { issue: Some(issue.clone()), ..Upshot::of(state) }
        } else {
            stranded.released += 1;
            let state = if state == CommandState::Failed { CommandState::Queued } else { state };
            Upshot { due_at: Some(now), ..Upshot::of(state) }
        };
        apply(desk, &kept, &upshot, now)?;
    }
    Ok(stranded)
}

//! Commands: queued with the case they make, leased in order, marked before they are sent, settled with what that says of
//! their case. One command of a case is under way at a time; a case waits behind what nobody knows the end of.

use std::sync::Arc;

use async_trait::async_trait;
use guichet_sdk::Digest;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::desk::Desk;
use super::feed::{self, NewChange};
use super::flows::Flows;
use super::{Shared, Sqlite, audit, command_list, flows, merge, stated, strand};
use crate::model::{Audience, CaseRow, ChangeKind, CommandId, CommandState, FlowName, Phase, Seal, Verb};
use crate::store::{
    Asked, CommandEntry, CommandFilter, Commands, FlowRow, KEY_KEPT, KeptIssue, Leased, NewCommand, StepIn, StoreFault,
    Stranded, Upshot,
};

/// States behind which later commands of a case wait, as positions.
fn holding() -> String {
    let positions: Vec<String> = CommandState::ALL
        .iter()
        .filter(|state| state.holds_the_case())
        .map(|state| state.index().to_string())
        .collect();
    positions.join(",")
}

pub(super) const COLUMNS: &str = "c.id, c.uuid, c.verb, c.state, c.\"case\", c.flow, c.service, c.client, c.payload, c.created_at,
    c.changed_at, c.due_at, c.leased_until, c.attempts, c.looks, c.sent_at, c.ended_at, c.address, c.request, c.reference,
    c.tracking, c.reason, c.issue, c.heard, k.created_at, k.confidentiality";

/// A command with its place.
pub(super) struct Kept {
    row: i64,
    flow: FlowRow,
    pub(super) lease: i64,
    pub(super) entry: CommandEntry,
}

pub(super) fn read(row: &Row<'_>, flows: &Flows, seal: Seal) -> Result<Kept, StoreFault> {
    let case = CaseRow(row.get(4)?);
    let flow = FlowRow(row.get(5)?);
    let issue: Option<String> = row.get(22)?;
    let made_at: i64 = row.get(24)?;
    let entry = CommandEntry {
        id: CommandId(Uuid::from_bytes(row.get(1)?)),
        verb: Verb::at(row.get(2)?).ok_or_else(|| StoreFault::Failed("a command has an unknown verb".into()))?,
        // never taken for done: what cannot be read is not known
        state: CommandState::at(row.get(3)?).unwrap_or(CommandState::Unknown),
        flow: flows.get(flow)?.name.clone(),
        service: row.get(6)?,
        case,
        case_id: seal.case_id(case, made_at / 1000),
        confidentiality: row.get(25)?,
        case_key: None,
        client: row.get(7)?,
        payload: row.get(8)?,
        created_at: row.get(9)?,
        changed_at: row.get(10)?,
        due_at: row.get(11)?,
        attempts: row.get(13)?,
        looks: row.get(14)?,
        sent_at: row.get(15)?,
        ended_at: row.get(16)?,
        address: row.get(17)?,
        request: row.get(18)?,
        reference: row.get(19)?,
        tracking: row.get(20)?,
        reason: row.get(21)?,
        issue: issue.and_then(|issue| serde_json::from_str(&issue).ok()),
        heard: row.get(23)?,
    };
    Ok(Kept { row: row.get(0)?, flow, lease: row.get(12)?, entry })
}

pub(super) fn find(
    connection: &Connection,
    flows: &Flows,
    seal: Seal,
    id: CommandId,
) -> Result<Option<Kept>, StoreFault> {
    let sql = format!("SELECT {COLUMNS} FROM command c JOIN cases k ON k.id = c.\"case\" WHERE c.uuid = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([id.0.into_bytes()])?;
    rows.next()?.map(|row| read(row, flows, seal)).transpose()
}

/// A command, with the key of its case.
pub(super) fn get(
    connection: &Connection,
    flows: &Flows,
    seal: Seal,
    id: CommandId,
) -> Result<Option<CommandEntry>, StoreFault> {
    let Some(mut kept) = find(connection, flows, seal, id)? else { return Ok(None) };
    kept.entry.case_key = stated::key_of(connection, flows, kept.entry.case, kept.flow)?;
    Ok(Some(kept.entry))
}

/// Queues a command, or answers for its key.
pub(super) fn ask(desk: &mut Desk, new: &NewCommand) -> Result<Asked, StoreFault> {
    let now = desk.time(new.now);
    desk.connection.prepare_cached("DELETE FROM idempotency WHERE at < ?1")?.execute([now - KEY_KEPT])?;
    if let Some(known) = answered(desk, new)? {
        return Ok(known);
    }
    let flow = desk.flows.named(&new.flow)?;
    let case = match new.case {
        Some(case) => merge::into(&desk.connection, case)?,
        None => stated::submitted(desk, &flow, new, now)?,
    };
    let row = desk
        .connection
        .prepare_cached(
            "INSERT INTO command (uuid, verb, state, \"case\", flow, service, client, payload, created_at, changed_at, due_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9)",
        )?
        .insert(params![
            new.id.0.into_bytes(),
            new.verb.index(),
            CommandState::Queued.index(),
            case.0,
            flow.row.0,
            new.service,
            new.client,
            new.payload,
            now,
        ])?;
    desk.connection
        .prepare_cached("INSERT INTO idempotency (client, key, digest, command, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![new.client, new.key, new.digest.0, row, now])?;
    let entry = get(&desk.connection, &desk.flows, desk.seal, new.id)?;
    entry
        .map(|entry| Asked::New(Arc::new(entry)))
        .ok_or_else(|| StoreFault::Failed("a new command is not there".into()))
}

fn answered(desk: &Desk, new: &NewCommand) -> Result<Option<Asked>, StoreFault> {
    let known: Option<([u8; 16], [u8; 16])> = desk
        .connection
        .prepare_cached(
            "SELECT i.digest, c.uuid FROM idempotency i JOIN command c ON c.id = i.command WHERE i.client = ?1 AND i.key = ?2",
        )?
        .query_row([&new.client, &new.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((digest, id)) = known else { return Ok(None) };
    if Digest(digest) != new.digest {
        return Ok(Some(Asked::OtherRequest));
    }
    let entry = get(&desk.connection, &desk.flows, desk.seal, CommandId(Uuid::from_bytes(id)))?;
    Ok(entry.map(|entry| Asked::Again(Arc::new(entry))))
}

/// When something is next due for a flow, whether or not it may go on.
pub(super) fn next_due(connection: &Connection, flow: FlowRow, after: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT min(due_at) FROM command WHERE flow = ?1 AND due_at IS NOT NULL AND due_at > ?2")?
        .query_row([flow.0, after], |row| row.get(0))
}

/// Rows that may go on now: due, in nobody's hand, and first of their case where order counts.
fn ready(connection: &Connection, flow: FlowRow, now: i64, limit: usize) -> rusqlite::Result<Vec<i64>> {
    let sql = format!(
        "SELECT c.id FROM command c WHERE c.flow = ?1 AND c.due_at IS NOT NULL AND c.due_at <= ?2 AND c.leased_until <= ?2
           AND (c.state <> {queued} OR NOT EXISTS (
             SELECT 1 FROM command e WHERE e.\"case\" = c.\"case\" AND e.id < c.id AND e.state IN ({holding})))
         ORDER BY c.due_at, c.id LIMIT ?3",
        queued = CommandState::Queued.index(),
        holding = holding(),
    );
    connection.prepare_cached(&sql)?.query_map(params![flow.0, now, limit as i64], |row| row.get(0))?.collect()
}

/// Whether anything may go on now.
pub(super) fn anything_ready(connection: &Connection, flow: FlowRow, now: i64) -> rusqlite::Result<bool> {
    Ok(!ready(connection, flow, now, 1)?.is_empty())
}

/// Hands commands out until a time.
pub(super) fn lease(
    desk: &mut Desk,
    flow: FlowRow,
    now: i64,
    until: i64,
    limit: usize,
) -> Result<Vec<Leased>, StoreFault> {
    let mut leased = Vec::new();
    for row in ready(&desk.connection, flow, now, limit)? {
        desk.connection.prepare_cached("UPDATE command SET leased_until = ?2 WHERE id = ?1")?.execute([row, until])?;
        let sql = format!("SELECT {COLUMNS} FROM command c JOIN cases k ON k.id = c.\"case\" WHERE c.id = ?1");
        let mut statement = desk.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([row])?;
        let Some(kept) = rows.next()?.map(|row| read(row, &desk.flows, desk.seal)).transpose()? else { continue };
        let case_key = stated::key_of(&desk.connection, &desk.flows, kept.entry.case, kept.flow)?;
        leased.push(Leased { command: CommandEntry { case_key, ..kept.entry }, lease: until });
    }
    Ok(leased)
}

/// Marks a leased command as being sent; `false` when the lease is another's.
pub(super) fn sending(
    desk: &mut Desk,
    id: CommandId,
    lease: i64,
    address: &str,
    request: &str,
    now: i64,
) -> Result<bool, StoreFault> {
    let rows = desk
        .connection
        .prepare_cached(
            "UPDATE command SET state = ?3, due_at = NULL, attempts = attempts + 1, looks = 0, sent_at = ?4, ended_at = NULL,
               address = ?5, request = ?6, changed_at = ?4, tracking = NULL, heard = NULL
             WHERE uuid = ?1 AND leased_until = ?2 AND state = ?7",
        )?
        .execute(params![
            id.0.into_bytes(),
            lease,
            CommandState::Sending.index(),
            now,
            address,
            request,
            CommandState::Queued.index(),
        ])?;
    Ok(rows == 1)
}

/// Settles a leased command with its change; `false` when the lease is another's.
pub(super) fn settle(
    desk: &mut Desk,
    id: CommandId,
    lease: i64,
    settlement: &Upshot,
    now: i64,
) -> Result<bool, StoreFault> {
    let Some(kept) = find(&desk.connection, &desk.flows, desk.seal, id)? else { return Ok(false) };
    if kept.lease != lease {
        return Ok(false);
    }
    let now = desk.time(now);
    apply(desk, &kept, settlement, now)?;
    Ok(true)
}

/// An operator decides; `None` when there is no such command, `false` when it is in somebody's hand or not undecided.
pub(super) fn step_in(
    desk: &mut Desk,
    id: CommandId,
    step: &StepIn,
    who: &str,
    why: &str,
    now: i64,
) -> Result<Option<bool>, StoreFault> {
    let Some(kept) = find(&desk.connection, &desk.flows, desk.seal, id)? else { return Ok(None) };
    let now = desk.time(now);
    let state = kept.entry.state;
    let open = match (state, step) {
        (CommandState::Unknown | CommandState::Failed, _) => true,
        (CommandState::Accepted, StepIn::Confirm(_) | StepIn::Refuse) => true,
        // a wrong mapping was refused by the source: corrected, it may be sent again
        (CommandState::Refused, StepIn::Retry) => true,
        (CommandState::Queued, StepIn::Refuse) => true,
        (CommandState::Accepted | CommandState::Queued, StepIn::Retry)
        | (CommandState::Queued, StepIn::Confirm(_))
        | (CommandState::Refused, StepIn::Confirm(_) | StepIn::Refuse)
        | (CommandState::Sending | CommandState::Confirmed, _) => false,
    };
    if !open || kept.lease > now {
        return Ok(Some(false));
    }
    let (verb, settlement) = match step {
        StepIn::Confirm(reference) => {
            let settled = Upshot::of(CommandState::Confirmed);
            ("command settle", Upshot { reference: reference.clone(), ..settled })
        }
        StepIn::Refuse => {
            ("command settle", Upshot { reason: Some(why.to_owned()), ..Upshot::of(CommandState::Refused) })
        }
        StepIn::Retry => ("command retry", Upshot { due_at: Some(now), ..Upshot::of(CommandState::Queued) }),
    };
    let target = format!("{id} {} → {}", state, settlement.state);
    audit::write(&desk.connection, now, who, verb, &target, why)?;
    apply(desk, &kept, &settlement, now)?;
    Ok(Some(true))
}

/// Commands that were on their way when the hub died: nobody knows what became of them.
pub(super) fn recover(desk: &mut Desk, settlement: &Upshot, now: i64) -> Result<u64, StoreFault> {
    let now = desk.time(now);
    desk.connection.execute("UPDATE command SET leased_until = 0 WHERE leased_until > 0", [])?;
    let sql = format!(
        "SELECT {COLUMNS} FROM command c JOIN cases k ON k.id = c.\"case\" WHERE c.state = {} ORDER BY c.id",
        CommandState::Sending.index()
    );
    let mut found = Vec::new();
    let mut statement = desk.connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.push(read(row, &desk.flows, desk.seal)?);
    }
    drop(rows);
    drop(statement);
    for kept in &found {
        apply(desk, kept, &Upshot { due_at: Some(now), ..settlement.clone() }, now)?;
    }
    Ok(found.len() as u64)
}

/// Writes a settlement, what it says of the case, and the change.
pub(super) fn apply(desk: &mut Desk, kept: &Kept, settlement: &Upshot, now: i64) -> Result<(), StoreFault> {
    let Upshot { state, due_at, looked, reference, tracking, reason, issue, heard } = settlement;
    let issue = issue.as_ref().map(serde_json::to_string).transpose();
    let issue = issue.map_err(|error| StoreFault::Failed(error.to_string()))?;
    let changed = *state != kept.entry.state;
    let was_sending = kept.entry.state == CommandState::Sending;
    desk.connection
        .prepare_cached(
            "UPDATE command SET state = ?2, due_at = ?3, leased_until = 0, looks = looks + ?4,
               reference = coalesce(?5, reference), tracking = coalesce(?6, tracking), reason = ?7, issue = ?8,
               heard = coalesce(?9, heard), changed_at = CASE WHEN ?10 THEN ?11 ELSE changed_at END,
               ended_at = CASE WHEN ?12 THEN ?11 ELSE ended_at END
             WHERE id = ?1",
        )?
        .execute(params![
            kept.row,
            state.index(),
            due_at,
            looked,
            reference,
            tracking,
            reason,
            issue,
            heard,
            changed,
            now,
            was_sending,
        ])?;
    if !changed {
        return Ok(());
    }
    let case = match (kept.entry.verb, state) {
        (Verb::Submit, CommandState::Confirmed | CommandState::Refused) => {
            stated::answered(desk, kept.flow, &kept.entry, settlement, now)?
        }
        (Verb::Submit | Verb::Supplement | Verb::Message | Verb::Withdraw | Verb::SetStatus, _) => kept.entry.case,
    };
    match change(*state) {
        Some(kind) => tell(desk, kind, kept.flow, case, now),
        None => Ok(()),
    }
}

fn change(state: CommandState) -> Option<ChangeKind> {
    match state {
        CommandState::Queued | CommandState::Sending => None,
        CommandState::Accepted => Some(ChangeKind::CommandAccepted),
        CommandState::Confirmed => Some(ChangeKind::CommandConfirmed),
        CommandState::Refused => Some(ChangeKind::CommandRefused),
        CommandState::Unknown | CommandState::Failed => Some(ChangeKind::CommandUnknown),
    }
}

/// Puts a change of a command on the feed, as narrow as its case.
fn tell(desk: &Desk, kind: ChangeKind, flow: FlowRow, case: CaseRow, now: i64) -> Result<(), StoreFault> {
    let source = desk.flows.get(flow)?.source;
    let (revision, confidentiality, phase, service): (i64, u8, u8, Option<String>) = desk
        .connection
        .prepare_cached("SELECT revision, confidentiality, phase, service FROM cases WHERE id = ?1")?
        .query_row([case.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let new = NewChange {
        at: now,
        source,
        case,
        revision,
        confidentiality,
        phase: Phase::at(phase).unwrap_or(Phase::Unknown),
        service: service.as_deref(),
    };
    Ok(feed::append(&desk.connection, kind, Audience::Party, &new)?)
}

/// The flow of a name, which the hub has registered.
impl Flows {
    pub(super) fn named(&self, name: &FlowName) -> Result<Arc<flows::Flow>, StoreFault> {
        self.all()
            .into_iter()
            .find(|flow| flow.name == *name)
            .ok_or_else(|| StoreFault::Failed(format!("the flow `{name}` is not registered")))
    }
}

#[async_trait]
impl Commands for Sqlite {
    async fn ask(&self, new: NewCommand) -> Result<Asked, StoreFault> {
        let asked = self.writer.call(1, move |desk| ask(desk, &new)).await?;
        self.commanded.send_modify(|times| *times += 1);
        Ok(asked)
    }

    async fn command(&self, id: CommandId) -> Result<Option<CommandEntry>, StoreFault> {
        let Shared { readers, flows, seal, .. } = &*self.shared;
        readers.at_once(|connection| get(connection, flows, *seal, id))
    }

    async fn commands(&self, filter: &CommandFilter) -> Result<Vec<CommandEntry>, StoreFault> {
        let filter = filter.clone();
        self.read_aside(move |shared| {
            shared.readers.read(|connection| command_list::list(connection, &shared.flows, shared.seal, &filter))
        })
        .await
    }

    async fn lease(&self, flow: FlowRow, now: i64, until: i64, limit: usize) -> Result<Vec<Leased>, StoreFault> {
        // most of the time nothing may go on, and saying so needs no transaction
        if !self.shared.readers.read(|connection| Ok(anything_ready(connection, flow, now)?))? {
            return Ok(Vec::new());
        }
        self.writer.call(1, move |desk| lease(desk, flow, now, until, limit)).await
    }

    async fn next_due(&self, flow: FlowRow, after: i64) -> Result<Option<i64>, StoreFault> {
        self.shared.readers.read(|connection| Ok(next_due(connection, flow, after)?))
    }

    async fn sending(&self, leased: &Leased, address: &str, request: &str, now: i64) -> Result<bool, StoreFault> {
        let (id, lease) = (leased.command.id, leased.lease);
        let (address, request) = (address.to_owned(), request.to_owned());
        self.writer.call(1, move |desk| sending(desk, id, lease, &address, &request, now)).await
    }

    async fn conclude(&self, leased: &Leased, settlement: Upshot, now: i64) -> Result<bool, StoreFault> {
        let (id, lease) = (leased.command.id, leased.lease);
        let settled = self.writer.call(1, move |desk| settle(desk, id, lease, &settlement, now)).await?;
        // what waited behind it may be another lane's
        self.commanded.send_modify(|times| *times += 1);
        Ok(settled)
    }

    async fn recover(&self, settlement: Upshot, now: i64) -> Result<u64, StoreFault> {
        self.writer.call(1, move |desk| recover(desk, &settlement, now)).await
    }

    async fn strand(&self, carried: &[(FlowName, Verb)], issue: KeptIssue, now: i64) -> Result<Stranded, StoreFault> {
        let (carried, code) = (carried.to_vec(), issue.code.clone());
        let Shared { readers, flows, .. } = &*self.shared;
        // most of the time there is nothing to do, and finding that out needs no transaction
        if readers.read(|connection| strand::strays(connection, flows, &carried, &code))?.is_empty() {
            return Ok(Stranded::default());
        }
        let stranded = self.writer.call(1, move |desk| strand::strand(desk, &carried, &issue, now)).await?;
        self.commanded.send_modify(|times| *times += 1);
        Ok(stranded)
    }

    async fn step_in(
        &self,
        id: CommandId,
        step: StepIn,
        who: &str,
        why: &str,
        now: i64,
    ) -> Result<Option<bool>, StoreFault> {
        let (who, why) = (who.to_owned(), why.to_owned());
        let stepped = self.writer.call(1, move |desk| step_in(desk, id, &step, &who, &why, now)).await?;
        self.commanded.send_modify(|times| *times += 1);
        Ok(stepped)
    }

    async fn commanded(&self, seen: u64) -> u64 {
        let mut commanded = self.commanded.subscribe();
        let times = commanded.wait_for(|times| *times > seen).await.map(|times| *times).ok();
        match times {
            Some(times) => times,
            None => std::future::pending().await,
        }
    }
}

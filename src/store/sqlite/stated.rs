//! What the hub itself says of a case it submitted: that it left, under which number the source knows it, or that the
//! source refused it. Such entries stand before everything a source ever says, so that they never overwrite it.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::case::{CaseBook, Told};
use super::desk::Desk;
use super::flows::{Flow, Flows};
use super::merge;
use super::seen::Halves;
use crate::ledger;
use crate::model::{
    AssertionKind, CaseRow, CaseUpdate, CommandState, Facts, Moment, Phase, Precision, RecordRow, StatusClaim,
    Transition,
};
use crate::store::{CommandEntry, FlowRow, NewCommand, StoreFault, Upshot};

/// What stands as the mapping of such entries.
const STAMP: &str = "guichet:command";

/// Makes the case of a new submission: visible at once, in phase `submitted`.
pub(super) fn submitted(desk: &mut Desk, flow: &Arc<Flow>, new: &NewCommand, now: i64) -> Result<CaseRow, StoreFault> {
    let facts = Facts { service: Some(new.service.clone()), submitted_at: Some(moment(now)), ..new.facts.clone() };
    let status = Some(claim(Phase::Submitted, now));
    let update = CaseUpdate { event: Some(format!("command {}", new.id)), status, facts, ..CaseUpdate::default() };
    let mut book = CaseBook::new(flow.clone(), now);
    let at = book.make(desk)?;
    say(desk, &mut book, at, update)?;
    let case = book.row(at);
    book.write(desk)?;
    Ok(case)
}

/// A submission was answered: the case has its number, or was refused. The case it is now: the same, whatever arrived first.
pub(super) fn answered(
    desk: &mut Desk,
    flow: FlowRow,
    command: &CommandEntry,
    settlement: &Upshot,
    now: i64,
) -> Result<CaseRow, StoreFault> {
    let flow = desk.flows.get(flow)?;
    let mut book = CaseBook::new(flow.clone(), now);
    let at = book.open(desk, command.case)?;
    let (mut status, key) = match settlement.state {
        CommandState::Refused => {
            let refused = claim(Phase::Closed, now);
            let note = settlement.reason.clone();
            (StatusClaim { source_code: Some("refused".into()), note, ..refused }, String::new())
        }
        CommandState::Queued
        | CommandState::Sending
        | CommandState::Accepted
        | CommandState::Confirmed
        | CommandState::Unknown
        | CommandState::Failed => (claim(Phase::Received, now), settlement.reference.clone().unwrap_or_default()),
    };
    if status.phase == Phase::Received && book.stands(at) == Some(Phase::Closed) {
        // refused first, sent again by an operator, and taken
        status.transition = Some(Transition::Corrected);
    }
    if !key.is_empty() {
        adopt(desk, &mut book, at, &flow, &key)?;
    }
    let event = Some(format!("command {} {}.{}", command.id, status.phase, command.attempts));
    let facts = Facts { received_at: (status.phase == Phase::Received).then(|| moment(now)), ..Facts::default() };
    say(desk, &mut book, at, CaseUpdate { key, event, status: Some(status), facts, ..CaseUpdate::default() })?;
    book.write(desk)?;
    Ok(command.case)
}

/// The case takes the source's number; a case that came in under it before becomes this one.
fn adopt(desk: &mut Desk, book: &mut CaseBook, at: usize, flow: &Flow, key: &str) -> Result<(), StoreFault> {
    let case = book.row(at);
    let known: Option<i64> = desk
        .connection
        .prepare_cached("SELECT \"case\" FROM alias WHERE scope = ?1 AND key = ?2")?
        .query_row(params![flow.scope(), key], |row| row.get(0))
        .optional()?;
    match known {
        None => {
            desk.connection
                .prepare_cached("INSERT INTO alias (scope, key, \"case\") VALUES (?1, ?2, ?3)")?
                .execute(params![flow.scope(), key, case.0])?;
        }
        Some(known) if known == case.0 => {}
        // a source that spoke of both as two cases keeps them two: the command says its number, an operator looks
        Some(_) if book.observed(at) => {
            tracing::warn!(source = %flow.name.source, "a command was answered with the number of another case");
        }
        Some(known) => {
            let revision = merge::merge(desk, CaseRow(known), case)?;
            book.reload(desk, at, revision)?;
        }
    }
    Ok(())
}

fn say(desk: &mut Desk, book: &mut CaseBook, at: usize, update: CaseUpdate) -> Result<(), StoreFault> {
    let candidate = ledger::stated(update, book.stated(at));
    let candidate = candidate.map_err(|issue| StoreFault::Failed(issue.message))?;
    let stamp: Arc<str> = STAMP.into();
    let mapping = desk.stamp(&stamp)?;
    let told = Told { halves: Halves::none(), record: RecordRow(0), stamp, mapping, kind: AssertionKind::Computed };
    book.say(desk, at, candidate, &told)
}

fn claim(phase: Phase, now: i64) -> StatusClaim {
    StatusClaim { effective_at: Some(moment(now)), ..StatusClaim::of(phase) }
}

fn moment(now: i64) -> Moment {
    let day = i32::try_from(now.div_euclid(86_400_000_000)).unwrap_or_default();
    Moment { micros: now, precision: Precision::Second, civil_day: day }
}

/// The newest key under which the source of a flow knows a case.
pub(super) fn key_of(
    connection: &Connection,
    flows: &Flows,
    case: CaseRow,
    flow: FlowRow,
) -> Result<Option<String>, StoreFault> {
    let flow = flows.get(flow)?;
    let entries = super::entries::load(connection, flows, case)?;
    let said = entries.iter().rev().filter(|entry| entry.source == flow.name.source);
    Ok(said.map(|entry| entry.update.key.clone()).find(|key| !key.is_empty()))
}

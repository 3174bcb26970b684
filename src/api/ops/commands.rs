//! Commands as operators see them: everything needed to decide about one nobody knows the end of, and the two verbs for it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::quarantine::IssueAnswer;
use crate::api::assemble::answer;
use crate::api::auth::Ops;
use crate::api::commands::{CommandAnswer, CommandsAsked, absent, filter};
use crate::api::parameters::{Asked, Payload, parameters};
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::Desk;
use crate::model::{CommandId, CommandState, Seal, rfc3339};
use crate::store::{CommandEntry, CommandFilter, StepIn};

parameters! {
    /// Which commands.
    pub struct OpsCommandsAsked {
        /// State.
        #[param(value_type = Option<CommandState>)]
        state: Option<String>,
        /// Source that carries them out.
        source: Option<String>,
        /// Those older than this one.
        before: Option<String>,
        /// Commands per page, 1 to 200 (50).
        limit: Option<usize>,
    }
}

/// A command in a list of operators.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpsCommandLine {
    /// What the front office sees.
    #[serde(flatten)]
    pub command: CommandAnswer,
    /// Who asked.
    pub client: Arc<str>,
    /// `SOURCE/FLOW` that carries it out.
    pub flow: String,
    /// Times it was sent, or tried to be.
    pub attempts: u32,
    /// Times it was looked up since.
    pub looks: u32,
    /// When it was last sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// The last problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<IssueAnswer>,
}

/// A page of commands.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpsCommands {
    /// Newest first.
    pub commands: Vec<OpsCommandLine>,
    /// `before` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A command with everything needed to decide about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpsCommand {
    /// What the list says.
    #[serde(flatten)]
    pub line: OpsCommandLine,
    /// The key of its case in the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_key: Option<String>,
    /// When that sending ended; absent when the hub died before it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Where it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What the source answered so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<String>,
    /// What the source said to ask after it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking: Option<String>,
    /// What the front office sent.
    #[schema(value_type = serde_json::Value)]
    pub payload: Box<RawValue>,
}

impl OpsCommandLine {
    fn of(seal: Seal, entry: &CommandEntry) -> Self {
        OpsCommandLine {
            command: CommandAnswer::of(seal, entry),
            client: entry.client.clone(),
            flow: entry.flow.to_string(),
            attempts: entry.attempts,
            looks: entry.looks,
            sent_at: entry.sent_at.map(rfc3339),
            issue: entry.issue.clone().map(Into::into),
        }
    }
}

/// Commands, newest first
///
/// `state=unknown` and `state=failed` are those that may need somebody.
#[utoipa::path(get, path = "/ops/v1/commands", operation_id = "list_all_commands", tag = "ops", params(OpsCommandsAsked),
    responses((status = 200, body = OpsCommands)))]
pub async fn list(
    State(desk): State<Arc<Desk>>,
    _: Ops,
    Asked(asked): Asked<OpsCommandsAsked>,
) -> Result<Response, Problem> {
    let OpsCommandsAsked { state, source, before, limit } = asked;
    let filter = filter(CommandsAsked { state, before, limit })?;
    let filter = CommandFilter { source, confidentiality: u8::MAX, ..filter };
    let found = desk.api.store.commands(&filter).await?;
    let next = found.last().filter(|_| found.len() == filter.limit).map(|entry| entry.id.to_string());
    answer(&OpsCommands { commands: found.iter().map(|entry| OpsCommandLine::of(desk.seal, entry)).collect(), next })
}

/// A command with everything needed to decide about it
#[utoipa::path(get, path = "/ops/v1/commands/{command}", operation_id = "get_any_command", tag = "ops", params(("command" = String, Path, description = "Id")),
    responses((status = 200, body = OpsCommand), (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json")))]
pub async fn show(State(desk): State<Arc<Desk>>, _: Ops, Path(id): Path<String>) -> Result<Response, Problem> {
    shown(&desk, read(&id)?).await
}

async fn shown(desk: &Desk, id: CommandId) -> Result<Response, Problem> {
    let entry = desk.api.store.command(id).await?.ok_or_else(absent)?;
    let payload = RawValue::from_string(entry.payload.to_string());
    answer(&OpsCommand {
        line: OpsCommandLine::of(desk.seal, &entry),
        case_key: entry.case_key,
        ended_at: entry.ended_at.map(rfc3339),
        address: entry.address,
        request: entry.request,
        heard: entry.heard,
        tracking: entry.tracking,
        payload: payload.map_err(|_| Problem::new(Kind::Internal, "the payload is not JSON any more"))?,
    })
}

/// How an operator settles a command.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// `confirmed` or `refused`: what really became of it, as the operator found out.
    #[serde(rename = "as")]
    pub state: CommandState,
    /// The source's number for it, where it was confirmed.
    #[serde(default)]
    pub reference: Option<String>,
    /// Kept with the audit row.
    pub reason: String,
}

/// Why a command is sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendAgain {
    /// Kept with the audit row: how it is known that it had no effect.
    pub reason: String,
}

/// Settles a command nobody knows the end of
#[utoipa::path(post, path = "/ops/v1/commands/{command}/settle", operation_id = "settle_command", tag = "ops", request_body = Settlement,
    params(("command" = String, Path, description = "Id")), responses((status = 200, body = OpsCommand),
        (status = 409, body = ProblemBody<'static>, content_type = "application/problem+json")))]
pub async fn settle(
    State(desk): State<Arc<Desk>>,
    Ops(caller): Ops,
    Path(id): Path<String>,
    Payload(asked): Payload<Settlement>,
) -> Result<Response, Problem> {
    let step = match asked.state {
        CommandState::Confirmed => StepIn::Confirm(asked.reference.filter(|reference| !reference.trim().is_empty())),
        CommandState::Refused => StepIn::Refuse,
        CommandState::Queued
        | CommandState::Sending
        | CommandState::Accepted
        | CommandState::Unknown
        | CommandState::Failed => {
            let detail = format!("a command is not settled as `{}`", asked.state);
            return Err(Problem::new(Kind::BodyInvalid, detail).hint("write `confirmed` or `refused`"));
        }
    };
    step_in(&desk, &caller.client.name, &id, step, &asked.reason).await
}

/// Sends a command (again) that surely had no effect
#[utoipa::path(post, path = "/ops/v1/commands/{command}/retry", operation_id = "retry_command", tag = "ops", request_body = SendAgain,
    params(("command" = String, Path, description = "Id")), responses((status = 200, body = OpsCommand),
        (status = 409, body = ProblemBody<'static>, content_type = "application/problem+json")))]
pub async fn retry(
    State(desk): State<Arc<Desk>>,
    Ops(caller): Ops,
    Path(id): Path<String>,
    Payload(asked): Payload<SendAgain>,
) -> Result<Response, Problem> {
    step_in(&desk, &caller.client.name, &id, StepIn::Retry, &asked.reason).await
}

async fn step_in(desk: &Desk, who: &str, id: &str, step: StepIn, reason: &str) -> Result<Response, Problem> {
    let (id, reason) = (read(id)?, reason.trim());
    if reason.is_empty() {
        return Err(Problem::new(Kind::BodyInvalid, "`reason` is empty").hint("say why, for the audit"));
    }
    match desk.api.store.step_in(id, step, who, reason, desk.now()).await? {
        Some(true) => shown(desk, id).await,
        Some(false) => Err(Problem::new(Kind::CommandDecided, "the command is under way, or decided already")
            .hint("those in state `unknown` or `failed` can be settled or sent again")),
        None => Err(absent()),
    }
}

fn read(id: &str) -> Result<CommandId, Problem> {
    id.parse().map(CommandId).map_err(|_| absent())
}

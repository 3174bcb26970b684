//! Requests to the back offices: checked against what the service takes, queued, and answered at once. No back office is
//! called here; what became of a command is read from it, honestly.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::assemble::answer;
use super::auth::{Caller, FrontOffice, Sought};
use super::idempotency::{IdempotencyKey, digest};
use super::parameters::{Asked, Payload, limit, parameters, word};
use super::problem::{Kind, PayloadError, Problem, ProblemBody};
use super::state::Desk;
use crate::model::{CaseRow, CommandId, CommandRule, CommandState, Facts, Seal, Service, Verb, rfc3339};
use crate::store::{self, CommandEntry, CommandFilter, NewCommand};

/// Characters of a title.
const LONGEST_TITLE: usize = 200;

/// A new case, as the front office submits it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Code of the service.
    pub service: String,
    /// What the case is called until its source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How it came in: `internet`, `desk`, `phone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Language of the case (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What the service asks for; `GET /v1/services/{code}` gives its JSON Schema.
    pub payload: Value,
}

/// A request about a case that exists.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What is asked; `submit` makes a new case and has its own route.
    pub verb: Verb,
    /// What the service asks for with this verb.
    pub payload: Value,
}

/// A command that was taken. The same for every request with its key.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommandTicket {
    /// Id; `GET /v1/commands/{id}` says what became of it.
    pub id: String,
    /// What is asked.
    pub verb: Verb,
    /// Service.
    pub service: Arc<str>,
    /// The case; there at once, also when it is new.
    pub case: CommandCase,
    /// When it was asked.
    pub created_at: String,
}

/// The case of a command.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommandCase {
    /// Id.
    pub id: String,
    /// Reference.
    pub reference: String,
}

/// A command and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Command)]
pub struct CommandAnswer {
    /// What was answered when it was asked.
    #[serde(flatten)]
    pub ticket: CommandTicket,
    /// How it stands. `unknown` is neither done nor not done: nobody knows yet.
    pub state: CommandState,
    /// When that changed.
    pub changed_at: String,
    /// The source's number for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it is tried or looked up next; absent when it is not, or waits for an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
}

/// A page of commands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Commands)]
pub struct CommandsAnswer {
    /// Newest first.
    pub commands: Vec<CommandAnswer>,
    /// `before` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

parameters! {
    /// Which commands.
    pub struct CommandsAsked {
        /// State.
        #[param(value_type = Option<CommandState>)]
        state: Option<String>,
        /// Those older than this one.
        before: Option<String>,
        /// Commands per page, 1 to 200 (50).
        limit: Option<usize>,
    }
}

impl CommandTicket {
    fn of(seal: Seal, entry: &CommandEntry) -> Self {
        CommandTicket {
            id: entry.id.to_string(),
            verb: entry.verb,
            service: entry.service.clone(),
            case: CommandCase { id: entry.case_id.to_string(), reference: seal.reference(entry.case) },
            created_at: rfc3339(entry.created_at),
        }
    }
}

impl CommandAnswer {
    /// A command as answered.
    pub fn of(seal: Seal, entry: &CommandEntry) -> Self {
        CommandAnswer {
            ticket: CommandTicket::of(seal, entry),
            state: entry.state,
            changed_at: rfc3339(entry.changed_at),
            reference: entry.reference.clone(),
            reason: entry.reason.clone(),
            next_at: entry.due_at.map(rfc3339),
        }
    }
}

/// Submits a new case
///
/// The case is there at once, in phase `submitted`, and keeps its id when the back office gives it a number. Needs an
/// `Idempotency-Key`: the same key and body get the same answer for seven days.
#[utoipa::path(post, path = "/v1/commands", operation_id = "submit_case", tag = "commands", request_body = Submission,
    params(("Idempotency-Key" = String, Header, description = "Names this request; the same when asking again")),
    responses((status = 202, body = CommandTicket), (status = 409, body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 422, body = ProblemBody<'static>, content_type = "application/problem+json")))]
pub async fn submit(
    State(desk): State<Arc<Desk>>,
    FrontOffice(caller): FrontOffice,
    key: IdempotencyKey,
    Payload(asked): Payload<Submission>,
) -> Result<Response, Problem> {
    let service = desk.api.catalogue.services.get(&asked.service);
    let service = service.filter(|service| caller.sees_service(Some(&service.code))).ok_or_else(|| {
        Problem::new(Kind::ServiceNotFound, "there is no such service within the scope of this key")
            .hint("`/v1/services` lists those there are")
    })?;
    let rule = rule(&caller, service, Verb::Submit)?;
    if asked.title.as_ref().is_some_and(|title| title.chars().count() > LONGEST_TITLE) {
        let detail = format!("`title` has more than {LONGEST_TITLE} characters");
        return Err(Problem::new(Kind::BodyInvalid, detail).hint("say it shorter; details belong into the payload"));
    }
    let body = serde_json::to_value(&asked).unwrap_or_default();
    let Submission { service: code, title, channel, language, payload } = asked;
    let facts = Facts { title, channel, language, ..Facts::default() };
    let wanted = Wanted { verb: Verb::Submit, service: code, case: None, facts, payload };
    queue(&desk, &caller, key, rule, wanted, &body).await
}

/// Asks something about a case
///
/// Needs an `Idempotency-Key`: the same key and body get the same answer for seven days. Commands of one case are carried
/// out one by one, in the order in which they were asked.
#[utoipa::path(post, path = "/v1/cases/{case}/commands", operation_id = "command_case", tag = "commands", request_body = Request,
    params(("case" = String, Path, description = "Id or reference"),
        ("Idempotency-Key" = String, Header, description = "Names this request; the same when asking again")),
    responses((status = 202, body = CommandTicket), (status = 409, body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 422, body = ProblemBody<'static>, content_type = "application/problem+json")))]
pub async fn ask(
    State(desk): State<Arc<Desk>>,
    sought: Sought,
    key: IdempotencyKey,
    Payload(asked): Payload<Request>,
) -> Result<Response, Problem> {
    let case = sought.read().await?;
    let Request { verb, .. } = asked;
    if verb == Verb::Submit {
        return Err(Problem::new(Kind::CommandNotAccepted, "the case is there already")
            .hint("send `submit` to `/v1/commands`, for a new case"));
    }
    let service = case.service.as_deref().and_then(|code| desk.api.catalogue.services.get(code));
    let service = service.ok_or_else(|| not_accepted(verb, "a case without a service of the catalogue"))?;
    let rule = rule(&sought.caller, service, verb)?;
    let body = serde_json::to_value(&asked).unwrap_or_default();
    let (service, facts) = (service.code.clone(), Facts::default());
    let wanted = Wanted { verb, service, case: Some(case.row), facts, payload: asked.payload };
    queue(&desk, &sought.caller, key, rule, wanted, &body).await
}

/// What is to be queued.
struct Wanted {
    verb: Verb,
    service: String,
    case: Option<CaseRow>,
    facts: Facts,
    payload: Value,
}

/// How a service takes a verb, for those who may ask it.
fn rule<'s>(caller: &Caller, service: &'s Service, verb: Verb) -> Result<&'s CommandRule, Problem> {
    if !caller.may(verb, &service.code) {
        let detail = format!("this key may not send `{verb}` to the service `{}`", service.code);
        return Err(Problem::new(Kind::ScopeMissing, detail));
    }
    service.commands.get(&verb).ok_or_else(|| not_accepted(verb, &format!("the service `{}`", service.code)))
}

fn not_accepted(verb: Verb, what: &str) -> Problem {
    Problem::new(Kind::CommandNotAccepted, format!("{what} does not take `{verb}`"))
        .hint("`GET /v1/services/{code}` says what each service takes")
}

async fn queue(
    desk: &Desk,
    caller: &Caller,
    key: IdempotencyKey,
    rule: &CommandRule,
    wanted: Wanted,
    body: &Value,
) -> Result<Response, Problem> {
    let errors: Vec<PayloadError> =
        rule.schema.problems(&wanted.payload).into_iter().map(|(at, detail)| PayloadError { at, detail }).collect();
    if !errors.is_empty() {
        let detail = format!("the payload is not what the service `{}` asks for", wanted.service);
        return Err(Problem::new(Kind::PayloadInvalid, detail).errors(errors));
    }
    let _held = desk.in_hand.take(caller, &key)?;
    let about = wanted.case.map(|case| case.0.to_string()).unwrap_or_default();
    let new = NewCommand {
        id: CommandId(Uuid::now_v7()),
        verb: wanted.verb,
        flow: rule.to.clone(),
        digest: digest(&[wanted.verb.word(), &about], body),
        service: wanted.service,
        case: wanted.case,
        facts: wanted.facts,
        payload: wanted.payload.to_string(),
        client: caller.client.name.clone(),
        key: key.0,
        now: desk.now(),
    };
    match desk.api.store.ask(new).await? {
        store::Asked::New(entry) | store::Asked::Again(entry) => taken(desk, &entry),
        store::Asked::OtherRequest => {
            let detail = "this `Idempotency-Key` was used for another request";
            Err(Problem::new(Kind::IdempotencyKeyReused, detail).hint("use a new key for a new request"))
        }
    }
}

fn taken(desk: &Desk, entry: &CommandEntry) -> Result<Response, Problem> {
    let mut response = answer(&CommandTicket::of(desk.seal, entry))?;
    *response.status_mut() = StatusCode::ACCEPTED;
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/commands/{}", entry.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// A command, and what became of it
///
/// One's own; clients that speak for staff see those of every case in their scope.
#[utoipa::path(get, path = "/v1/commands/{command}", operation_id = "get_command", tag = "commands", params(("command" = String, Path, description = "Id")),
    responses((status = 200, body = CommandAnswer), (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json")))]
pub async fn show(
    State(desk): State<Arc<Desk>>,
    FrontOffice(caller): FrontOffice,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = match id.parse() {
        Ok(id) => desk.api.store.command(CommandId(id)).await?,
        Err(_) => None,
    };
    let entry = found.filter(|entry| caller.sees_command(entry)).ok_or_else(absent)?;
    answer(&CommandAnswer::of(desk.seal, &entry))
}

/// The problem of a command that is not there.
pub fn absent() -> Problem {
    Problem::new(Kind::CommandNotFound, "there is no such command within the scope of this key")
}

/// Commands, newest first
///
/// One's own; clients that speak for staff see those of every case in their scope.
#[utoipa::path(get, path = "/v1/commands", operation_id = "list_commands", tag = "commands", params(CommandsAsked),
    responses((status = 200, body = CommandsAnswer)))]
pub async fn list(
    State(desk): State<Arc<Desk>>,
    FrontOffice(caller): FrontOffice,
    Asked(asked): Asked<CommandsAsked>,
) -> Result<Response, Problem> {
    let scopes = &caller.client.scopes;
    let filter = CommandFilter {
        client: (!caller.staff()).then(|| caller.client.name.clone()),
        services: scopes.services.clone(),
        confidentiality: scopes.confidentiality,
        ..filter(asked)?
    };
    page(&desk, &filter).await
}

/// Commands of a case, newest first
#[utoipa::path(get, path = "/v1/cases/{case}/commands", operation_id = "list_case_commands", tag = "commands",
    params(("case" = String, Path, description = "Id or reference"), CommandsAsked),
    responses((status = 200, body = CommandsAnswer)))]
pub async fn of_case(
    State(desk): State<Arc<Desk>>,
    sought: Sought,
    Asked(asked): Asked<CommandsAsked>,
) -> Result<Response, Problem> {
    let case = sought.read().await?;
    let own = (!sought.caller.staff()).then(|| sought.caller.client.name.clone());
    let filter = CommandFilter {
        case: Some(case.row),
        client: own,
        services: sought.caller.client.scopes.services.clone(),
        confidentiality: case.confidentiality,
        ..filter(asked)?
    };
    page(&desk, &filter).await
}

async fn page(desk: &Desk, filter: &CommandFilter) -> Result<Response, Problem> {
    let found = desk.api.store.commands(filter).await?;
    let next = found.last().filter(|_| found.len() == filter.limit).map(|entry| entry.id.to_string());
    answer(&CommandsAnswer { commands: found.iter().map(|entry| CommandAnswer::of(desk.seal, entry)).collect(), next })
}

/// A filter of what is asked for, without any scope.
pub fn filter(asked: CommandsAsked) -> Result<CommandFilter, Problem> {
    Ok(CommandFilter {
        state: word("state", asked.state.as_deref(), CommandState::parse, CommandState::WORDS)?,
        before: before(asked.before.as_deref())?,
        limit: limit(asked.limit)?,
        ..CommandFilter::default()
    })
}

fn before(given: Option<&str>) -> Result<Option<CommandId>, Problem> {
    let unusable = |_| Problem::new(Kind::QueryInvalid, "`before` is not the id of a command");
    given.map(|id| id.parse().map(CommandId).map_err(unusable)).transpose()
}

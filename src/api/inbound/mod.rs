//! Back offices that push: who it is and what it may push to is known before a byte of the body is read; a 2xx means
//! that everything in the body is committed. A flow outside a client's scope answers like one that does not exist (I10).

mod admit;
mod body;
mod plain;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use guichet_sdk::{Code, Issue, Message, Receiver, Reply, Side, Turned};

use self::admit::{Asker, Pusher};
use super::problem::{Kind, Problem, ProblemBody};
use super::state::Desk;
use crate::flow::{Admission, Closed, Reception, Untaken};

/// Seconds after which a paused flow may be tried again.
const PAUSED_WAIT: u32 = 60;
/// Code of what the hub cannot take at this moment.
const NOT_NOW: Code = Code("E279");

/// Takes records that a source pushes
///
/// The body is what the flow reads: JSON, NDJSON, CSV, XML or fixed width as its mapping says, or the envelope of its
/// protocol; `content-encoding: gzip` is understood. A 2xx means that everything in it is committed: each record is applied,
/// known already, or kept in quarantine. The same body sent twice is applied once. For JSON and NDJSON `results` tells
/// of every record, else of those that are held. HTTP basic with the client's name and key is accepted too.
#[utoipa::path(post, path = "/v1/inbound/{source}/{flow}", operation_id = "push_records", tag = "inbound",
    params(("source" = String, Path), ("flow" = String, Path)),
    request_body(description = "Records in the format of the flow", content(
        (String = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"),
        (String = "application/xml"), (String = "text/plain"),
    )),
    security(("key" = []), ("basic" = [])),
    responses(
        (status = 200, description = "Everything is committed", body = plain::Pushed),
        (status = 401, body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 422, description = "The body cannot be cut into records; nothing of it is kept", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 503, description = "Not now, nothing is kept: send it again after `retry-after`", body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn push(State(desk): State<Arc<Desk>>, pusher: Pusher, request: Request) -> Response {
    let Pusher { reception, asker } = pusher;
    let receiver = receiver(&reception);
    let (parts, body) = request.into_parts();
    let mut message = Message { headers: fields(&parts.headers), ..Message::default() };
    match taken(&desk, &reception, &*receiver, asker, &mut message, body).await {
        Ok(reply) => answered(reply),
        Err(refusal) => refused(refusal, &*receiver, &message),
    }
}

/// Describes how to push, where the protocol of the flow has a description
///
/// A SOAP flow gives its WSDL at `?wsdl`.
#[utoipa::path(get, path = "/v1/inbound/{source}/{flow}", operation_id = "describe_inbound", tag = "inbound",
    params(("source" = String, Path), ("flow" = String, Path)),
    security(("key" = []), ("basic" = [])),
    responses(
        (status = 200, description = "The description", body = String, content_type = "text/xml"),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn describe(pusher: Pusher, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    let asked = query.is_some_and(|query| query.eq_ignore_ascii_case("wsdl"));
    let name = pusher.reception.name();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = headers.get("x-forwarded-proto").and_then(|scheme| scheme.to_str().ok());
    let scheme = scheme.filter(|scheme| *scheme == "https").unwrap_or("http");
    let address = format!("{scheme}://{host}/v1/inbound/{}/{}", name.source, name.flow);
    let reply = receiver(&pusher.reception).describe(&address).filter(|_| asked);
    let none = || Problem::new(Kind::RouteNotFound, "this flow has no such description").hint("send records with POST");
    reply.map(answered).ok_or_else(none)
}

/// How a flow receives: in its own protocol, or the records alone.
fn receiver(reception: &Reception) -> Arc<dyn Receiver> {
    reception.receiver().unwrap_or_else(|| Arc::new(plain::Plain::of(reception.format())))
}

/// Why a push was refused.
enum Refusal {
    /// Said in the words of HTTP.
    Http(Problem),
    /// Said in the words of the flow's protocol, where it has some; with when to try again.
    Turned(Box<Turned>, Option<Problem>),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Refusal::Http(problem)
    }
}

impl From<Turned> for Refusal {
    fn from(turned: Turned) -> Self {
        Refusal::Turned(Box::new(turned), None)
    }
}

async fn taken(
    desk: &Desk,
    reception: &Arc<Reception>,
    receiver: &dyn Receiver,
    asker: Asker,
    message: &mut Message,
    body: Body,
) -> Result<Reply, Refusal> {
    let admission: Admission = reception.enter().map_err(closed)?;
    message.body = body::read(message, body, reception.bounds(), desk.bounds().body_timeout).await?;
    let client = match asker {
        Asker::Known(client) => client,
        Asker::Inside(guard) => {
            let name = guard.client(message, desk.now())?;
            admit::inside(desk, &name, reception.name())?
        }
    };
    let bytes = receiver.unwrap(message)?;
    let taken = reception.take(admission, bytes, &client).await.map_err(untaken)?;
    Ok(receiver.answer(message, &taken))
}

fn closed(closed: Closed) -> Refusal {
    let (kind, detail, wait) = match closed {
        Closed::Paused => (Kind::FlowPaused, "the flow is paused", PAUSED_WAIT),
        Closed::Stopping => (Kind::Draining, "the hub is stopping", 5),
        Closed::Full => (Kind::Busy, "as much as the flow takes at once is being taken", 1),
    };
    let issue = Issue::error(NOT_NOW, format!("{detail}; nothing of this message is kept")).hint("send it again later");
    Refusal::Turned(Box::new(Turned::hub(issue)), Some(Problem::new(kind, detail).retry_after(wait)))
}

fn untaken(untaken: Untaken) -> Refusal {
    match untaken {
        Untaken::Unreadable(issue) => Turned::peer(issue).into(),
        Untaken::Store(fault) => {
            let issue = Issue::error(NOT_NOW, "the hub cannot keep this message now").hint("send it again later");
            Refusal::Turned(Box::new(Turned::hub(issue)), Some(fault.into()))
        }
    }
}

/// A refusal as the peer reads it. The status and `retry-after` of the hub's own trouble stand whatever the protocol.
fn refused(refusal: Refusal, receiver: &dyn Receiver, message: &Message) -> Response {
    let (turned, problem) = match refusal {
        Refusal::Http(problem) => return problem.into_response(),
        Refusal::Turned(turned, problem) => (turned, problem),
    };
    tracing::info!(code = %turned.issue.code, place = %turned.issue.place, "a push was refused: {}", turned.issue.message);
    let Some(reply) = receiver.refuse(message, &turned) else {
        return problem.unwrap_or_else(|| unreadable(&turned)).into_response();
    };
    let mut response = answered(reply);
    if let Some(problem) = problem {
        *response.status_mut() = problem.status();
        if let Some(seconds) = problem.wait() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    // the edge leaves what a protocol says as it is
    response.extensions_mut().insert(super::edge::Said);
    response
}

fn unreadable(turned: &Turned) -> Problem {
    let issue = &turned.issue;
    let kind = match turned.by {
        Side::Peer => Kind::RecordsUnreadable,
        Side::Hub => Kind::Busy,
    };
    let problem = Problem::new(kind, format!("{}: {}", issue.code, issue.message));
    let problem = match (issue.place.line, issue.place.column) {
        (Some(line), column) => problem.at(line, column.unwrap_or(1)),
        (None, _) => problem,
    };
    match &issue.hint {
        Some(hint) => problem.hint(hint.clone()),
        None => problem,
    }
}

fn answered(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    response
}

/// Header fields as a receiver reads them: never the key.
fn fields(headers: &HeaderMap) -> Vec<(Box<str>, Box<str>)> {
    let known = headers.iter().filter(|(name, _)| *name != axum::http::header::AUTHORIZATION);
    known.filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into()))).collect()
}

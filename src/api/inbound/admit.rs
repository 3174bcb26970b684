//! Who pushes, and whether it may: an extractor of the request head alone. A key that opens nothing costs no body.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use guichet_sdk::Guard;

use crate::api::auth::{self, Caller};
use crate::api::problem::{Kind, Problem};
use crate::api::state::Desk;
use crate::flow::Reception;
use crate::model::FlowName;

/// A client that may push to the flow of the path, or somebody whose message will say who it is.
pub struct Pusher {
    /// Where its records are taken.
    pub reception: Arc<Reception>,
    /// Who asks.
    pub asker: Asker,
}

/// Who asks.
pub enum Asker {
    /// A client, by the name that will stand with its records.
    Known(String),
    /// Nobody yet: the message carries the credentials.
    Inside(Arc<dyn Guard>),
}

impl FromRequestParts<Arc<Desk>> for Pusher {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, desk).await;
        let Path((source, flow)) = path.map_err(|_| Problem::bare(axum::http::StatusCode::BAD_REQUEST))?;
        let name = FlowName::new(&source, &flow);
        let reception = desk.api.receptions.get(&name);
        let Some(caller) = caller(parts, desk)? else {
            let guarded = reception.and_then(|known| Some((known.clone(), known.receiver()?.guard()?)));
            let none = || nobody("the request has no `authorization` header");
            let (reception, guard) = guarded.ok_or_else(none)?;
            return Ok(Pusher { reception, asker: Asker::Inside(guard) });
        };
        let reception = reception.filter(|_| caller.pushes(&name)).ok_or_else(absent)?;
        Ok(Pusher { reception: reception.clone(), asker: Asker::Known(caller.client.name.clone()) })
    }
}

/// The client that a message named, when it may push to the flow.
pub fn inside(desk: &Desk, client: &str, flow: &FlowName) -> Result<String, Problem> {
    let caller = desk.callers.iter().find(|caller| caller.client.name == client);
    let caller = caller.filter(|caller| caller.pushes(flow)).ok_or_else(absent)?;
    auth::within_rate(caller, desk)?;
    Ok(caller.client.name.clone())
}

/// The client of the `authorization` header: a bearer key, or basic with its name and key, which is all that many old
/// systems can send.
fn caller(parts: &Parts, desk: &Desk) -> Result<Option<Arc<Caller>>, Problem> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(None) };
    let found = match (auth::bearer(header), basic(header)) {
        (Some(key), _) => auth::of_key(key, desk),
        (None, Some(token)) => named(token, desk),
        (None, None) => {
            return Err(nobody("the `authorization` header is neither `Bearer KEY` nor `Basic` with a name and key"));
        }
    };
    let caller = found.ok_or_else(|| nobody("the credentials are not those of a client of this hub"))?;
    auth::within_rate(&caller, desk)?;
    Ok(Some(caller))
}

fn basic(header: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = header.as_bytes().split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"basic ").then_some(token)
}

/// The client of `NAME:KEY` in base64; the name must be that of the key.
fn named(token: &[u8], desk: &Desk) -> Option<Arc<Caller>> {
    let decoded = BASE64_STANDARD.decode(token.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let found = auth::of_key(&decoded[colon + 1..], desk);
    found.filter(|caller| caller.client.name.as_bytes() == &decoded[..colon])
}

fn nobody(detail: &'static str) -> Problem {
    Problem::new(Kind::CredentialsMissing, detail).hint("send `authorization: Bearer KEY`, or basic with NAME:KEY")
}

fn absent() -> Problem {
    Problem::new(Kind::FlowNotFound, "there is no such flow within the scope of this key")
}

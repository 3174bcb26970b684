//! One case, in one fast call.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use super::assemble::{CaseAnswer, Writer, written};
use super::auth::Sought;
use super::etag;
use super::language::negotiate;
use super::parameters::{Asked, parameters};
use super::problem::{Problem, ProblemBody};
use super::state::Desk;

parameters! {
    /// How a case is read.
    pub struct CaseAsked {
        /// Language of the wording; else `Accept-Language` decides.
        lang: Option<String>,
    }
}

/// The whole case
///
/// By id or by reference (spaces, hyphens and case do not matter). `If-None-Match` answers 304 without reading the case.
#[utoipa::path(
    get, path = "/v1/cases/{case}", operation_id = "get_case", tag = "cases",
    params(("case" = String, Path, description = "Id or reference"), CaseAsked),
    responses(
        (status = 200, body = CaseAnswer<'static>),
        (status = 304, description = "What the client holds still stands"),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub async fn show(
    State(desk): State<Arc<Desk>>,
    sought: Sought,
    Asked(asked): Asked<CaseAsked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = negotiate(desk.phrases.languages(), asked.lang.as_deref(), &headers);
    let subject = etag::Subject { row: sought.row(), caller: &sought.caller, language };
    if let Some(given) = headers.get(IF_NONE_MATCH)
        && let Some(revision) = sought.revision().await?
        && let Some(tag) = etag::standing(&desk, &desk.sources(), &subject, revision, given)
    {
        let mut unchanged = Response::default();
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(tagged(unchanged, &tag));
    }
    let document = sought.read().await?;
    let view = desk.sources();
    let mut out = Vec::new();
    Writer { desk: &desk, view: &view, language, staff: sought.caller.staff() }.case(&mut out, &document);
    let sources: Vec<usize> = document.sources.iter().filter_map(|source| view.position(source)).collect();
    let tag = etag::write(&desk, &view, &subject, document.revision, &sources);
    Ok(tagged(written(out), &tag))
}

fn tagged(mut response: Response, tag: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("authorization, accept-language"));
    response
}

//! Lists of cases within a client's scope. A failing source never looks like "no cases": each list says how every
//! source stands.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use guichet_sdk::Digest;
use serde::Serialize;
use utoipa::ToSchema;

use super::assemble::{CaseAnswer, Writer, written};
use super::auth::{Caller, FrontOffice};
use super::cursor;
use super::language::{Language, negotiate};
use super::parameters::{Asked, limit, parameters, time, word};
use super::problem::Problem;
use super::sources::{self, SourceAnswer};
use super::state::Desk;
use crate::model::{Outcome, Phase, WaitingOn};
use crate::store::{CaseQuery, Term};

parameters! {
    /// Which cases; every condition must hold.
    pub struct CasesAsked {
        /// Service code.
        service: Option<String>,
        /// Phase.
        #[param(value_type = Option<Phase>)]
        phase: Option<String>,
        /// Who must act next.
        #[param(value_type = Option<WaitingOn>)]
        waiting_on: Option<String>,
        /// Outcome.
        #[param(value_type = Option<Outcome>)]
        outcome: Option<String>,
        /// Source.
        source: Option<String>,
        /// Changed at or after this time or date.
        updated_since: Option<String>,
        /// The case's own number in its source.
        reference: Option<String>,
        /// Words in the title.
        q: Option<String>,
        /// Where the page starts: `next` of the page before.
        cursor: Option<String>,
        /// Cases per page, 1 to 200 (50).
        limit: Option<usize>,
        /// Language of the wording; else `Accept-Language` decides.
        lang: Option<String>,
    }
}

/// A page of cases. Describes what [`page`] concatenates.
#[derive(Serialize, ToSchema)]
#[schema(as = Cases)]
pub struct CasesAnswer<'a> {
    /// Newest change first.
    pub cases: Vec<CaseAnswer<'a>>,
    /// Where the next page starts; absent on the last page.
    pub next: Option<String>,
    /// How every source asked stands: cases of one that is not `ok` may be missing or old.
    pub sources: Vec<SourceAnswer<'a>>,
}

/// Cases, newest change first
///
/// Only those within the scope of the key; unknown parameters are refused.
#[utoipa::path(get, path = "/v1/cases", operation_id = "list_cases", tag = "cases", params(CasesAsked),
    responses((status = 200, body = CasesAnswer<'static>)))]
pub async fn list(
    State(desk): State<Arc<Desk>>,
    FrontOffice(caller): FrontOffice,
    Asked(asked): Asked<CasesAsked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = negotiate(desk.phrases.languages(), asked.lang.as_deref(), &headers);
    let query = CaseQuery {
        service: asked.service,
        phase: word("phase", asked.phase.as_deref(), Phase::parse, Phase::WORDS)?,
        waiting_on: word("waiting_on", asked.waiting_on.as_deref(), WaitingOn::parse, WaitingOn::WORDS)?,
        outcome: word("outcome", asked.outcome.as_deref(), Outcome::parse, Outcome::WORDS)?,
        source: asked.source,
        updated_since: time("updated_since", asked.updated_since.as_deref(), false)?,
        text: asked.q,
        terms: asked.reference.map(Term::Reference).into_iter().collect(),
        limit: limit(asked.limit)?,
        ..scoped(&caller)
    };
    page(&desk, &caller, query, asked.cursor.as_deref(), language).await
}

/// A query that can only find what the caller may see.
pub fn scoped(caller: &Caller) -> CaseQuery {
    let scopes = &caller.client.scopes;
    CaseQuery {
        scope_services: scopes.services.clone(),
        scope_confidentiality: scopes.confidentiality,
        ..CaseQuery::default()
    }
}

/// Answers a page of a list.
pub async fn page(
    desk: &Desk,
    caller: &Caller,
    mut query: CaseQuery,
    cursor: Option<&str>,
    language: Language,
) -> Result<Response, Problem> {
    let list = identity(caller, &query);
    query.after = cursor.map(|text| cursor::read(desk.seal, text, list)).transpose()?;
    let found = desk.api.store.cases(&query).await?;
    let view = desk.sources();
    let writer = Writer { desk, view: &view, language, staff: caller.staff() };
    let mut out = Vec::with_capacity(1024 * found.cases.len() + 1024);
    out.extend(b"{\"cases\":[");
    for (n, document) in found.cases.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        writer.case(&mut out, document);
    }
    out.extend(b"],");
    if let Some(mark) = found.next {
        out.extend(format!("\"next\":\"{}\",", cursor::write(desk.seal, mark, list)).as_bytes());
    }
    out.extend(b"\"sources\":");
    let sources = sources::answers(desk, &view, query.source.as_deref());
    out.extend(serde_json::to_vec(&sources).unwrap_or_else(|_| b"[]".to_vec()));
    out.push(b'}');
    Ok(written(out))
}

/// What makes a list this list: who asks and for what, but not how much of it at once.
fn identity(caller: &Caller, query: &CaseQuery) -> Digest {
    let asked = CaseQuery { limit: 0, after: None, ..query.clone() };
    Digest::of(&[&caller.scope.0, format!("{asked:?}").as_bytes()])
}

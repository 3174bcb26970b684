//! Search by what must never stand in a URL: identifiers of persons, addresses, parcels.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::auth::FrontOffice;
use super::cases::{CasesAnswer, page, scoped};
use super::language::negotiate;
use super::parameters::{Payload, limit};
use super::problem::{Kind, Problem, ProblemBody};
use super::state::Desk;
use crate::store::{CaseQuery, Term};

/// What is looked for; every term given must match.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// An identifier of a party.
    pub identifier: Option<Identifier>,
    /// An address in one line.
    pub address: Option<String>,
    /// A cadastral parcel.
    pub parcel: Option<String>,
    /// The case's own number in any source, or an alias of it.
    pub reference: Option<String>,
    /// Where the page starts: `next` of the page before.
    pub cursor: Option<String>,
    /// Cases per page, 1 to 200 (50).
    pub limit: Option<usize>,
    /// Language of the wording; else `Accept-Language` decides.
    pub lang: Option<String>,
}

/// An identifier of a party.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// Scheme (`siret`, `siren`, `rna`, `vat`…).
    pub scheme: String,
    /// Value.
    pub value: String,
}

/// Cases by identifier, address, parcel or native reference
///
/// What is looked for stands in the body, never in the URL.
#[utoipa::path(post, path = "/v1/cases/search", operation_id = "search_cases", tag = "cases", request_body = Search,
    responses(
        (status = 200, body = CasesAnswer<'static>),
        (status = 422, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn run(
    State(desk): State<Arc<Desk>>,
    FrontOffice(caller): FrontOffice,
    headers: HeaderMap,
    Payload(search): Payload<Search>,
) -> Result<Response, Problem> {
    let language = negotiate(desk.phrases.languages(), search.lang.as_deref(), &headers);
    let terms: Vec<Term> = [
        search.identifier.map(|identifier| Term::Identifier(identifier.scheme, identifier.value)),
        search.address.map(Term::Address),
        search.parcel.map(Term::Parcel),
        search.reference.map(Term::Reference),
    ]
    .into_iter()
    .flatten()
    .collect();
    if terms.is_empty() {
        return Err(Problem::new(Kind::BodyInvalid, "nothing is looked for")
            .hint("give `identifier`, `address`, `parcel` or `reference`"));
    }
    let query = CaseQuery { terms, limit: limit(search.limit)?, ..scoped(&caller) };
    page(&desk, &caller, query, search.cursor.as_deref(), language).await
}

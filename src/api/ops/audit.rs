//! What operators did, newest first.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::assemble::answer;
use crate::api::auth::Ops;
use crate::api::parameters::{Asked, limit, parameters};
use crate::api::problem::Problem;
use crate::api::state::Desk;
use crate::model::rfc3339;
use crate::store::AuditEntry;

parameters! {
    /// Which part of the audit.
    pub struct AuditAsked {
        /// Rows before this one.
        before: Option<i64>,
        /// Rows per page, 1 to 200 (50).
        limit: Option<usize>,
    }
}

/// What operators did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Audit)]
pub struct AuditAnswer {
    /// Newest first.
    pub done: Vec<Deed>,
    /// `before` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// What an operator did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deed {
    /// Row.
    pub row: i64,
    /// When.
    pub at: String,
    /// Who.
    pub who: String,
    /// The verb.
    pub what: String,
    /// To what.
    pub target: String,
    /// Why.
    pub why: String,
}

impl From<AuditEntry> for Deed {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { row, at, who, what, target, why } = entry;
        Deed { row, at: rfc3339(at), who, what, target, why }
    }
}

/// What operators did, newest first
#[utoipa::path(get, path = "/ops/v1/audit", operation_id = "list_audit", tag = "ops", params(AuditAsked),
    responses((status = 200, body = AuditAnswer)))]
pub async fn list(State(desk): State<Arc<Desk>>, _: Ops, Asked(asked): Asked<AuditAsked>) -> Result<Response, Problem> {
    let limit = limit(asked.limit)?;
    let entries = desk.api.store.audit(asked.before, limit).await?;
    let next = entries.last().filter(|_| entries.len() == limit).map(|entry| entry.row);
    answer(&AuditAnswer { done: entries.into_iter().map(Deed::from).collect(), next })
}

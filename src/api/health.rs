//! Health: whether the process lives, and whether it can answer.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::assemble::answer;
use super::problem::{Kind, Problem, ProblemBody};
use super::state::Desk;

/// How the process is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`: what is not ok does not answer so.
    pub status: &'static str,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", operation_id = "get_liveness", tag = "health", responses((status = 200, body = Health)), security(()))]
pub async fn live() -> Result<Response, Problem> {
    answer(&Health { status: "ok" })
}

/// Whether it can answer: the store does, and the hub is not stopping
#[utoipa::path(get, path = "/readyz", operation_id = "get_readiness", tag = "health", security(()), responses(
    (status = 200, body = Health),
    (status = 503, body = ProblemBody<'static>, content_type = "application/problem+json"),
))]
pub async fn ready(State(desk): State<Arc<Desk>>) -> Result<Response, Problem> {
    if *desk.draining.borrow() {
        return Err(Problem::new(Kind::Draining, "the hub is stopping").retry_after(5));
    }
    desk.api.store.vitals().await?;
    answer(&Health { status: "ok" })
}

//! Metrics in Prometheus' text format, for those who may use `/ops`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::auth::Ops;
use super::state::Desk;

/// Metrics in Prometheus' text format
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "ops",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4")))]
pub async fn scrape(State(desk): State<Arc<Desk>>, _: Ops) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (desk.api.metrics)())
}

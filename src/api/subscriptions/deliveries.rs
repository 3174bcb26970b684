//! The deliveries of a subscription: what waits, what was given up, and the last attempts.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::Named;
use crate::api::assemble::answer;
use crate::api::changes::{place, visible};
use crate::api::parameters::{Asked, limit, parameters};
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::Desk;
use crate::model::rfc3339;
use crate::notify::{Attempt, ChangeBody, id};
use crate::store::Delivery;

parameters! {
    /// Which deliveries.
    pub struct DeliveriesAsked {
        /// Those given up (dead letters), instead of those that wait.
        dead: Option<bool>,
        /// Those after this change.
        after: Option<String>,
        /// Deliveries per page, 1 to 200 (50).
        limit: Option<usize>,
    }
}

/// Deliveries that did not succeed at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deliveries)]
pub struct DeliveriesAnswer {
    /// In the order of their changes.
    pub deliveries: Vec<DeliveryAnswer>,
    /// `after` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The last attempts since the hub started, successful ones included; the latest last.
    pub recent: Vec<AttemptAnswer>,
}

/// A delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryAnswer {
    /// Id of the change, and of the event.
    pub id: String,
    /// The change, when the caller may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeBody>,
    /// Attempts so far; 0 = it waits behind another one of its case.
    pub attempts: u32,
    /// When the first was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at: Option<String>,
    /// When the next is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// HTTP status of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// When it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_at: Option<String>,
}

/// An attempt to deliver.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptAnswer {
    /// Id of the change, and of the event.
    pub id: String,
    /// Kind of change.
    pub kind: &'static str,
    /// When it ended.
    pub at: String,
    /// How long it took, milliseconds.
    pub took_ms: f64,
    /// Its number, from 1.
    pub attempt: u32,
    /// What went wrong; absent when the receiver has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl From<Attempt> for AttemptAnswer {
    fn from(attempt: Attempt) -> Self {
        let Attempt { id, kind, at, took, number, trouble } = attempt;
        AttemptAnswer { id, kind, at: rfc3339(at), took_ms: took as f64 / 1e3, attempt: number, trouble }
    }
}

/// Deliveries that wait for another attempt, or were given up
#[utoipa::path(get, path = "/v1/subscriptions/{id}/deliveries", operation_id = "list_deliveries", tag = "subscriptions",
    params(("id" = String, Path), DeliveriesAsked),
    responses(
        (status = 200, body = DeliveriesAnswer),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(desk): State<Arc<Desk>>,
    named: Named,
    Asked(asked): Asked<DeliveriesAsked>,
) -> Result<Response, Problem> {
    let Named { caller, subscription } = named;
    let limit = limit(asked.limit)?;
    let after = asked.after.as_deref().map_or(Ok(0), |after| place(&desk, &caller, after))?;
    let found = desk.api.store.deliveries(subscription.row, asked.dead.unwrap_or(false), after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| id(desk.seal, &last.change));
    let deliveries = found.into_iter().map(|Delivery { change, standing }| DeliveryAnswer {
        id: id(desk.seal, &change),
        change: visible(&caller, &change).then(|| ChangeBody::of(desk.seal, &change)),
        attempts: standing.attempts,
        first_at: standing.first_at.map(rfc3339),
        next_at: standing.dead_at.is_none().then(|| rfc3339(standing.next_at)),
        status: standing.status,
        trouble: standing.trouble,
        dead_at: standing.dead_at.map(rfc3339),
    });
    let recent = desk.api.news.board.get(subscription.row).recent;
    answer(&DeliveriesAnswer {
        deliveries: deliveries.collect(),
        next,
        recent: recent.into_iter().map(Into::into).collect(),
    })
}

//! Flows: how each one stands, and the verbs on one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use guichet_sdk::{BreakerLook, BreakerState, CertificateLook};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::assemble::answer;
use crate::api::auth::Ops;
use crate::api::parameters::Payload;
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::Desk;
use crate::flow::{FlowState, FlowStatus, certificate_word};
use crate::model::{FlowName, Freshness, rfc3339};
use crate::store::Counts;

/// Every flow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Flows)]
pub struct FlowsAnswer {
    /// By name.
    pub flows: Vec<FlowAnswer>,
}

/// How a flow stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Flow)]
pub struct FlowAnswer {
    /// Source.
    pub source: Arc<str>,
    /// Flow.
    pub flow: Arc<str>,
    /// `starting`, `idle`, `running`, `backing_off`, `paused` (with its `reason`) or `failed`.
    #[serde(flatten)]
    #[schema(value_type = FlowStateAnswer)]
    pub state: FlowState,
    /// Against its contract.
    pub freshness: Freshness,
    /// When it last started to look at its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it will look again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// When it last looked successfully.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<String>,
    /// When its source last said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// The last failure, until a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<super::quarantine::IssueAnswer>,
    /// The circuit breaker in front of its source. Flows of one source at one host share it.
    pub breaker: BreakerAnswer,
    /// The certificates between the hub and its source, where there are some and they were read or shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateAnswer>,
    /// Since when its source has kept it waiting for an answer, where that is longer than an answer should take: the
    /// source is slow, or stalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_since: Option<String>,
    /// How far the current file or answer is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressAnswer>,
    /// How its records ended: received is always the sum of the others (I1).
    pub counts: Counts,
    /// Messages the source delivered again, since the hub started.
    pub redelivered: u64,
    /// Records held back and still open.
    pub open: u64,
}

/// What a flow is doing.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlowStateAnswer {
    /// The word.
    pub state: String,
    /// Why it is paused.
    pub reason: Option<String>,
}

/// A circuit breaker.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Breaker)]
pub struct BreakerAnswer {
    /// `closed` (requests go through), `open` (the source is left alone) or `half_open` (one probe decides).
    pub state: BreakerStateAnswer,
    /// Failures in a row; repetitions of a request count.
    pub failures: u32,
    /// Seconds until a probe goes out, while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_in: Option<u64>,
    /// What opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<super::quarantine::IssueAnswer>,
}

/// State of a circuit breaker.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BreakerState)]
#[serde(rename_all = "snake_case")]
pub enum BreakerStateAnswer {
    /// Requests go through.
    Closed,
    /// The source is left alone.
    Open,
    /// One probe is under way.
    HalfOpen,
}

impl From<BreakerLook> for BreakerAnswer {
    fn from(look: BreakerLook) -> Self {
        let BreakerLook { state, failures, probe_in, because } = look;
        // rounded up: never "0" while it is still open
        let probe_in = probe_in.map(|left| left.as_millis().div_ceil(1000) as u64);
        let state = match state {
            BreakerState::Closed => BreakerStateAnswer::Closed,
            BreakerState::Open => BreakerStateAnswer::Open,
            BreakerState::HalfOpen => BreakerStateAnswer::HalfOpen,
        };
        BreakerAnswer { state, failures, probe_in, because: because.as_ref().map(Into::into) }
    }
}

/// A certificate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Certificate)]
pub struct CertificateAnswer {
    /// `peer` (as it showed it last), `own` (which the peer wants to see) or `authority` (of those trusted, the one that
    /// expires first).
    pub what: &'static str,
    /// When it expires.
    pub expires_at: String,
    /// What to do, once that is soon (30 days before, or as `tls.warn_before` says), urgent (7 days) or past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<super::quarantine::IssueAnswer>,
}

impl From<CertificateLook> for CertificateAnswer {
    fn from(look: CertificateLook) -> Self {
        let CertificateLook { whose, expires_at, issue } = look;
        let issue = issue.as_ref().map(Into::into);
        CertificateAnswer { what: certificate_word(whose), expires_at: rfc3339(expires_at), issue }
    }
}

/// How far a whole is read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub struct ProgressAnswer {
    /// File or queue.
    pub name: String,
    /// Bytes read.
    pub done: u64,
    /// Bytes in all, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl FlowAnswer {
    fn of(name: FlowName, status: FlowStatus, now: i64) -> Self {
        FlowAnswer {
            source: name.source,
            flow: name.flow,
            freshness: status.freshness(now),
            started_at: status.started_at.map(rfc3339),
            next_at: status.next_at.map(rfc3339),
            verified_at: status.verified_at.map(rfc3339),
            observed_at: status.observed_at.map(rfc3339),
            failures: status.failures,
            breaker: status.breaker(now).into(),
            slow_since: status.slow_since(now).map(rfc3339),
            certificates: status.certificates.into_iter().map(Into::into).collect(),
            fault: status.fault.as_ref().map(Into::into),
            progress: status.progress.map(|p| ProgressAnswer { name: p.name, done: p.done, total: p.total }),
            counts: status.counts,
            redelivered: status.redelivered,
            open: status.open,
            state: status.state,
        }
    }
}

/// Every flow with its state
#[utoipa::path(get, path = "/ops/v1/flows", operation_id = "list_flows", tag = "ops", responses((status = 200, body = FlowsAnswer)))]
pub async fn list(State(desk): State<Arc<Desk>>, _: Ops) -> Result<Response, Problem> {
    let now = desk.now();
    let flows = desk.api.board.all().into_iter().map(|(name, status)| FlowAnswer::of(name, status, now));
    answer(&FlowsAnswer { flows: flows.collect() })
}

/// Why a flow is paused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Shown to every operator until the flow is resumed.
    pub reason: String,
}

/// Stops a flow until it is resumed
#[utoipa::path(post, path = "/ops/v1/flows/{source}/{flow}/pause", operation_id = "pause_flow", tag = "ops", request_body = Pause,
    params(("source" = String, Path), ("flow" = String, Path)),
    responses(
        (status = 204, description = "Paused"),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn pause(
    State(desk): State<Arc<Desk>>,
    Ops(caller): Ops,
    Path((source, flow)): Path<(String, String)>,
    Payload(pause): Payload<Pause>,
) -> Result<StatusCode, Problem> {
    let reason = pause.reason.trim();
    if reason.is_empty() {
        return Err(Problem::new(Kind::BodyInvalid, "`reason` is empty").hint("say why, for the next operator"));
    }
    let reason = format!("{reason} (by `{}`)", caller.client.name);
    desk.api.control.pause(&FlowName::new(&source, &flow), &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a paused flow go on
#[utoipa::path(post, path = "/ops/v1/flows/{source}/{flow}/resume", operation_id = "resume_flow", tag = "ops",
    params(("source" = String, Path), ("flow" = String, Path)),
    responses(
        (status = 204, description = "Resumed"),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn resume(
    State(desk): State<Arc<Desk>>,
    _: Ops,
    Path((source, flow)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    desk.api.control.resume(&FlowName::new(&source, &flow)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Wakes a flow now
///
/// Answers at once; `/ops/v1/flows` shows what it does.
#[utoipa::path(post, path = "/ops/v1/flows/{source}/{flow}/run", operation_id = "run_flow", tag = "ops",
    params(("source" = String, Path), ("flow" = String, Path)),
    responses(
        (status = 202, description = "Woken"),
        (status = 404, body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 409, body = ProblemBody<'static>, content_type = "application/problem+json"),
    ))]
pub async fn run(
    State(desk): State<Arc<Desk>>,
    _: Ops,
    Path((source, flow)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    desk.api.control.run(&FlowName::new(&source, &flow)).await?;
    Ok(StatusCode::ACCEPTED)
}

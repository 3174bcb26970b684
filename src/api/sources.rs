//! Sources: how each one stands, for a banner and beside every answer (I6).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use guichet_sdk::BreakerState;
use serde::Serialize;
use utoipa::ToSchema;

use super::assemble::answer;
use super::auth::FrontOffice;
use super::problem::Problem;
use super::state::Desk;
use crate::flow::{Board, FlowState, FlowStatus};
use crate::model::{Freshness, Texts, rfc3339};

/// Whether what a source says can be relied upon now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceStanding {
    /// Looked at within its contract.
    Ok,
    /// Not looked at within its contract.
    Stale,
    /// The last look failed, or it is not looked at any more.
    Failed,
    /// It failed several times in a row and is left alone between probes (its circuit breaker is not closed).
    Down,
}

/// A source, over all of its flows: as fresh as the least fresh one.
#[derive(Debug)]
pub struct SourceState {
    /// Name.
    pub name: Arc<str>,
    /// Whether it can be relied upon.
    pub standing: SourceStanding,
    /// When it last said something.
    pub observed_at: Option<i64>,
    /// When every flow of it was last looked at successfully.
    pub verified_at: Option<i64>,
    /// Against its contract.
    pub freshness: Freshness,
    /// `{"source":…,"observed_at":…,"verified_at":…,"freshness":…}`.
    pub json: Box<str>,
}

/// How the sources stood at one moment.
#[derive(Debug, Default)]
pub struct SourcesView {
    /// When it was made.
    pub made_at: i64,
    /// Version of the board it was made from.
    pub version: u64,
    /// By name.
    pub sources: Vec<SourceState>,
}

impl SourcesView {
    /// Made from the board.
    pub fn of(board: &Board, now: i64) -> Self {
        let version = board.version();
        let mut flows: BTreeMap<Arc<str>, Vec<FlowStatus>> = BTreeMap::new();
        for (name, status) in board.all() {
            flows.entry(name.source).or_default().push(status);
        }
        let sources = flows.into_iter().map(|(name, flows)| state(name, &flows, now)).collect();
        SourcesView { made_at: now, version, sources }
    }

    /// Position of a source.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.sources.binary_search_by(|source| (*source.name).cmp(name)).ok()
    }
}

fn state(name: Arc<str>, flows: &[FlowStatus], now: i64) -> SourceState {
    let freshness = flows.iter().map(|flow| flow.freshness(now)).max_by_key(|f| staleness(*f));
    let freshness = freshness.unwrap_or(Freshness::Unknown);
    let failed = flows.iter().any(|flow| flow.failures > 0 || flow.state == FlowState::Failed);
    let observed_at = flows.iter().filter_map(|flow| flow.observed_at).max();
    let verified_at = flows.iter().map(|flow| flow.verified_at).min().flatten();
    let down = flows.iter().any(|flow| flow.breaker(now).state != BreakerState::Closed);
    let standing = match freshness {
        _ if down => SourceStanding::Down,
        _ if failed => SourceStanding::Failed,
        Freshness::Live | Freshness::Fresh => SourceStanding::Ok,
        Freshness::Stale | Freshness::Unknown => SourceStanding::Stale,
    };
    let json = json(&name, observed_at, verified_at, freshness).into();
    SourceState { name, standing, observed_at, verified_at, freshness, json }
}

fn staleness(freshness: Freshness) -> u8 {
    match freshness {
        Freshness::Live => 0,
        Freshness::Fresh => 1,
        Freshness::Stale => 2,
        Freshness::Unknown => 3,
    }
}

/// One element of `sources[]`.
pub fn json(name: &str, observed_at: Option<i64>, verified_at: Option<i64>, freshness: Freshness) -> String {
    let mut json = String::with_capacity(160);
    let _ = write!(json, "{{\"source\":{}", serde_json::to_string(name).unwrap_or_default());
    for (key, at) in [("observed_at", observed_at), ("verified_at", verified_at)] {
        if let Some(at) = at {
            let _ = write!(json, ",\"{key}\":\"{}\"", rfc3339(at));
        }
    }
    let _ = write!(json, ",\"freshness\":\"{freshness}\"}}");
    json
}

/// Every source.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourcesAnswer<'a> {
    /// By name.
    pub sources: Vec<SourceAnswer<'a>>,
}

/// How a source stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceAnswer<'a> {
    /// Name.
    pub source: &'a str,
    /// Title per language.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub title: Option<&'a Texts>,
    /// `ok`, `stale`, `failed` (the last look failed), or `down` (it failed several times in a row and is left alone
    /// between probes).
    pub state: SourceStanding,
    /// `live`, `fresh`, `stale` or `unknown`, against its contract.
    pub freshness: Freshness,
    /// When it last said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<String>,
    /// When the hub last looked at it successfully.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<String>,
}

/// Each source's health and freshness
///
/// For a banner in the front office.
#[utoipa::path(get, path = "/v1/sources", operation_id = "list_sources", tag = "sources", responses((status = 200, body = SourcesAnswer<'static>)))]
pub async fn list(State(desk): State<Arc<Desk>>, _: FrontOffice) -> Result<Response, Problem> {
    let view = desk.sources();
    answer(&SourcesAnswer { sources: answers(&desk, &view, None) })
}

/// How each source stands, or one of them.
pub fn answers<'a>(desk: &'a Desk, view: &'a SourcesView, only: Option<&str>) -> Vec<SourceAnswer<'a>> {
    let titles = &desk.api.catalogue.sources;
    let wanted = view.sources.iter().filter(|source| only.is_none_or(|only| *source.name == *only));
    let answer = |source: &'a SourceState| SourceAnswer {
        source: &source.name,
        title: titles.get(&*source.name),
        state: source.standing,
        freshness: source.freshness,
        observed_at: source.observed_at.map(rfc3339),
        verified_at: source.verified_at.map(rfc3339),
    };
    wanted.map(answer).collect()
}

//! The change feed, page by page: ordered, gap-free, resumable, within the client's scope.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::assemble::answer;
use super::auth::{Caller, FrontOffice};
use super::parameters::{Asked, limit, parameters};
use super::problem::Problem;
use super::state::Desk;
use crate::model::{ChangeKind, Phase, Seal, rfc3339};
use crate::store::Change;

/// Changes looked at for one page: a narrow scope gets a short page and a `next` that moves on, never a long wait.
const SCANNED: usize = 2_000;

parameters! {
    /// Which changes.
    pub struct ChangesAsked {
        /// Those after this one; 0 = from the beginning.
        after: Option<i64>,
        /// Changes per page, 1 to 200 (50).
        limit: Option<usize>,
    }
}

/// A page of changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Changes)]
pub struct ChangesAnswer {
    /// In the order of their commit.
    pub changes: Vec<ChangeAnswer>,
    /// Where to go on: `after` of the next page. Counts changes outside the scope too.
    pub next: i64,
    /// Whether more may already be there.
    pub more: bool,
}

/// A change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
pub struct ChangeAnswer {
    /// Position in the feed.
    pub seq: i64,
    /// What changed.
    pub kind: ChangeKind,
    /// When it was committed.
    pub at: String,
    /// The source it comes from.
    pub source: Arc<str>,
    /// The case; absent for changes about a source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<ChangedCaseAnswer>,
}

/// The case of a change: thin on purpose, the rest is read with the reader's own scope.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedCase)]
pub struct ChangedCaseAnswer {
    /// Id.
    pub id: String,
    /// Reference.
    pub reference: String,
    /// Revision the change made.
    pub revision: i64,
    /// Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Arc<str>>,
    /// Phase after the change.
    pub phase: Phase,
}

impl ChangeAnswer {
    /// A change as answered.
    pub fn of(seal: Seal, change: &Change) -> Self {
        let case = change.case.as_ref().map(|case| ChangedCaseAnswer {
            id: case.id.to_string(),
            reference: seal.reference(case.row),
            revision: case.revision,
            service: case.service.clone(),
            phase: case.phase,
        });
        let (seq, kind, at, source) = (change.seq, change.kind, rfc3339(change.at), change.source.clone());
        ChangeAnswer { seq, kind, at, source, case }
    }
}

/// Whether a change is within a caller's scope; how sources stand concerns everyone.
pub fn visible(caller: &Caller, change: &Change) -> bool {
    change.case.as_ref().is_none_or(|case| caller.sees_change(case))
}

/// Changes after a position
#[utoipa::path(get, path = "/v1/changes", operation_id = "list_changes", tag = "changes", params(ChangesAsked),
    responses((status = 200, body = ChangesAnswer)))]
pub async fn list(
    State(desk): State<Arc<Desk>>,
    FrontOffice(caller): FrontOffice,
    Asked(asked): Asked<ChangesAsked>,
) -> Result<Response, Problem> {
    let limit = limit(asked.limit)?;
    let mut next = asked.after.unwrap_or(0).max(0);
    let mut changes = Vec::new();
    let mut more = true;
    let mut scanned = 0;
    while more && changes.len() < limit && scanned < SCANNED {
        let batch = desk.api.store.changes(next, 200).await?;
        more = batch.len() == 200;
        for change in &batch {
            if changes.len() == limit {
                more = true;
                break;
            }
            next = change.seq;
            scanned += 1;
            if visible(&caller, change) {
                changes.push(ChangeAnswer::of(desk.seal, change));
            }
        }
    }
    answer(&ChangesAnswer { changes, next, more })
}

//! The change feed, page by page: ordered, gap-free, resumable, within the client's scope.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::assemble::answer;
use super::auth::{Caller, FrontOffice};
use super::parameters::{Asked, limit, parameters};
use super::problem::{Kind, Problem};
use super::state::Desk;
use crate::notify::ChangeBody;
use crate::store::Change;

/// Changes looked at for one page: a narrow scope gets a short page and a `next` that moves on, never a long wait.
const SCANNED: usize = 2_000;

parameters! {
    /// Which changes.
    pub struct ChangesAsked {
        /// Those after this one: the `id` of a change, or the `next` of a page; absent or 0 = from the beginning.
        after: Option<String>,
        /// Changes per page, 1 to 200 (50).
        limit: Option<usize>,
    }
}

/// A page of changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Changes)]
pub struct ChangesAnswer {
    /// In the order of their commit.
    pub changes: Vec<ChangeBody>,
    /// Where to go on: `after` of the next page.
    pub next: String,
    /// Whether more may already be there.
    pub more: bool,
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
    let mut next = asked.after.as_deref().map_or(Ok(0), |after| place(&desk, &caller, after))?;
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
                let seq = caller.client.scopes.ops.then_some(change.seq);
                changes.push(ChangeBody { seq, ..ChangeBody::of(desk.seal, change) });
            }
        }
    }
    answer(&ChangesAnswer { changes, next: mark(&desk, next), more })
}

/// A place in the feed as clients know it. Another one each time, so that it does not tell whether something happened
/// outside their scope.
pub fn mark(desk: &Desk, position: i64) -> String {
    desk.seal.change_id(position, desk.now() / 1000).to_string()
}

/// Reads a place back; operators may also name a position.
pub fn place(desk: &Desk, caller: &Caller, text: &str) -> Result<i64, Problem> {
    let known = match text.trim() {
        "0" => Some(0),
        number if caller.client.scopes.ops && number.len() < 19 && number.bytes().all(|b| b.is_ascii_digit()) => {
            number.parse().ok()
        }
        id => Uuid::try_parse(id).ok().and_then(|id| desk.seal.read_change_id(id)),
    };
    known.ok_or_else(|| {
        Problem::new(Kind::CursorInvalid, "this is not a place in the change feed of this hub")
            .hint("give the `id` of the last change received, the `next` of the last page, or 0 for the beginning")
    })
}

//! A change as it is told to the outside, the same on every way: page, stream, webhook, queue. Thin on purpose: what
//! changed is read with the reader's own scope. Tells no position, since positions tell how much happens elsewhere.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{ChangeKind, Phase, Seal, rfc3339};
use crate::store::Change;

/// A change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
pub struct ChangeBody {
    /// Id, the same wherever and how often the change is told; a place to go on from.
    pub id: String,
    /// Position in the feed, gap-free; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// What changed.
    pub kind: ChangeKind,
    /// When it was committed.
    pub at: String,
    /// The source it comes from.
    pub source: Arc<str>,
    /// The case; absent for changes about a source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<ChangedCaseBody>,
}

/// The case of a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedCase)]
pub struct ChangedCaseBody {
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

impl ChangeBody {
    /// A change as told.
    pub fn of(seal: Seal, change: &Change) -> Self {
        let case = change.case.as_ref().map(|case| ChangedCaseBody {
            id: case.id.to_string(),
            reference: seal.reference(case.row),
            revision: case.revision,
            service: case.service.clone(),
            phase: case.phase,
        });
        let (kind, at, source) = (change.kind, rfc3339(change.at), change.source.clone());
        ChangeBody { id: id(seal, change), seq: None, kind, at, source, case }
    }
}

/// The id of a change: the same whenever it is asked for.
pub fn id(seal: Seal, change: &Change) -> String {
    seal.change_id(change.seq, change.at / 1000).to_string()
}

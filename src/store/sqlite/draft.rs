//! Drafts: the document of a case that a record is likely to make, assembled on the caller's thread. The writer is the
//! one thread everybody waits for; what it finds made, it need not make. A draft is a guess: when the case exists
//! already, it is thrown away and the case is folded from its history.

use std::sync::Arc;

use super::document::Parts;
use super::flows::Flow;
use super::terms::TermKey;
use crate::ledger::{self, Candidate, Entry, Folded};
use crate::model::{AssertionKind, RecordRow};
use crate::store::StoreFault;

/// What a case of one update looks like.
#[derive(Debug)]
pub(super) struct Draft {
    /// The fold of the one entry.
    pub(super) folded: Folded,
    /// Its document, without a name.
    pub(super) parts: Parts,
    /// Hashes of its search terms.
    pub(super) terms: Vec<i64>,
}

/// Drafts the case of a record that carries this one update. (The update is lent to an entry and comes back.)
pub(super) fn draft(
    candidate: &mut Candidate,
    flow: &Flow,
    stamp: &Arc<str>,
    terms: TermKey,
) -> Result<Draft, StoreFault> {
    let entry = [Entry {
        key: candidate.key,
        content: candidate.content,
        rank: candidate.rank,
        confirmed: candidate.rank.major,
        order: flow.order,
        kind: AssertionKind::Observed,
        source: flow.name.source.clone(),
        flow: flow.name.flow.clone(),
        record: RecordRow(0),
        mapping: stamp.clone(),
        recorded_at: 0,
        update: std::mem::take(&mut candidate.update),
    }];
    let folded = ledger::fold(&entry);
    let parts = Parts::draft(&folded, &entry)?;
    let terms = terms.of_facts(&folded.facts);
    let [entry] = entry;
    candidate.update = entry.update;
    Ok(Draft { folded, parts, terms })
}

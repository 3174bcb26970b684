//! What changed between two states of a case: the typed entries of the change feed. Nothing visible, no change.

use super::{Entry, Folded};
use crate::model::{ChangeKind, Phase, StatusClaim, Transition};

/// The changes from one state of a case to the next, the leading one first; empty when nothing visible changed.
pub fn changes(before: Option<(&Folded, &[Entry])>, after: (&Folded, &[Entry])) -> Vec<ChangeKind> {
    let (folded, entries) = after;
    let Some((old, old_entries)) = before else { return vec![ChangeKind::Registered] };
    let mut kinds = status_changes(old.status(old_entries), folded.status(entries), folded.transition);
    if folded.facts.actions.iter().any(|action| !old.facts.actions.contains(action)) {
        kinds.push(ChangeKind::ActionRequested);
    }
    let shown = |folded: &Folded, entries: &[Entry]| (folded.status(entries).cloned(), folded.transition);
    if kinds.is_empty() && (old.facts != folded.facts || shown(old, old_entries) != shown(folded, entries)) {
        kinds.push(ChangeKind::Updated);
    }
    kinds
}

fn status_changes(
    old: Option<&StatusClaim>,
    new: Option<&StatusClaim>,
    transition: Option<Transition>,
) -> Vec<ChangeKind> {
    let Some(new) = new else { return Vec::new() };
    let axes = |s: &StatusClaim| (s.phase, s.waiting_on, s.outcome, s.source_code.clone(), s.hold.clone());
    if old.is_some_and(|old| axes(old) == axes(new)) {
        return Vec::new();
    }
    let first = match transition {
        Some(Transition::Reopened) => ChangeKind::Reopened,
        Some(Transition::Corrected) => ChangeKind::Corrected,
        Some(Transition::Returned) | None => {
            if new.phase == Phase::Decided && old.is_none_or(|old| old.phase != Phase::Decided) {
                ChangeKind::Decided
            } else {
                ChangeKind::StatusChanged
            }
        }
    };
    vec![first]
}

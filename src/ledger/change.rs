//! What changed between two states of a case: the typed entries of the change feed. Nothing visible, no change.

use super::{Entry, Folded, body, status};
use crate::model::{Audience, ChangeKind, Phase, StatusClaim, Transition};

/// The changes from one state of a case to the next, the leading one first; empty when nothing visible changed.
pub fn changes(before: Option<(&Folded, &[Entry])>, after: (&Folded, &[Entry])) -> Vec<(ChangeKind, Audience)> {
    let (folded, entries) = after;
    let shown = folded.status(entries).map_or(Audience::Public, |claim| claim.audience);
    let Some((old, old_entries)) = before else { return vec![(ChangeKind::Registered, shown)] };
    let mut kinds = status_changes(old.status(old_entries), folded.status(entries), folded.transition);
    if folded.facts.actions.iter().any(|action| !old.facts.actions.contains(action)) {
        kinds.push(ChangeKind::ActionRequested);
    }
    if !kinds.is_empty() {
        return kinds.into_iter().map(|kind| (kind, shown)).collect();
    }
    let claim = |folded: &Folded, entries: &[Entry]| (folded.status(entries).cloned(), folded.transition);
    if old.facts == folded.facts && claim(old, old_entries) == claim(folded, entries) {
        return Vec::new();
    }
    let audience = if everyone_sees(before, after) { shown } else { shown.max(Audience::Staff) };
    vec![(ChangeKind::Updated, audience)]
}

/// Whether what every audience reads is another: what only staff reads is no news to anyone else.
fn everyone_sees(before: Option<(&Folded, &[Entry])>, after: (&Folded, &[Entry])) -> bool {
    let read = |(folded, entries): (&Folded, &[Entry])| {
        let read = (body(folded, entries, String::new(), String::new()), status(folded, entries));
        serde_json::to_vec(&read).unwrap_or_default()
    };
    before.is_none_or(|before| read(before) != read(after))
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

//! The fold: from the set of a case's entries to where it stands. The order of arrival has no say in it (I3).

use super::{Entry, decide::latest, goes_back};
use crate::model::{Audience, Facts, Location, OrderClass, Phase, StatusClaim, Transition};

/// How an entry stands in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The status shown.
    Head,
    /// Was the status once, states facts only, or is for staff only.
    Passed,
    /// Would have moved the status back without a stated or believable reason: kept, never shown as the status (I4).
    Held,
}

/// A case's state.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// Index of the entry whose status is shown; `None` while only facts are known.
    pub head: Option<usize>,
    /// The step backwards the head took, stated by the source or seen by the hub.
    pub transition: Option<Transition>,
    /// Facts, each from the latest entry that states it.
    pub facts: Facts,
    /// Indexes of the entries in their order, each with its standing and the step backwards it took.
    pub timeline: Vec<(usize, Standing, Option<Transition>)>,
}

impl Folded {
    /// The status shown.
    pub fn status<'e>(&self, entries: &'e [Entry]) -> Option<&'e StatusClaim> {
        self.head.and_then(|at| entries.get(at)).and_then(|entry| entry.update.status.as_ref())
    }
}

/// Folds the entries of a case, given in any order.
pub fn fold(entries: &[Entry]) -> Folded {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_unstable_by_key(|at| latest(&entries[*at]));
    let mut folded = Folded::default();
    for at in order {
        let entry = &entries[at];
        overlay(&mut folded.facts, &entry.update.facts);
        let Some(status) = entry.update.status.as_ref().filter(|status| may_head(status)) else {
            folded.timeline.push((at, Standing::Passed, None));
            continue;
        };
        let head = folded.head.map(|head| &entries[head]);
        let (held, transition) = match head.filter(|head| repeats(head, entry)) {
            Some(_) => (false, folded.transition),
            None => step(head, entry, status),
        };
        folded.timeline.push((at, if held { Standing::Held } else { Standing::Passed }, transition));
        if !held {
            folded.head = Some(at);
            folded.transition = transition;
        }
    }
    for (at, standing, _) in &mut folded.timeline {
        if Some(*at) == folded.head {
            *standing = Standing::Head;
        }
    }
    folded
}

/// Whether a statement may become the status shown: everybody who may see a case sees its status, so that a step only
/// staff may know of stays in the timeline staff reads.
fn may_head(status: &StatusClaim) -> bool {
    match status.audience {
        Audience::Public | Audience::Party => true,
        Audience::Staff | Audience::Ops => false,
    }
}

/// Whether an export only says again what the one before said: then it took no step of its own, whether it arrived in
/// time to confirm the older entry or before it and stands in the history itself.
fn repeats(head: &Entry, entry: &Entry) -> bool {
    entry.order.class == OrderClass::Snapshot && entry.content == head.content
}

/// Whether a step is held back, and the step backwards it takes.
fn step(head: Option<&Entry>, entry: &Entry, status: &StatusClaim) -> (bool, Option<Transition>) {
    let Some((head, was)) = head.and_then(|head| head.update.status.as_ref().map(|status| (head, status))) else {
        return (false, status.transition);
    };
    if status.transition.is_some() || !goes_back(was.phase, status.phase) {
        return (false, status.transition);
    }
    if believable(head, entry) {
        let back = if was.phase == Phase::Closed { Transition::Reopened } else { Transition::Returned };
        return (false, Some(back));
    }
    (true, None)
}

/// Whether a step backwards nobody states is believed: a higher version, a newer export, a clearly later time.
fn believable(head: &Entry, entry: &Entry) -> bool {
    match entry.order.class {
        OrderClass::Version => entry.rank.major > head.rank.major,
        OrderClass::Snapshot => latest(entry).major > latest(head).major,
        OrderClass::Time => entry.rank.major.saturating_sub(head.rank.major) > entry.order.skew,
        OrderClass::Arrival => false,
    }
}

/// Lays later facts over earlier ones: what is stated replaces, what is absent says nothing.
fn overlay(facts: &mut Facts, later: &Facts) {
    macro_rules! replace {
        (options: $($option:ident)*; lists: $($list:ident)*) => {
            $(if later.$option.is_some() { facts.$option.clone_from(&later.$option); })*
            $(if !later.$list.is_empty() { facts.$list.clone_from(&later.$list); })*
        };
    }
    // Destructured, so that a new fact breaks the build here instead of being forgotten.
    let Facts {
        service: _,
        title: _,
        submitted_at: _,
        received_at: _,
        closed_at: _,
        channel: _,
        authority: _,
        unit: _,
        unit_contact: _,
        handler: _,
        parent: _,
        language: _,
        confidentiality: _,
        location,
        attributes,
        aliases: _,
        parties: _,
        deadlines,
        actions: _,
        documents: _,
        links: _,
    } = later;
    replace!(
        options: service title submitted_at received_at closed_at channel authority unit unit_contact handler parent
            language confidentiality;
        lists: aliases parties actions documents links
    );
    facts.attributes.extend(attributes.iter().map(|(key, value)| (key.clone(), value.clone())));
    facts.deadlines.extend(deadlines.iter().map(|(kind, due)| (kind.clone(), *due)));
    if let Some(location) = location {
        overlay_location(facts.location.get_or_insert_with(Location::default), location);
    }
}

fn overlay_location(location: &mut Location, later: &Location) {
    let Location { address, postcode, city, parcel, asset, longitude, latitude } = later;
    for (old, new) in [
        (&mut location.address, address),
        (&mut location.postcode, postcode),
        (&mut location.city, city),
        (&mut location.parcel, parcel),
        (&mut location.asset, asset),
        (&mut location.longitude, longitude),
        (&mut location.latitude, latitude),
    ] {
        if new.is_some() {
            old.clone_from(new);
        }
    }
}

//! What happens to one update in the history of its case: decided here, performed by the store.

use guichet_sdk::{Code, Digest, Issue};

use super::{Candidate, Entry, Rank};
use crate::model::{CaseUpdate, OrderClass};

/// What happens to an update.
#[derive(Debug)]
pub enum Decision {
    /// It enters the history; `overtaken` when something newer is already there.
    Enter {
        /// Behind something newer.
        overtaken: bool,
    },
    /// It is already there. `confirmed`: the entry at this index was said again in a newer export.
    Duplicate {
        /// Index of the entry to confirm, and the export that does.
        confirmed: Option<(usize, i64)>,
    },
    /// A known event told again with other facts: the facts enter as an update of their own, after those they replace.
    Restate(Box<Candidate>),
    /// Another update has the same key and says something else: the first is kept, this one is quarantined.
    Conflict(Box<Issue>),
}

/// Decides about an update, given the history of its case in the same source.
pub fn decide(history: &[Entry], new: &Candidate) -> Decision {
    if let Some(at) = history.iter().position(|entry| entry.key == new.key) {
        return same_key(history, &history[at], new);
    }
    if let Some(at) = said_before(history, new) {
        return Decision::Duplicate { confirmed: Some((at, new.rank.major)) };
    }
    Decision::Enter { overtaken: history.iter().any(|entry| latest(entry) > new.rank) }
}

fn same_key(history: &[Entry], old: &Entry, new: &Candidate) -> Decision {
    if old.content == new.content {
        return Decision::Duplicate { confirmed: None };
    }
    if new.update.event.is_some() && old.update.status == new.update.status {
        return restate(history, new);
    }
    conflict(old, new)
}

/// The facts of a known event, told anew. Of two such tellings the later received wins: nothing in them says which is newer.
fn restate(history: &[Entry], new: &Candidate) -> Decision {
    let key = Digest::of(&[b"facts", &new.content.0]);
    if history.iter().any(|entry| entry.key == key) {
        return Decision::Duplicate { confirmed: None };
    }
    let after = history.iter().filter(|e| e.rank.major == new.rank.major).map(|e| e.rank.minor).max();
    let update = CaseUpdate { status: None, event: None, ..new.update.clone() };
    let json = match serde_json::to_vec(&update) {
        Ok(json) => json,
        Err(error) => return unwritable(&error),
    };
    let rank = Rank { minor: after.unwrap_or_default().saturating_add(1), ..new.rank };
    Decision::Restate(Box::new(Candidate { update, json: json.into(), key, content: new.content, rank }))
}

/// Held, not dropped: what cannot be kept was not told before either.
fn unwritable(error: &serde_json::Error) -> Decision {
    Decision::Conflict(Box::new(
        Issue::error(Code("E220"), format!("the new facts of a known event cannot be kept: {error}"))
            .hint("this is a fault of the hub: keep the record, report it, then retry"),
    ))
}

fn conflict(old: &Entry, new: &Candidate) -> Decision {
    let what = match (&new.update.event, old.order.class) {
        (Some(_), _) => "the same event id",
        (None, OrderClass::Version) => "the same version",
        (None, OrderClass::Snapshot) => "the same case key in one export",
        (None, OrderClass::Time) => "the same time",
        (None, OrderClass::Arrival) => "the same content",
    };
    let hint = match old.order.class {
        OrderClass::Snapshot => {
            "is `case.key` really unique? choose the column that names one case, or another `order` for the flow"
        }
        OrderClass::Version | OrderClass::Time | OrderClass::Arrival => {
            "the first is kept; ask the source which is right, then retry or dismiss this one"
        }
    };
    Decision::Conflict(Box::new(
        Issue::error(Code("E220"), format!("two different updates carry {what}"))
            .at(guichet_sdk::Place::default().path("case.key"))
            .hint(hint),
    ))
}

/// The newest entry of a snapshot flow, when a newer export only says it again.
fn said_before(history: &[Entry], new: &Candidate) -> Option<usize> {
    let (at, newest) = history.iter().enumerate().max_by_key(|(_, entry)| latest(entry))?;
    let again = newest.order.class == OrderClass::Snapshot && newest.content == new.content;
    (again && new.rank.major >= newest.rank.major).then_some(at)
}

/// The rank of an entry where it was last said.
pub(super) fn latest(entry: &Entry) -> Rank {
    Rank { major: entry.rank.major.max(entry.confirmed), ..entry.rank }
}

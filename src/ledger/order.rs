//! Update keys and ranks: what makes two updates the same, and which of two is the later one. Transport noise (file
//! name, line, export date) is never part of a key.

use guichet_sdk::{Code, Digest, Issue};

use crate::model::{CaseUpdate, Order, OrderClass, Phase};

/// Place of an update in the total order of its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Version, time in microseconds, export number, or 0 (arrival: the store gives the number).
    pub major: i64,
    /// Position in the file, where the flow says that it decides.
    pub minor: i64,
    /// Between equals the one further on its way wins …
    pub progress: u8,
    /// … and then the digest, so that every permutation agrees.
    pub tie: Digest,
}

/// An update ready for the ledger: its key, rank and content digest are known, its bytes are written.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What the source says.
    pub update: CaseUpdate,
    /// The update as JSON, as kept.
    pub json: Box<[u8]>,
    /// Update key: two updates with one key are the same update.
    pub key: Digest,
    /// Digest of the mapped fields.
    pub content: Digest,
    /// Place in the order of its case.
    pub rank: Rank,
}

/// Makes an update ready: gives it its key and rank. `position` is its place in its file, `export` the number its
/// origin carries, used where the mapping sets none.
pub fn prepare(mut update: CaseUpdate, order: Order, position: i64, export: i64) -> Result<Candidate, Issue> {
    if order.class == OrderClass::Snapshot && update.export.is_none() {
        update.export = Some(export);
    }
    let json = serde_json::to_vec(&update)
        .map_err(|error| Issue::error(Code("E211"), format!("the update cannot be written as JSON: {error}")))?;
    let content = Digest::of(&[&content_bytes(&update, &json)]);
    let major = major(&update, order)?;
    let key = key(&update, order, major, content);
    let rank = Rank {
        major,
        minor: if order.ties_by_position { position } else { 0 },
        progress: update.status.as_ref().map_or(0, |s| s.phase.progress().map_or(0, |p| p + 1)),
        tie: if update.event.is_some() { key } else { content },
    };
    Ok(Candidate { update, json: json.into_boxed_slice(), key, content, rank })
}

/// Makes something ready that the hub itself says of a case, the `nth` time it does: it stands before everything a source
/// ever says, so that it never overwrites a source, and after what the hub said before.
pub fn stated(update: CaseUpdate, nth: i64) -> Result<Candidate, Issue> {
    let json = serde_json::to_vec(&update)
        .map_err(|error| Issue::error(Code("E211"), format!("the update cannot be written as JSON: {error}")))?;
    let content = Digest::of(&[&json]);
    let key = Digest::of(&[b"stated", &content.0, &nth.to_le_bytes()]);
    let rank = Rank { major: i64::MIN.saturating_add(nth), minor: 0, progress: 0, tie: key };
    Ok(Candidate { update, json: json.into_boxed_slice(), key, content, rank })
}

/// The mapped fields without the export number, which is transport.
fn content_bytes<'j>(update: &CaseUpdate, json: &'j [u8]) -> std::borrow::Cow<'j, [u8]> {
    if update.export.is_none() {
        return json.into();
    }
    let bare = CaseUpdate { export: None, ..update.clone() };
    serde_json::to_vec(&bare).unwrap_or_else(|_| json.to_vec()).into()
}

/// The first component of the rank, or why the update has none.
fn major(update: &CaseUpdate, order: Order) -> Result<i64, Issue> {
    let missing = |field: &str, what: &str| {
        Issue::error(Code("E210"), format!("the flow orders by {what}, and this update has none"))
            .hint(format!("set `{field}` in the mapping, or choose another `order` for the flow"))
    };
    match order.class {
        OrderClass::Version => update.version.ok_or_else(|| missing("update.version", "version")),
        OrderClass::Time => effective(update).ok_or_else(|| missing("status.effective_at", "time")),
        OrderClass::Snapshot => Ok(update.export.unwrap_or_default()),
        OrderClass::Arrival => Ok(0),
    }
}

/// When it took effect; facts alone count from when they were known, else from their latest date.
fn effective(update: &CaseUpdate) -> Option<i64> {
    let facts = &update.facts;
    match &update.status {
        Some(status) => status.effective_at.map(|m| m.micros),
        None => {
            let dates = [facts.closed_at, facts.received_at, facts.submitted_at];
            update.as_of.or(dates.into_iter().flatten().max_by_key(|m| m.micros)).map(|m| m.micros)
        }
    }
}

/// The update key (`model.md`, "Ordering").
fn key(update: &CaseUpdate, order: Order, major: i64, content: Digest) -> Digest {
    if let Some(event) = &update.event {
        return Digest::of(&[b"event", event.as_bytes()]);
    }
    let number = major.to_le_bytes();
    match order.class {
        OrderClass::Version => Digest::of(&[b"version", &number]),
        OrderClass::Time => Digest::of(&[b"time", &number, &content.0]),
        OrderClass::Snapshot => Digest::of(&[b"export", &number]),
        OrderClass::Arrival => Digest::of(&[b"said", &content.0]),
    }
}

/// Whether a step from one phase to another goes back.
pub fn goes_back(from: Phase, to: Phase) -> bool {
    match (from.progress(), to.progress()) {
        (Some(from), Some(to)) => to < from,
        (None, _) | (_, None) => false,
    }
}

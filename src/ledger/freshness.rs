//! Freshness: how old what a source said may be before it is called stale. Staleness is never silent (I6).

use crate::model::Freshness;

/// The freshness contract of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract {
    /// The source tells us as things happen (a queue, a push) while the connection stands.
    pub live: bool,
    /// Longest time between two successful looks, microseconds.
    pub max_age: i64,
}

/// Freshness of a flow: `verified_at` is the last successful look, `connected` whether a live source is there now.
pub fn freshness(contract: Contract, verified_at: Option<i64>, connected: bool, now: i64) -> Freshness {
    let Some(verified_at) = verified_at else { return Freshness::Unknown };
    if contract.live && connected {
        return Freshness::Live;
    }
    if now.saturating_sub(verified_at) <= contract.max_age { Freshness::Fresh } else { Freshness::Stale }
}

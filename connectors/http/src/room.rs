//! What the flows of one source share: their budget, their breaker, their count of refused credentials.
//!
//! A room outlives the connections in it: a flow that opens again finds the breaker as it left it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;
use tower::retry::budget::TpsBudget;

use crate::breaker::Breaker;
use crate::pace::Pace;
use crate::refusals::Refusals;
use crate::retry;
use crate::settings::{Auth, Breaking, Rate, Retrying, Settings};

/// What the flows of one source share.
pub struct Room {
    terms: Terms,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) pace: Pace,
    pub(crate) refusals: Refusals,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) budget: Arc<TpsBudget>,
}

/// The settings a room is made from: flows that differ in them do not share one.
#[derive(Debug, Clone, PartialEq)]
struct Terms {
    home: String,
    auth: Auth,
    account: String,
    rate: Option<Rate>,
    concurrency: usize,
    retry: Retrying,
    breaker: Breaking,
}

impl Room {
    fn new(source: &str, terms: Terms) -> Self {
        Room {
            breaker: Arc::new(Breaker::new(source.into(), terms.breaker)),
            pace: Pace::new(terms.rate, terms.retry.longest.0),
            refusals: Refusals::default(),
            places: Arc::new(Semaphore::new(terms.concurrency)),
            budget: retry::budget(),
            terms,
        }
    }
}

/// The rooms of a connector kind, by source.
#[derive(Default)]
pub struct Rooms(Mutex<BTreeMap<String, Vec<Weak<Room>>>>);

impl Rooms {
    /// The room of a source with these settings, at this host.
    pub fn of(&self, source: &str, home: &reqwest::Url, settings: &Settings) -> Arc<Room> {
        self.of_account(source, home, settings, "")
    }

    /// The same, for a connector that has credentials of its own beside those of `auth`.
    pub fn of_account(&self, source: &str, home: &reqwest::Url, settings: &Settings, account: &str) -> Arc<Room> {
        let Settings { auth, rate, concurrency, retry, breaker, .. } = settings.clone();
        let (home, account) = (home.origin().ascii_serialization(), account.to_owned());
        let terms = Terms { home, auth, account, rate, concurrency, retry, breaker };
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rooms.entry(source.to_owned()).or_default();
        known.retain(|room| room.strong_count() > 0);
        if let Some(room) = known.iter().filter_map(Weak::upgrade).find(|room| room.terms == terms) {
            return room;
        }
        let room = Arc::new(Room::new(source, terms));
        known.push(Arc::downgrade(&room));
        room
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reqwest::Url;

    use super::*;

    #[test]
    fn flows_of_one_source_share_a_room_unless_their_terms_differ() {
        let (rooms, settings) = (Rooms::default(), Settings::default());
        let home = Url::parse("https://peer.example/a").unwrap();
        let first = rooms.of("planning", &home, &settings);
        let other_path = Url::parse("https://peer.example/b").unwrap();
        assert!(Arc::ptr_eq(&first, &rooms.of("planning", &other_path, &settings)));
        assert!(!Arc::ptr_eq(&first, &rooms.of("streets", &home, &settings)));
        assert!(!Arc::ptr_eq(&first, &rooms.of_account("planning", &home, &settings, "hub")));
        assert!(!Arc::ptr_eq(&first, &rooms.of("planning", &home, &Settings { concurrency: 9, ..settings })));
    }
}

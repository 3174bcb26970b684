//! What the flows of one source share at one host: their places, their pace, their breaker, their count of refused
//! credentials, their budget of repetitions, what is known of its certificates.
//!
//! Each part is shared by all flows whose settings *of that part* are the same, so that a flow with a time-out or a
//! repetition of its own still counts against the one budget of its source. A room outlives the connections in it: a
//! flow that opens again finds the breaker as it left it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use guichet_sdk::{BreakerView, CertificateView, Refusals};
use tokio::sync::Semaphore;
use tower::retry::budget::TpsBudget;

use crate::breaker::Breaker;
use crate::expiry::Certificates;
use crate::pace::Pace;
use crate::retry;
use crate::settings::{Auth, Breaking, Rate, Settings, Tls};

/// What a flow shares with the others of its source.
pub struct Room {
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) budget: Arc<TpsBudget>,
    pub(crate) certificates: Arc<Certificates>,
}

impl Room {
    /// The breaker of the source, to look at.
    pub fn breaker(&self) -> Arc<dyn BreakerView> {
        self.breaker.clone()
    }

    /// The certificates between us and the source, to look at.
    pub fn certificates(&self) -> Arc<dyn CertificateView> {
        self.certificates.clone()
    }
}

/// The rooms of a connector kind, by source and host.
#[derive(Default)]
pub struct Rooms(Mutex<BTreeMap<(String, String), Parts>>);

/// The parts of the rooms at one host, by the settings they are made from.
#[derive(Default)]
struct Parts {
    breakers: Kept<Breaking, Breaker>,
    paces: Kept<Option<Rate>, Pace>,
    refusals: Kept<(Auth, String), Refusals>,
    places: Kept<usize, Semaphore>,
    budgets: Kept<(), TpsBudget>,
    certificates: Kept<Tls, Certificates>,
}

/// Parts in use, with the settings each is made from.
struct Kept<T, P>(Vec<(T, Weak<P>)>);

impl<T, P> Default for Kept<T, P> {
    fn default() -> Self {
        Kept(Vec::new())
    }
}

impl<T: PartialEq, P> Kept<T, P> {
    /// The part made from these settings, while somebody uses it; else a new one.
    fn of(&mut self, settings: T, make: impl FnOnce(&T) -> Arc<P>) -> Arc<P> {
        self.0.retain(|(_, part)| part.strong_count() > 0);
        let known = self.0.iter().filter(|(terms, _)| *terms == settings).find_map(|(_, part)| part.upgrade());
        known.unwrap_or_else(|| {
            let part = make(&settings);
            self.0.push((settings, Arc::downgrade(&part)));
            part
        })
    }
}

impl Rooms {
    /// The room of a source with these settings, at this host.
    pub fn of(&self, source: &str, home: &reqwest::Url, settings: &Settings) -> Arc<Room> {
        self.of_account(source, home, settings, "")
    }

    /// The same, for a connector that has credentials of its own beside those of `auth`.
    pub fn of_account(&self, source: &str, home: &reqwest::Url, settings: &Settings, account: &str) -> Arc<Room> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = rooms.entry((source.to_owned(), home.origin().ascii_serialization())).or_default();
        Arc::new(Room {
            breaker: parts.breakers.of(settings.breaker, |terms| Arc::new(Breaker::new(source.into(), *terms))),
            pace: parts.paces.of(settings.rate, |rate| Arc::new(Pace::new(*rate))),
            refusals: parts.refusals.of((settings.auth.clone(), account.to_owned()), |_| Arc::default()),
            places: parts.places.of(settings.concurrency, |places| Arc::new(Semaphore::new(*places))),
            budget: parts.budgets.of((), |()| retry::budget()),
            certificates: parts
                .certificates
                .of(settings.tls.clone(), |tls| Arc::new(Certificates::new(source, tls.warn_before.0))),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reqwest::Url;

    use super::*;
    use crate::settings::Retrying;

    #[test]
    fn flows_of_one_source_share_every_part_whose_settings_are_the_same() {
        let (rooms, settings) = (Rooms::default(), Settings::default());
        let home = Url::parse("https://peer.example/a").unwrap();
        let first = rooms.of("planning", &home, &settings);
        let shared = |other: &Room| {
            [
                Arc::ptr_eq(&first.breaker, &other.breaker),
                Arc::ptr_eq(&first.pace, &other.pace),
                Arc::ptr_eq(&first.refusals, &other.refusals),
                Arc::ptr_eq(&first.places, &other.places),
                Arc::ptr_eq(&first.budget, &other.budget),
            ]
        };
        let other_path = Url::parse("https://peer.example/b").unwrap();
        let patient = Settings { retry: Retrying { times: 9, ..Retrying::default() }, ..settings.clone() };
        assert_eq!(shared(&rooms.of("planning", &other_path, &patient)), [true; 5]);
        let busy = rooms.of("planning", &home, &Settings { concurrency: 9, ..settings.clone() });
        assert_eq!(shared(&busy), [true, true, true, false, true], "one breaker and one rate for the source");
        assert_eq!(shared(&rooms.of("streets", &home, &settings)), [false; 5]);
        let account = rooms.of_account("planning", &home, &settings, "user-a");
        assert_eq!(shared(&account), [true, true, false, true, true], "refusals are of an account");
        let other_host = Url::parse("https://other.example/").unwrap();
        assert_eq!(shared(&rooms.of("planning", &other_host, &settings)), [false; 5]);
    }

    #[test]
    fn a_part_nobody_uses_is_forgotten() {
        let (rooms, settings) = (Rooms::default(), Settings::default());
        let home = Url::parse("https://peer.example/a").unwrap();
        drop(rooms.of("planning", &home, &settings));
        let kept = rooms.of("planning", &home, &settings);
        assert_eq!(rooms.0.lock().unwrap().values().map(|parts| parts.breakers.0.len()).sum::<usize>(), 1);
        drop(kept);
    }
}

//! The desk: what every request needs, prepared once.

use std::sync::Arc;

use arc_swap::ArcSwap;
use guichet_sdk::Digest;
use tokio::sync::{Semaphore, watch};

use super::Api;
use super::auth::Caller;
use super::idempotency::InHand;
use super::sources::SourcesView;
use super::wording::Phrases;
use crate::config::Server;
use crate::model::Seal;

/// How long a view of the sources stands while the board does not change, microseconds: freshness also moves by itself.
const VIEW_AGE: i64 = 1_000_000;

/// What every request needs.
pub struct Desk {
    /// As given.
    pub api: Api,
    /// The key of the store's references.
    pub seal: Seal,
    /// Clients with their limiters.
    pub callers: Vec<Arc<Caller>>,
    /// The catalogue's sentences, ready to be written.
    pub phrases: Phrases,
    /// Digest of the catalogue: another one makes other answers.
    pub edition: Digest,
    /// Keys of requests being answered.
    pub in_hand: InHand,
    /// Free places for event streams.
    pub streams: Arc<Semaphore>,
    /// Whether the hub is stopping.
    pub draining: watch::Sender<bool>,
    view: ArcSwap<SourcesView>,
}

impl Desk {
    /// Prepares everything.
    pub fn new(api: Api) -> Self {
        let phrases = Phrases::new(&api.catalogue.services, &api.catalogue.languages);
        let written = serde_json::to_vec(&api.catalogue.services).unwrap_or_default();
        let callers = api.clients.iter().map(|client| Arc::new(Caller::new(client.clone(), api.bounds.rate)));
        Desk {
            seal: api.store.seal(),
            callers: callers.collect(),
            edition: Digest::of(&[&written, phrases.languages().join(",").as_bytes()]),
            phrases,
            in_hand: InHand::default(),
            streams: Arc::new(Semaphore::new(api.bounds.streams)),
            draining: watch::Sender::new(false),
            view: ArcSwap::from_pointee(SourcesView::of(&api.board, (api.clock)())),
            api,
        }
    }

    /// Bounds of the edge.
    pub fn bounds(&self) -> &Server {
        &self.api.bounds
    }

    /// Now, microseconds since 1970.
    pub fn now(&self) -> i64 {
        (self.api.clock)()
    }

    /// How the sources stand: derived anew when the board changed, or after a second.
    pub fn sources(&self) -> arc_swap::Guard<Arc<SourcesView>> {
        let now = self.now();
        let view = self.view.load();
        if view.version == self.api.board.version() && (0..VIEW_AGE).contains(&(now - view.made_at)) {
            return view;
        }
        self.view.store(Arc::new(SourcesView::of(&self.api.board, now)));
        self.view.load()
    }
}

//! The pages after the one in hand: a task asks for them while the hub maps and commits what came before.
//!
//! It asks one after the other, never for a page beyond the pull, and stops asking while a batch lies ready: no more than
//! that, and the one page it holds, is kept in memory. What it asked for is the next page of the list and nothing else:
//! whoever goes back in the list throws it away, and no cursor knows of it.

use std::sync::Arc;

use guichet_sdk::{Fault, Limit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::advance::advanced;
use super::cursor::Standing;
use super::page::record_of;
use super::{Asks, Loaded};

/// More records than any batch has; a semaphore and a channel count further.
const MOST_PLACES: usize = 1 << 24;

/// A page that lies ready, with the room it takes.
struct Waiting {
    loaded: Loaded,
    _room: OwnedSemaphorePermit,
}

/// Pages asked for ahead; dropping it ends the asking.
pub(super) struct Ahead {
    ready: mpsc::Receiver<Result<Waiting, Fault>>,
    /// What ended the asking, kept until the pages before it are given.
    fault: Option<Fault>,
    task: JoinHandle<()>,
}

impl Ahead {
    /// Asks for the page at which a source stands, and for those after it, as long as less than a batch lies ready.
    pub(super) fn ask<P: Asks + 'static>(peer: Arc<P>, standing: Standing, limit: Limit) -> Self {
        let room = Room::of(limit);
        // each page takes a place at least: the room bounds the channel, and a fault comes after them
        let (tell, ready) = mpsc::channel(room.limit.records.saturating_add(1));
        let task = tokio::spawn(asking(peer, standing, room, tell).in_current_span());
        Ahead { ready, fault: None, task }
    }

    /// The next page; `None` after the last. Cancel-safe.
    pub(super) async fn page(&mut self) -> Result<Option<Loaded>, Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.ready.recv().await.transpose().map(|waiting| waiting.map(|waiting| waiting.loaded))
    }

    /// The next page if it lies ready.
    pub(super) fn page_that_is_here(&mut self) -> Option<Loaded> {
        if self.fault.is_some() {
            return None;
        }
        match self.ready.try_recv().ok()? {
            Ok(waiting) => Some(waiting.loaded),
            Err(fault) => {
                self.fault = Some(fault);
                None
            }
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks until the pull is over, a page cannot be had, or nobody listens any more.
async fn asking<P: Asks>(peer: Arc<P>, mut standing: Standing, room: Room, tell: mpsc::Sender<Result<Waiting, Fault>>) {
    while standing.run.is_some() {
        let waiting = match peer.page(&standing).await {
            Ok(None) => return,
            Ok(Some(loaded)) => {
                let whole = (0, loaded.page.items.len());
                (standing, _) = advanced(peer.since(), &standing, &loaded, whole);
                let Some(room) = room.take(&loaded).await else { return };
                Ok(Waiting { loaded, _room: room })
            }
            Err(fault) => Err(fault),
        };
        let failed = waiting.is_err();
        if tell.send(waiting).await.is_err() || failed {
            return;
        }
    }
}

/// Room for as many records, or as many bytes, as a batch may have.
struct Room {
    places: Arc<Semaphore>,
    limit: Limit,
}

impl Room {
    fn of(limit: Limit) -> Self {
        let records = limit.records.clamp(1, MOST_PLACES);
        Room { places: Arc::new(Semaphore::new(records)), limit: Limit { records, bytes: limit.bytes.max(1) } }
    }

    /// Waits until there is room for a page; one larger than a batch waits until nothing else lies ready.
    async fn take(&self, loaded: &Loaded) -> Option<OwnedSemaphorePermit> {
        let items = &loaded.page.items;
        let bytes: usize = items.iter().map(|item| record_of(&item.cut).bytes.len()).sum();
        let by_bytes = bytes.saturating_mul(self.limit.records) / self.limit.bytes;
        let places = items.len().max(by_bytes).clamp(1, self.limit.records);
        self.places.clone().acquire_many_owned(u32::try_from(places).ok()?).await.ok()
    }
}

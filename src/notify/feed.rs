//! The tail of the change feed, read from the store once and shared by every listener. Bounded: a listener that falls
//! behind the tail reads from the store, so that nobody's slowness costs memory and nothing is skipped (I7).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::body::ChangeBody;
use crate::model::Seal;
use crate::store::{Change, Store, StoreFault};

/// Changes kept in memory.
pub const KEPT: usize = 4_096;
/// Changes read at once.
pub const BATCH: usize = 256;
/// Wait after a failure of the store.
const PAUSE: Duration = Duration::from_millis(200);

/// A change with its event, written once for all listeners.
pub struct Event {
    /// The change.
    pub change: Change,
    /// Its id.
    pub id: Box<str>,
    /// As a server-sent event: `id: …\nevent: …\ndata: …\n\n`.
    pub frame: Box<str>,
    data: usize,
}

impl Event {
    /// A change as an event.
    pub fn of(seal: Seal, change: Change) -> Self {
        let body = ChangeBody::of(seal, &change);
        let mut frame = format!("id: {}\nevent: {}\ndata: ", body.id, change.kind);
        let data = frame.len();
        frame.push_str(&serde_json::to_string(&body).unwrap_or_default());
        frame.push_str("\n\n");
        Event { change, id: body.id.into(), frame: frame.into(), data }
    }

    /// The change as JSON.
    pub fn json(&self) -> &str {
        self.frame[self.data..].trim_end()
    }
}

/// The tail of the feed.
pub struct Feed {
    recent: Mutex<VecDeque<Arc<Event>>>,
    top: watch::Sender<i64>,
}

impl Feed {
    /// An empty tail after a position.
    pub fn new(top: i64) -> Self {
        Feed { recent: Mutex::default(), top: watch::Sender::new(top) }
    }

    /// Tells the highest position, and when it moves.
    pub fn watch(&self) -> watch::Receiver<i64> {
        self.top.subscribe()
    }

    /// Follows the store until dropped.
    pub async fn follow(&self, store: &dyn Store) {
        let seal = store.seal();
        loop {
            let at = *self.top.borrow();
            store.changed(at).await;
            match store.changes(at, BATCH).await {
                Ok(changes) if changes.is_empty() => tokio::time::sleep(PAUSE).await,
                Ok(changes) => self.extend(seal, changes),
                Err(fault) => {
                    tracing::warn!(%fault, "the change feed could not be read; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn extend(&self, seal: Seal, changes: Vec<Change>) {
        let Some(top) = changes.last().map(|change| change.seq) else { return };
        let events = changes.into_iter().map(|change| Arc::new(Event::of(seal, change)));
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.extend(events);
        let surplus = recent.len().saturating_sub(KEPT);
        recent.drain(..surplus);
        drop(recent);
        self.top.send_replace(top);
    }

    /// Events after a position, some of them: from the tail, else from the store.
    pub async fn after(&self, at: i64, store: &dyn Store) -> Result<Vec<Arc<Event>>, StoreFault> {
        if let Some(events) = self.tail(at) {
            return Ok(events);
        }
        let seal = store.seal();
        let changes = store.changes(at, BATCH).await?;
        Ok(changes.into_iter().map(|change| Arc::new(Event::of(seal, change))).collect())
    }

    /// From memory, when it reaches back that far.
    fn tail(&self, at: i64) -> Option<Vec<Arc<Event>>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let first = recent.front()?.change.seq;
        if at + 1 < first {
            return None;
        }
        let from = recent.partition_point(|event| event.change.seq <= at);
        Some(recent.range(from..).take(BATCH).cloned().collect())
    }
}

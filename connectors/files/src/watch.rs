//! File events, where the system has them. Never the only way: network shares give none, and a folder that is replaced
//! (a remount) takes its watch with it, so the source polls as well.

use std::path::Path;
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Watches one folder, without its subfolders.
pub struct Watch {
    arrived: Arc<Notify>,
    /// Events come while it lives.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Starts watching; a system that cannot leaves everything to polling.
    pub fn new(folder: &Path) -> Self {
        let arrived = Arc::new(Notify::new());
        let watcher = watcher(folder, arrived.clone())
            .inspect_err(|error| tracing::warn!(folder = %folder.display(), %error, "no file events for this folder: it is polled only"))
            .ok();
        Watch { arrived, _watcher: watcher }
    }

    /// Resolves when something happened since the last time; events between two calls are not lost.
    pub async fn event(&self) {
        self.arrived.notified().await;
    }
}

fn watcher(folder: &Path, arrived: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // an error (a full queue) may stand for an arrival
        if event.map_or(true, |event| is_arrival(event.kind)) {
            arrived.notify_one();
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Our own reading, and files that leave, wake nobody.
fn is_arrival(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Create(_)
        | EventKind::Any
        | EventKind::Other => true,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) | EventKind::Access(_) => false,
        EventKind::Modify(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, RemoveKind};

    use super::*;

    #[test]
    fn arrivals_wake_and_our_own_reading_does_not() {
        assert!(is_arrival(EventKind::Create(CreateKind::File)));
        assert!(is_arrival(EventKind::Modify(ModifyKind::Data(DataChange::Any))));
        assert!(is_arrival(EventKind::Modify(ModifyKind::Name(RenameMode::To))));
        assert!(!is_arrival(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!is_arrival(EventKind::Modify(ModifyKind::Name(RenameMode::From))));
        assert!(!is_arrival(EventKind::Remove(RemoveKind::File)));
    }
}

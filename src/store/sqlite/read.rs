//! Reading: a pool of connections that cannot write. Point reads run where they are asked for, since handing one to
//! another thread costs more than the read; what may take long is moved off the async threads by the caller.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::open;
use crate::store::StoreFault;

/// Connections for reading.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    kept: usize,
}

impl Readers {
    /// A pool that keeps up to so many connections; more are opened when more threads read at once, and closed again.
    pub(super) fn new(path: PathBuf, kept: usize) -> Self {
        Readers { path, idle: Mutex::new(Vec::new()), kept: kept.max(1) }
    }

    /// Reads with a connection.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreFault>) -> Result<T, StoreFault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open::reader(&self.path)?,
        };
        let outcome = read(&connection);
        if outcome.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < self.kept {
                idle.push(connection);
            }
        }
        outcome
    }

    /// Reads several things as they stood at one moment.
    pub(super) fn at_once<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreFault>) -> Result<T, StoreFault> {
        self.read(|connection| {
            // kept statements: parsing `BEGIN` anew would cost a short read a tenth of its time
            connection.prepare_cached("BEGIN")?.execute([])?;
            let found = read(connection);
            connection.prepare_cached("COMMIT")?.execute([])?;
            found
        })
    }

    /// Closes what is idle.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

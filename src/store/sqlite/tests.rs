//! The embedded store passes the suite, and keeps what only it promises.

#![allow(clippy::unwrap_used)]

use tempfile::TempDir;

use super::*;
use crate::store::suite::{Stage, store_suite};

/// A folder with one database.
struct Folder(TempDir);

impl Folder {
    fn path(&self) -> PathBuf {
        self.0.path().join("guichet.db")
    }
}

impl Stage for Folder {
    fn new() -> Self {
        Folder(TempDir::new().unwrap())
    }

    fn open(&self) -> Result<Box<dyn Store>, StoreFault> {
        Ok(Box::new(Sqlite::open(&self.path(), Bounds::default())?))
    }
}

store_suite! { Folder }

//! Names shared between documents: each name of a flow is allocated once, however many records hold it.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::document::Name;

/// Names kept; a source with more distinct ones than this (made of data, not of a vocabulary) gets the rest unshared.
const KEPT: usize = 4096;

type Table = HashMap<Box<str>, Name>;

/// The names seen so far, by the text they are looked up with.
#[derive(Debug, Default)]
pub(crate) struct Names {
    table: RwLock<Table>,
}

impl Names {
    /// Looks names up for one record under one lock.
    pub(crate) fn reading(&self) -> NamesRead<'_> {
        NamesRead { table: self.table.read().unwrap_or_else(PoisonError::into_inner), fresh: Vec::new() }
    }

    /// Keeps what a reading met for the first time.
    pub(crate) fn learn(&self, fresh: Vec<(Box<str>, Name)>) {
        if fresh.is_empty() {
            return;
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        for (text, name) in fresh {
            if table.len() < KEPT {
                table.entry(text).or_insert(name);
            }
        }
    }
}

/// One record's view of the names.
pub(crate) struct NamesRead<'a> {
    table: RwLockReadGuard<'a, Table>,
    fresh: Vec<(Box<str>, Name)>,
}

impl NamesRead<'_> {
    /// The name for this text; `make` builds it the first time.
    pub(crate) fn name(&mut self, text: &str, make: impl FnOnce(&str) -> Name) -> Name {
        if let Some(name) = self.table.get(text) {
            return name.clone();
        }
        let name = make(text);
        if self.table.len() + self.fresh.len() < KEPT {
            self.fresh.push((text.into(), name.clone()));
        }
        name
    }

    /// Gives the lock back; what to `learn`.
    pub(crate) fn finish(self) -> Vec<(Box<str>, Name)> {
        self.fresh
    }
}

//! Revisions in memory: four bytes per case, so that an unchanged document costs no read (ETag, 304). Empty at start and
//! filled as cases are asked for or written; what is not there is read from the database.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::model::CaseRow;

/// Cases of a chunk.
const CHUNK: usize = 1 << 16;
/// Chunks: beyond 2²⁶ cases revisions are read from the database.
const CHUNKS: usize = 1 << 10;

/// Revisions by case row; 0 = not known here.
#[derive(Debug)]
pub(super) struct Revisions {
    chunks: Box<[OnceLock<Box<[AtomicU32]>>]>,
}

impl Default for Revisions {
    fn default() -> Self {
        Revisions { chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect() }
    }
}

impl Revisions {
    /// The revision, if it is known here.
    pub(super) fn get(&self, case: CaseRow) -> Option<i64> {
        let known = self.slot(case)?.load(Ordering::Acquire);
        (known != 0).then_some(i64::from(known))
    }

    /// What the writer committed (0: ask the database again).
    pub(super) fn set(&self, case: CaseRow, revision: i64) {
        if let Some(slot) = self.slot(case) {
            slot.store(u32::try_from(revision).unwrap_or(0), Ordering::Release);
        }
    }

    /// What a reader found, unless the writer knows better by now.
    pub(super) fn learn(&self, case: CaseRow, revision: i64) {
        if let (Some(slot), Ok(revision)) = (self.slot(case), u32::try_from(revision)) {
            let _ = slot.compare_exchange(0, revision, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    fn slot(&self, case: CaseRow) -> Option<&AtomicU32> {
        let row = usize::try_from(case.0).ok()?;
        let chunk = self.chunks.get(row / CHUNK)?;
        chunk.get_or_init(|| (0..CHUNK).map(|_| AtomicU32::new(0)).collect()).get(row % CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_comes_late_never_overwrites_the_writer() {
        let revisions = Revisions::default();
        let case = CaseRow(70_000);
        assert_eq!(revisions.get(case), None);
        revisions.set(case, 2);
        revisions.learn(case, 1);
        assert_eq!(revisions.get(case), Some(2));
        assert_eq!(revisions.get(CaseRow(-1)), None);
        assert_eq!(revisions.get(CaseRow(1 << 39)), None);
    }
}

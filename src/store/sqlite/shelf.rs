//! Documents read lately, kept in memory. Bounded: a case has one place, shared with those whose row falls on it too.
//!
//! A document is taken from here only if no commit has touched its place since before it was read: each commit has a
//! number, a reader notes the last number *before* its snapshot begins, and a place remembers the number of the commit
//! that last touched it. So a reader that comes late can never put an old document back, and whoever was told of a
//! commit reads at least that commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use crate::model::CaseRow;
use crate::store::CaseDocument;

/// Places; at about 3 KB a document, some 25 MiB when all are taken.
const PLACES: usize = 1 << 13;

/// Documents by case row.
pub(super) struct Shelf {
    commits: AtomicU64,
    places: Box<[Place]>,
}

#[derive(Default)]
struct Place {
    touched: AtomicU64,
    kept: ArcSwapOption<Kept>,
}

struct Kept {
    read_after: u64,
    document: Arc<CaseDocument>,
}

impl Default for Shelf {
    fn default() -> Self {
        Shelf { commits: AtomicU64::new(0), places: (0..PLACES).map(|_| Place::default()).collect() }
    }
}

impl Shelf {
    /// The number to note before a snapshot begins.
    pub(super) fn now(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// The document of a case, if it is here and nothing touched it since it was read.
    pub(super) fn get(&self, case: CaseRow) -> Option<Arc<CaseDocument>> {
        let place = self.place(case);
        let kept = place.kept.load();
        let kept = kept.as_ref().filter(|kept| kept.document.row == case)?;
        (place.touched.load(Ordering::SeqCst) <= kept.read_after).then(|| kept.document.clone())
    }

    /// Keeps a document read in a snapshot that began after this number was noted.
    pub(super) fn put(&self, read_after: u64, document: Arc<CaseDocument>) {
        self.place(document.row).kept.store(Some(Arc::new(Kept { read_after, document })));
    }

    /// A commit touched these cases.
    pub(super) fn touch(&self, cases: impl Iterator<Item = CaseRow>) {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        cases.for_each(|case| self.place(case).touched.store(number, Ordering::SeqCst));
    }

    fn place(&self, case: CaseRow) -> &Place {
        &self.places[case.0.unsigned_abs() as usize % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Phase, Seal};

    fn document(row: i64, revision: i64) -> Arc<CaseDocument> {
        let row = CaseRow(row);
        Arc::new(CaseDocument {
            row,
            id: Seal(1).case_id(row, 0),
            revision,
            source: "s".into(),
            sources: vec!["s".into()],
            service: None,
            confidentiality: 0,
            phase: Phase::Received,
            waiting_on: None,
            outcome: None,
            source_code: None,
            changed_at: 0,
            observed_at: 0,
            body: "{}".into(),
            status: "{}".into(),
            staff: "{}".into(),
            stamp: "{}".into(),
        })
    }

    #[test]
    fn a_reader_that_comes_late_never_puts_an_old_document_back() {
        let shelf = Shelf::default();
        let before = shelf.now();
        shelf.touch([CaseRow(1)].into_iter());
        shelf.put(before, document(1, 1));
        assert!(shelf.get(CaseRow(1)).is_none());
        shelf.put(shelf.now(), document(1, 2));
        assert_eq!(shelf.get(CaseRow(1)).map(|found| found.revision), Some(2));
        shelf.touch([CaseRow(2)].into_iter());
        assert!(shelf.get(CaseRow(1)).is_some(), "another case");
        shelf.touch([CaseRow(1)].into_iter());
        assert!(shelf.get(CaseRow(1)).is_none());
    }

    #[test]
    fn cases_that_share_a_place_are_told_apart() {
        let shelf = Shelf::default();
        shelf.put(shelf.now(), document(1, 1));
        assert!(shelf.get(CaseRow(1 + PLACES as i64)).is_none());
    }
}

//! The suite every store passes: one function per promise, run on each backend by [`store_suite!`].
//!
//! A backend gives a [`Stage`]: an empty place where a store is opened, closed and opened again.

#![allow(clippy::unwrap_used)]

mod hub;
mod intake;

pub(crate) use hub::*;
pub(crate) use intake::*;

use super::{Store, StoreFault};

/// An empty place for a store.
pub(crate) trait Stage: Sync {
    /// A new place.
    fn new() -> Self;
    /// Opens the store that lives there, made at the first call.
    fn open(&self) -> Result<Box<dyn Store>, StoreFault>;
}

/// Every promise, as a test of one backend.
macro_rules! store_suite {
    ($stage:ty: $($promise:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                crate::store::suite::$promise::<$stage>().await;
            }
        )*
    };
    ($stage:ty) => {
        crate::store::suite::store_suite! { $stage:
            a_record_becomes_a_case
            a_known_record_is_counted_and_changes_nothing
            a_record_twice_in_one_unit_is_applied_once
            i2_an_update_told_by_another_record_enters_once
            i3_any_permutation_and_duplication_gives_byte_equal_documents_by_version
            i3_any_permutation_and_duplication_gives_byte_equal_documents_by_time
            i3_any_permutation_and_duplication_gives_byte_equal_documents_by_snapshot
            repetition_gives_byte_equal_documents_by_arrival
            a_late_update_enters_the_history_and_never_moves_the_head
            exports_end_with_the_newest_one_in_any_order
            an_export_read_ahead_of_its_commit_is_read_again
        }
    };
}
pub(crate) use store_suite;

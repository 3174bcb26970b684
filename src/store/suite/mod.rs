//! The suite every store passes: one function per promise, run on each backend by [`store_suite!`].
//!
//! A backend gives a [`Stage`]: an empty place where a store is opened, closed and opened again.

#![allow(clippy::unwrap_used)]

mod cases;
mod commands;
mod durability;
mod hub;
mod intake;
mod quarantine;
mod subscriptions;

pub(crate) use cases::*;
pub(crate) use commands::*;
pub(crate) use durability::*;
pub(crate) use hub::*;
pub(crate) use intake::*;
pub(crate) use quarantine::*;
pub(crate) use subscriptions::*;

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
            replaying_the_kept_records_gives_the_live_state
            a_late_update_enters_the_history_and_never_moves_the_head
            exports_end_with_the_newest_one_in_any_order
            a_known_record_still_moves_its_case_back
            a_conflict_is_held_and_the_first_is_kept
            later_records_of_a_refused_case_are_parked_and_released
            a_newer_snapshot_supersedes_what_was_held
            a_held_record_delivered_again_is_a_duplicate
            a_retry_moves_the_counts
            dismissing_writes_an_audit_and_frees_what_waited
            one_record_speaks_about_one_case
            i1_counts_always_sum_to_what_was_received
            i7_the_feed_is_gap_free_and_ordered_under_concurrent_flows
            the_cursor_commits_with_its_data
            nothing_is_visible_before_commit
            a_case_is_found_under_every_number_it_has
            terms_follow_the_facts
            a_list_is_scoped_filtered_and_newest_first
            a_text_search_continues_where_it_stopped
            paging_loses_no_case_that_did_not_change
            revisions_are_right_from_memory_and_after_a_reopen
            reopening_keeps_everything
            a_second_process_is_refused
            raw_records_are_kept_word_for_word_and_forgotten_in_time
            dropped_callers_leave_a_consistent_store
            closing_finishes_what_is_under_way
            a_pause_and_its_reason_survive
            a_subscription_keeps_its_place_and_its_deliveries
            a_subscription_is_amended_and_every_deed_written_down
            a_settlement_does_not_undo_what_people_changed
            a_time_leads_to_its_place_in_the_feed
            a_key_stands_for_one_request
            a_submitted_case_is_there_at_once_and_keeps_its_id
            a_case_told_before_its_answer_is_the_submitted_one
            commands_of_a_case_go_one_by_one_and_in_order
            what_was_on_its_way_when_the_hub_died_is_unknown
            an_operator_steps_in_with_an_audit_row
            commands_nobody_carries_out_wait_visibly_and_go_on_by_themselves
            commands_keep_their_order_per_case_whatever_happens
        }
    };
}
pub(crate) use store_suite;

//! What every log promises a stream thread, as one suite. A log takes part by a [`LogFixture`] and one line:
//! `log_contract!(MyFixture);`.

pub(crate) mod fixture;
pub(crate) mod input;
pub(crate) mod membership;
pub(crate) mod origins;
pub(crate) mod reading;
pub(crate) mod transactions;

#[allow(unused_imports, reason = "each fixture uses its part")]
pub(crate) use fixture::{Appended, LogFixture, layout};

/// Runs every scenario of the suite on the log of a fixture.
macro_rules! log_contract {
    ($fixture:ty) => {
        $crate::log_contract::scenarios! { $fixture,
            transactions: [
                a_commit_makes_outputs_changelog_and_offsets_true_together,
                commits_of_several_tasks_are_one_transaction,
                a_commit_without_input_progress_is_true_as_well,
                an_empty_commit_changes_nothing,
                what_is_sent_ahead_becomes_true_with_its_commit_and_not_before,
                a_commit_of_nothing_but_what_was_sent_ahead_is_true_as_well,
                an_abort_forgets_what_was_sent_ahead,
                nothing_is_taken_ahead_for_a_task_that_was_not_started,
                many_commits_in_a_row_stand_in_their_order,
                the_changelog_end_is_after_the_tasks_own_last_record,
                a_commit_for_a_task_that_was_not_started_makes_nothing_true,
                the_newest_commit_record_tells_what_the_transaction_was,
            ],
            input: [
                records_of_a_partition_come_in_their_order,
                a_record_at_which_the_caller_breaks_counts_as_taken_and_the_rest_waits,
                an_abort_hands_over_again_what_was_not_committed,
                nulls_headers_and_times_arrive_as_they_were_sent,
                a_paused_task_gets_no_records_until_it_is_started_again,
                a_waiting_thread_wakes_up_when_a_record_comes,
                a_thread_that_comes_back_begins_at_the_committed_offset,
            ],
            membership: [
                a_lone_thread_is_given_every_task,
                a_second_thread_gets_its_share_only_after_the_first_has_stopped_it,
                a_thread_to_which_no_task_is_left_is_told_that_it_is_in,
                revoked_tasks_can_still_be_committed_before_they_are_stopped,
                tasks_of_a_thread_that_leaves_go_to_the_others,
                a_thread_that_was_replaced_makes_nothing_true_and_its_heir_does,
            ],
            origins: [
                outputs_are_numbered_on_after_an_abort_and_a_restart,
                a_topology_does_not_see_the_origin_of_its_input,
            ],
            reading: [
                a_whole_topic_is_handed_over_and_then_what_comes,
                a_range_ends_at_its_end_whatever_holds_the_last_offsets,
                a_range_ends_where_the_reader_breaks,
                a_reader_sees_only_what_was_committed_in_the_order_of_commits,
                a_reader_knows_which_topics_there_are,
            ],
        }
    };
}

macro_rules! scenarios {
    ($fixture:ty, $($module:ident: [$($scenario:ident),+ $(,)?],)+) => {
        $(mod $module {
            use super::*;
            $(#[test]
            fn $scenario() {
                $crate::log_contract::$module::$scenario(<$fixture as $crate::log_contract::LogFixture>::new);
            })+
        })+
    };
}

pub(crate) use {log_contract, scenarios};

//! The topologies through the test driver, which runs the production task: one scenario per file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking, and reads its agreed text from a file"
)]

mod shop;

mod a_buyer_cancels_after_paying;
mod a_buyer_cancels_before_paying;
mod a_cancellation_at_any_moment;
mod a_crash_at_any_moment;
mod a_disabled_account_pays_no_more;
mod a_late_reply_is_acted_on;
mod a_participant_is_silent;
mod a_product_that_does_not_exist;
mod a_saga_that_reads_everything_again;
mod a_second_post_of_the_same_order;
mod a_wallet_is_paid_out;
mod accounts_are_taken_once;
mod an_event_goes_outside;
mod an_operator_is_called;
mod an_order_is_paid;
mod an_order_is_paid_by_card;
mod deposits_count_once;
mod descriptions;
mod lines_are_shipped_kept_or_given_back;
mod not_enough_money;
mod not_enough_stock;
mod poison_records;
mod products_belong_to_their_sellers;
mod several_sellers;
mod what_an_auditor_finds;
mod what_is_resolved_is_forgotten;

//! One table per machine: every state, everything that can happen in it, and what comes of it.
//! The tables are text files beside the tests; `UPDATE_TABLES=1 cargo test` writes them again,
//! and a change of a decision shows as a changed line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking, and reads its agreed text from a file"
)]

mod card;
mod order;
mod payment;
mod payout;
mod product;
mod stock;

use std::path::Path;

/// Compares a table with the one that was agreed.
fn check(name: &str, rows: &[String]) {
    let path = Path::new("tests/tables").join(format!("{name}.txt"));
    let table = format!("{}\n", rows.join("\n"));
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    for (row, agreed) in table.lines().zip(agreed.lines()) {
        assert_eq!(row, agreed);
    }
    assert_eq!(table.lines().count(), agreed.lines().count());
}

/// The first word of a value's debug text: its variant.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split(|letter: char| !letter.is_alphanumeric())
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// One row: where, what, and what comes of it.
fn row(state: &str, event: &str, outcome: &[String]) -> String {
    let outcome: Vec<&str> = outcome
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    let outcome = if outcome.is_empty() {
        "-".to_owned()
    } else {
        outcome.join("; ")
    };
    format!("{state:<22} {event:<24} {outcome}").trim_end().to_owned()
}

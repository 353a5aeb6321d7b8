//! Stock: every product's ledger adds up, is never negative, and every hold ends as its order does.

use std::collections::BTreeMap;

use super::{Books, Findings, by_key};
use crate::topics::Seen;

pub(super) fn check(books: &Books, findings: &mut Findings) {
    let snapshots: BTreeMap<&str, &Seen> = books
        .products
        .iter()
        .map(|product| (product.key.as_str(), product))
        .collect();
    for (product_id, events) in by_key(&books.stock_events) {
        let changes: Vec<&Seen> = events
            .into_iter()
            .filter(|event| event.kind == "StockChanged")
            .collect();
        check_ledger(product_id, &changes, snapshots.get(product_id).copied(), findings);
    }
    check_holds(books, findings);
}

/// I1: `on_hand >= 0`, `0 <= reserved <= on_hand`, and each entry follows from the one before it.
fn check_ledger(product_id: &str, changes: &[&Seen], snapshot: Option<&Seen>, findings: &mut Findings) {
    let (mut on_hand, mut reserved) = (0, 0);
    for change in changes {
        on_hand += change.number("/payload/delta_on_hand");
        reserved += change.number("/payload/delta_reserved");
        let told = (change.number("/payload/on_hand"), change.number("/payload/reserved"));
        if told != (on_hand, reserved) {
            let what = format!(
                "{product_id}: told {told:?}, sums ({on_hand}, {reserved}), {}",
                change.place()
            );
            findings.violated("I1 stock ledger does not add up", what);
            return;
        }
        if on_hand < 0 || reserved < 0 || reserved > on_hand {
            let what = format!(
                "{product_id}: on hand {on_hand}, reserved {reserved}, {}",
                change.place()
            );
            findings.violated("I1 stock out of bounds", what);
        }
    }
    let Some(snapshot) = snapshot else {
        findings.violated("I1 product without snapshot", product_id);
        return;
    };
    if (snapshot.number("/on_hand"), snapshot.number("/reserved")) != (on_hand, reserved) {
        findings.violated(
            "I1 product snapshot differs from ledger",
            format!("{product_id}: {on_hand}, {reserved}"),
        );
    }
}

/// I2 and I7: a hold is resolved exactly once; a paid order's lines are confirmed, a cancelled order's net to nothing.
fn check_holds(books: &Books, findings: &mut Findings) {
    let status: BTreeMap<&str, &str> = books
        .orders
        .iter()
        .map(|order| (order.key.as_str(), order.text("/status")))
        .collect();
    let mut holds: BTreeMap<(&str, i64, &str), Vec<&Seen>> = BTreeMap::new();
    for event in books
        .stock_events
        .iter()
        .filter(|event| !event.text("/payload/order_id").is_empty())
    {
        let hold = (
            event.text("/payload/order_id"),
            event.number("/payload/line"),
            event.key.as_str(),
        );
        holds.entry(hold).or_default().push(event);
    }
    for ((order_id, line, product_id), events) in holds {
        let kinds: Vec<&str> = events.iter().map(|event| event.text("/payload/kind")).collect();
        let expected: &[&[&str]] = match status.get(order_id).copied() {
            // A line of a paid order may have been given back.
            Some("PAID" | "SHIPPED" | "DELIVERED") => {
                &[&["RESERVED", "CONFIRMED"], &["RESERVED", "CONFIRMED", "RETURNED"]]
            }
            Some("CANCELLED") => &[
                &["RESERVED", "RELEASED"],
                &["RESERVED", "CONFIRMED", "RESTOCKED"],
                &["RESERVED", "CONFIRMED", "RETURNED"],
            ],
            _ => continue,
        };
        if !expected.contains(&kinds.as_slice()) {
            let status = status.get(order_id).copied().unwrap_or_default();
            findings.violated(
                "I2 hold not resolved once",
                format!("{order_id} line {line} of {product_id}: {kinds:?}, order {status}"),
            );
        }
    }
}

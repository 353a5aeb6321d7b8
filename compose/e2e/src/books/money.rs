//! Money: every entry sums to zero, no wallet goes below zero, and each order's payment ends as the order does.

use std::collections::BTreeMap;

use super::{Books, Findings};
use crate::topics::Seen;

pub(super) fn check(books: &Books, findings: &mut Findings) {
    let mut balances: BTreeMap<(String, String), i64> = BTreeMap::new();
    for entry in &books.ledger {
        post(entry, &mut balances, findings);
    }
    let outside: i64 = balances
        .iter()
        .filter(|((account, _), _)| account == "outside")
        .map(|(_, sum)| sum)
        .sum();
    let inside: i64 = balances
        .iter()
        .filter(|((account, _), _)| account != "outside")
        .map(|(_, sum)| sum)
        .sum();
    if outside + inside != 0 {
        findings.violated(
            "I3 ledger does not sum to zero",
            format!("inside {inside}, outside {outside}"),
        );
    }
    check_orders(books, findings);
}

/// I3: double entry; nobody but the outside goes below zero, after any entry.
fn post(entry: &Seen, balances: &mut BTreeMap<(String, String), i64>, findings: &mut Findings) {
    let currency = entry.text("/currency").to_owned();
    let postings = entry
        .body
        .pointer("/postings")
        .and_then(serde_json::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut sum = 0;
    for posting in &postings {
        let account = posting
            .get("account")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let amount = posting
            .get("amount")
            .and_then(serde_json::Value::as_i64)
            .unwrap_or_default();
        sum += amount;
        let balance = balances.entry((account.clone(), currency.clone())).or_default();
        *balance += amount;
        if *balance < 0 && account != "outside" {
            findings.violated(
                "I3 balance below zero",
                format!("{account}: {balance} after {}", entry.place()),
            );
        }
    }
    if sum != 0 || postings.is_empty() {
        findings.violated("I3 entry does not sum to zero", format!("{sum} at {}", entry.place()));
    }
}

/// I4 and I7: at most one capture; a paid order's capture is its total, of which what its lines say
/// is back with the buyer or with the sellers; a cancelled order keeps nothing.
fn check_orders(books: &Books, findings: &mut Findings) {
    let mut entries: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for entry in books.ledger.iter().filter(|entry| !entry.text("/order_id").is_empty()) {
        entries.entry(entry.text("/order_id")).or_default().push(entry);
    }
    let orders: BTreeMap<&str, &Seen> = books.orders.iter().map(|order| (order.key.as_str(), order)).collect();
    for (order_id, order) in orders {
        let own = entries.remove(order_id).unwrap_or_default();
        let count = |kind: &str| own.iter().filter(|entry| entry.text("/kind") == kind).count();
        let moved = |kind: &str| -> i64 {
            own.iter()
                .filter(|entry| entry.text("/kind") == kind)
                .map(|entry| amount(entry))
                .sum()
        };
        let (held, captured, returned) = (
            moved("AUTHORIZATION"),
            moved("CAPTURE"),
            moved("VOID") + moved("REFUND"),
        );
        let (settled, credited) = (moved("SETTLEMENT"), moved("CREDIT"));
        let spent = moved("REFUND") + settled;
        if count("AUTHORIZATION") > 1 || count("CAPTURE") > 1 || captured > held || spent > captured {
            findings.violated(
                "I4 charged wrongly",
                format!("{order_id}: held {held}, captured {captured}, returned {returned}, settled {settled}"),
            );
        }
        let (to_buyer, to_sellers) = (of_lines(order, "REFUNDED"), of_lines(order, "SETTLED"));
        match order.text("/status") {
            // What is still under way is not held against its lines.
            "PAID" | "SHIPPED" | "DELIVERED" if order.text("/step") == "DONE" => {
                let total = order.number("/total/amount");
                if (captured, returned, settled, credited) != (total, to_buyer, to_sellers, to_sellers) {
                    findings.violated(
                        "I4 paid order is not where its lines say",
                        format!("{order_id}: captured {captured}, returned {returned}, settled {settled}, credited {credited}"),
                    );
                }
            }
            "CANCELLED" if held != returned => {
                findings.violated(
                    "I7 cancelled order keeps money",
                    format!("{order_id}: held {held}, returned {returned}"),
                );
            }
            _ => {}
        }
    }
    for order_id in entries.keys() {
        findings.violated("I4 money of an unknown order", order_id);
    }
}

/// What the lines of an order cost whose money went there.
fn of_lines(order: &Seen, money: &str) -> i64 {
    let lines = order.body.pointer("/lines").and_then(serde_json::Value::as_array);
    let cost = |line: &serde_json::Value| {
        let price = line.pointer("/unit_price/amount")?.as_i64()?;
        Some(price * line.pointer("/quantity")?.as_i64()?)
    };
    let went = |line: &&serde_json::Value| line.pointer("/money").and_then(serde_json::Value::as_str) == Some(money);
    lines.into_iter().flatten().filter(went).filter_map(cost).sum()
}

/// The amount that an entry moves: the sum of its positive postings.
fn amount(entry: &Seen) -> i64 {
    let postings = entry.body.pointer("/postings").and_then(serde_json::Value::as_array);
    let amounts = postings
        .into_iter()
        .flatten()
        .filter_map(|posting| posting.get("amount")?.as_i64());
    amounts.filter(|amount| *amount > 0).sum()
}

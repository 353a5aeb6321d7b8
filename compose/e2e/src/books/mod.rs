//! The rules of the shop, checked from the topics. Each rule answers what breaks it, in words, with keys and offsets.

mod money;
mod orders;
mod stock;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::topics::{Seen, TopicReader};

/// One accepted order as the client remembers it: what the edge said, to be held against what the topics say.
#[derive(Debug, Clone, Deserialize)]
pub struct Accepted {
    /// The order's id.
    pub order_id: String,
    /// The last status that the client saw.
    pub status: Option<String>,
}

/// The orders in the ledger of `sluice load`. A POST that was never answered promises nothing: its line has no id.
pub fn read_ledger(path: &Path) -> anyhow::Result<Vec<Accepted>> {
    let mut accepted = Vec::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let entry: Value = serde_json::from_str(line)?;
        if entry.get("order_id").is_some_and(Value::is_string) {
            accepted.push(serde_json::from_value(entry)?);
        }
    }
    Ok(accepted)
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Everything that is wrong; empty when the books are right.
    pub violations: Vec<String>,
    /// Orders by final status.
    pub orders: BTreeMap<String, usize>,
    /// Records looked at.
    pub records: usize,
}

/// Violations listed of one rule; more of the same kind say nothing new.
const VIOLATIONS_LISTED_MAX: usize = 20;

impl Findings {
    /// Notes a violation of `rule`.
    pub(crate) fn violated(&mut self, rule: &str, what: impl std::fmt::Display) {
        let listed = self
            .violations
            .iter()
            .filter(|violation| violation.starts_with(rule))
            .count();
        if listed < VIOLATIONS_LISTED_MAX {
            self.violations.push(format!("{rule}: {what}"));
        }
    }
}

/// Everything the checks need of the topics.
pub(crate) struct Books {
    pub(crate) order_events: Vec<Seen>,
    pub(crate) orders: Vec<Seen>,
    pub(crate) stock_events: Vec<Seen>,
    pub(crate) products: Vec<Seen>,
    pub(crate) payment_events: Vec<Seen>,
    pub(crate) ledger: Vec<Seen>,
}

/// Reads the topics and checks every rule. `accepted` are the orders that clients were told of.
pub fn check(reader: &mut TopicReader, accepted: &[Accepted]) -> anyhow::Result<Findings> {
    let books = Books {
        order_events: reader.read("order-events")?,
        orders: reader.read("orders")?,
        stock_events: reader.read("stock-events")?,
        products: reader.read("products")?,
        payment_events: reader.read("payment-events")?,
        ledger: reader.read("ledger-entries")?,
    };
    let mut findings = Findings {
        records: books.len(),
        ..Findings::default()
    };
    for (topic, records, id) in [
        ("order-events", &books.order_events, "/id"),
        ("stock-events", &books.stock_events, "/id"),
        ("payment-events", &books.payment_events, "/id"),
        ("ledger-entries", &books.ledger, "/entry_id"),
    ] {
        unique(&mut findings, topic, records, id);
    }
    orders::check(&books, accepted, &mut findings);
    stock::check(&books, &mut findings);
    money::check(&books, &mut findings);
    Ok(findings)
}

impl Books {
    fn len(&self) -> usize {
        let topics = [
            &self.order_events,
            &self.orders,
            &self.stock_events,
            &self.products,
            &self.payment_events,
            &self.ledger,
        ];
        topics.iter().map(|topic| topic.len()).sum()
    }
}

/// I5: no operation took effect twice. Ids are deterministic, so a second effect would carry the same id.
fn unique(findings: &mut Findings, topic: &str, records: &[Seen], id: &str) {
    let mut places: BTreeMap<&str, String> = BTreeMap::new();
    for record in records {
        if let Some(first) = places.insert(record.text(id), record.place()) {
            findings.violated(
                "I5 effect twice",
                format!("{topic} id {} at {first} and {}", record.text(id), record.place()),
            );
        }
    }
}

/// The records of each key, in their order.
pub(crate) fn by_key(records: &[Seen]) -> BTreeMap<&str, Vec<&Seen>> {
    let mut keys: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for record in records {
        keys.entry(&record.key).or_default().push(record);
    }
    keys
}

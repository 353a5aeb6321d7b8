//! Orders: each accepted one is there once, ends once, and its snapshot says what its events say.

use std::collections::BTreeMap;

use super::{Accepted, Books, Findings, by_key};
use crate::topics::Seen;

pub(super) fn check(books: &Books, accepted: &[Accepted], findings: &mut Findings) {
    let events = by_key(&books.order_events);
    let snapshots: BTreeMap<&str, &Seen> = books.orders.iter().map(|order| (order.key.as_str(), order)).collect();
    for order in accepted {
        if !events.contains_key(order.order_id.as_str()) {
            findings.violated("I10 accepted order lost", &order.order_id);
        }
    }
    for (order_id, events) in &events {
        let status = check_one(order_id, events, snapshots.get(order_id).copied(), findings);
        *findings.orders.entry(status).or_default() += 1;
    }
    for order in accepted {
        let snapshot = snapshots
            .get(order.order_id.as_str())
            .map(|snapshot| snapshot.text("/status"));
        if let (Some(told), Some(is)) = (&order.status, snapshot)
            && told != is
        {
            findings.violated(
                "I6 final status changed",
                format!("{}: client saw {told}, now {is}", order.order_id),
            );
        }
    }
}

fn check_one(order_id: &str, events: &[&Seen], snapshot: Option<&Seen>, findings: &mut Findings) -> String {
    for (expected, event) in (1..).zip(events) {
        if event.number("/seq") != expected {
            let what = format!(
                "{order_id}: seq {} where {expected} is expected, {}",
                event.number("/seq"),
                event.place()
            );
            findings.violated("I8 events have a gap or a repetition", what);
            break;
        }
    }
    let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    if count("OrderCreated") != 1 {
        findings.violated(
            "I10 not created exactly once",
            format!("{order_id}: {} times", count("OrderCreated")),
        );
    }
    let (paid, cancelled) = (count("OrderPaid"), count("OrderCancelled"));
    if paid > 1 || cancelled > 1 || paid + cancelled == 0 {
        findings.violated(
            "I6 not ended exactly once",
            format!("{order_id}: paid {paid}, cancelled {cancelled}"),
        );
    }
    let status = if cancelled > 0 {
        "CANCELLED"
    } else if paid > 0 {
        "PAID"
    } else {
        "OPEN"
    };
    check_snapshot(order_id, events, snapshot, status, findings);
    status.to_owned()
}

fn check_snapshot(order_id: &str, events: &[&Seen], snapshot: Option<&Seen>, status: &str, findings: &mut Findings) {
    let Some(snapshot) = snapshot else {
        findings.violated("I8 no snapshot", order_id);
        return;
    };
    // What is shipped and delivered was paid; the events of single lines say so.
    let told = match snapshot.text("/status") {
        "SHIPPED" | "DELIVERED" => "PAID",
        told => told,
    };
    if status != "OPEN" && told != status {
        let what = format!(
            "{order_id}: events say {status}, snapshot says {}",
            snapshot.text("/status")
        );
        findings.violated("I8 snapshot differs from events", what);
    }
    let last = events.last().map_or(0, |event| event.number("/seq"));
    if snapshot.number("/version") != last {
        let what = format!(
            "{order_id}: version {} after {last} events",
            snapshot.number("/version")
        );
        findings.violated("I8 snapshot differs from events", what);
    }
    let reason = events
        .iter()
        .rev()
        .find(|event| event.kind == "OrderCancelled")
        .map(|event| event.text("/payload/reason"));
    if reason.is_some_and(|reason| reason != snapshot.text("/cancel_reason")) {
        findings.violated(
            "I8 snapshot differs from events",
            format!("{order_id}: cancel reasons differ"),
        );
    }
}

//! Everything about one order.

use std::collections::BTreeMap;

use schemas::topics::{LEDGER_ENTRIES, ORDER_COMMANDS, ORDER_EVENTS, ORDERS, STOCK_EVENTS};
use schemas::wire::order as wire;

use super::{Finding, Place, Seen};
use crate::ids::{OrderId, ProductId};
use crate::invariants::{
    Violation, i2_holds_resolved_once, i4_refunded_captured_authorised, i6_every_order_ends,
    i7_cancelled_leaves_nothing, i8_snapshot_is_fold, i10_accepted_exactly_once,
};
use crate::order::RecordedEvent;
use crate::payment::LedgerEntry;
use crate::stock::StockChange;

/// What the topics say about one order, each list in the order of its topic.
#[derive(Debug)]
pub struct OrderBook {
    /// The order.
    pub order_id: OrderId,
    /// A request for it that the saga has read.
    pub placed: Option<Place>,
    /// Whether a command for it was refused: then one that asked for it has its answer.
    pub refused: bool,
    /// Its events that have a number.
    pub events: Vec<Seen<RecordedEvent>>,
    /// Its newest snapshot.
    pub snapshot: Option<Seen<wire::Order>>,
    /// Entries of the books for it.
    pub entries: Vec<Seen<LedgerEntry>>,
    /// Changes of stock for it, by product.
    pub changes: Vec<(ProductId, Seen<StockChange>)>,
    /// Whether something of it happened after the snapshots' end was fixed.
    pub in_motion: bool,
}

impl OrderBook {
    /// Nothing about an order yet.
    #[must_use]
    pub fn new(order_id: OrderId) -> Self {
        Self {
            order_id,
            placed: None,
            refused: false,
            events: Vec::new(),
            snapshot: None,
            entries: Vec::new(),
            changes: Vec::new(),
            in_motion: false,
        }
    }

    /// What is wrong at `now` (milliseconds since the epoch).
    #[must_use]
    pub fn judge(&self, now: i64) -> Vec<Finding> {
        let mut findings = [self.created(), self.money(), self.goods()].concat();
        if !self.in_motion {
            findings.extend(self.settled(now));
        }
        findings
    }

    /// I10: an order that was asked for, or for which anything happened, was created exactly once.
    fn created(&self) -> Vec<Finding> {
        let Some((topic, place)) = self.trace() else {
            return Vec::new();
        };
        let events = self.events.iter().map(|event| (&self.order_id, &event.record.event));
        Finding::all_at(topic, place, i10_accepted_exactly_once([&self.order_id], events))
    }

    /// The best record to look at first.
    fn trace(&self) -> Option<(&'static str, Place)> {
        let event = self.events.last().map(|event| (ORDER_EVENTS.name, event.place));
        let unanswered = self.placed.filter(|_| !self.refused);
        let command = unanswered.map(|place| (ORDER_COMMANDS.name, place));
        let snapshot = self.snapshot.as_ref().map(|seen| (ORDERS.name, seen.place));
        // An entry or a change may be of an order whose first event came after its topic was read.
        let settled = (!self.in_motion).then_some(());
        let entry = settled.and(self.entries.first().map(|entry| (LEDGER_ENTRIES.name, entry.place)));
        let change = settled.and(
            self.changes
                .first()
                .map(|(_, change)| (STOCK_EVENTS.name, change.place)),
        );
        event.or(command).or(snapshot).or(entry).or(change)
    }

    fn money(&self) -> Vec<Finding> {
        let Some(last) = self.entries.last() else {
            return Vec::new();
        };
        let violations = i4_refunded_captured_authorised(self.entries.iter().map(|entry| &entry.record));
        Finding::all_at(LEDGER_ENTRIES.name, last.place, violations)
    }

    /// I2, product by product; the product's last change is named.
    fn goods(&self) -> Vec<Finding> {
        let mut own: BTreeMap<&ProductId, Vec<&Seen<StockChange>>> = BTreeMap::new();
        for (product, change) in &self.changes {
            own.entry(product).or_default().push(change);
        }
        let judge = |(product, own): (&ProductId, Vec<&Seen<StockChange>>)| {
            let violations = i2_holds_resolved_once(own.iter().map(|change| (product, &change.record)));
            let last = own.last().map(|last| last.place);
            last.map_or_else(Vec::new, |place| Finding::all_at(STOCK_EVENTS.name, place, violations))
        };
        own.into_iter().flat_map(judge).collect()
    }

    /// What the snapshot says, held against everything else.
    fn settled(&self, now: i64) -> Vec<Finding> {
        let Some(Seen { place, record }) = &self.snapshot else {
            return self.unpublished();
        };
        let events: Vec<RecordedEvent> = self.events.iter().map(|event| event.record.clone()).collect();
        let entries = self.entries.iter().map(|entry| &entry.record);
        let changes = self.changes.iter().map(|(_, change)| &change.record);
        let violations = [
            i6_every_order_ends(record, now),
            i7_cancelled_leaves_nothing(record, entries, changes),
            i8_snapshot_is_fold(&events, record),
        ];
        Finding::all_at(ORDERS.name, *place, violations.into_iter().flatten())
    }

    /// The first event of every order is news.
    fn unpublished(&self) -> Vec<Finding> {
        let first = self.events.first().map(|event| {
            let violation = Violation::new("I8", &self.order_id, "it has events and was never published");
            Finding::at(ORDER_EVENTS.name, event.place, violation)
        });
        first.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        partition: 0,
        offset: 3,
    };

    #[test]
    fn a_request_without_an_order_is_lost_unless_it_was_refused() {
        let mut book = OrderBook::new("o".into());
        assert_eq!(book.judge(0), []);
        book.placed = Some(PLACE);
        let found: Vec<_> = book.judge(0).iter().map(|found| (found.topic, found.place)).collect();
        assert_eq!(found, [(ORDER_COMMANDS.name, PLACE)]);
        book.refused = true;
        assert_eq!(book.judge(0), []);
    }
}

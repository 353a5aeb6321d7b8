//! Invariants of the stock ledger.

use std::collections::BTreeMap;

use crate::ids::{LineNo, OrderId, ProductId};
use crate::invariants::Violation;
use crate::product::Product;
use crate::stock::{Hold, HoldStatus, StockChange, StockChangeKind};

/// I1: nothing is held that is not on the shelf, and what is held is the sum of the live holds of the product.
#[must_use]
pub fn i1_stock<'a>(product: &Product, holds: impl IntoIterator<Item = &'a Hold>) -> Vec<Violation> {
    let live = holds.into_iter().filter(|hold| hold.status == HoldStatus::Reserved);
    let held: i64 = live.map(|hold| hold.quantity).sum();
    let mut violations = balance(&product.product_id, product.on_hand, product.reserved);
    if held != product.reserved {
        let found = format!("{} reserved, but live holds of {held}", product.reserved);
        violations.push(Violation::new("I1", &product.product_id, found));
    }
    violations
}

/// I1 of one product by itself, cheap enough to be asked after every change.
#[must_use]
pub fn i1_balance(product: &Product) -> Vec<Violation> {
    balance(&product.product_id, product.on_hand, product.reserved)
}

/// I1 as the topics show it: each entry of the stock ledger adds up with the one before it, and none leaves less
/// on the shelf than is held. Entries come in the order of their product.
#[must_use]
pub fn i1_stock_changes<'a>(changes: impl IntoIterator<Item = (&'a ProductId, &'a StockChange)>) -> Vec<Violation> {
    let mut sums: BTreeMap<&ProductId, StockSums> = BTreeMap::new();
    changes
        .into_iter()
        .flat_map(|(product, change)| sums.entry(product).or_default().follow(product, change))
        .collect()
}

/// I1 of one product entry by entry, for ledgers that do not fit into memory: what the entries so far sum to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StockSums {
    /// Pieces on the shelf, held ones included.
    pub on_hand: i64,
    /// Pieces held.
    pub reserved: i64,
}

impl StockSums {
    /// Adds the next entry, and answers what is wrong with it.
    pub fn follow(&mut self, product: &ProductId, change: &StockChange) -> Vec<Violation> {
        self.on_hand = self.on_hand.saturating_add(change.delta_on_hand);
        self.reserved = self.reserved.saturating_add(change.delta_reserved);
        let mut violations = balance(product, change.on_hand, change.reserved);
        if (self.on_hand, self.reserved) != (change.on_hand, change.reserved) {
            let found = format!(
                "entries sum to {} on hand and {} reserved, the entry says {} and {}",
                self.on_hand, self.reserved, change.on_hand, change.reserved
            );
            violations.push(Violation::new("I1", product, found));
        }
        violations
    }
}

/// I2: each hold is resolved exactly once: reserved, then released, or confirmed and perhaps restocked or given back after that.
/// Entries come in the order of their product.
#[must_use]
pub fn i2_holds_resolved_once<'a>(
    changes: impl IntoIterator<Item = (&'a ProductId, &'a StockChange)>,
) -> Vec<Violation> {
    let mut last: BTreeMap<(&ProductId, &OrderId, LineNo), StockChangeKind> = BTreeMap::new();
    let mut violations = Vec::new();
    for (product, change) in changes {
        let Some((order, line)) = &change.hold else {
            continue;
        };
        let before = last.insert((product, order, *line), change.kind);
        if !follows(before, change.kind) {
            let found = format!("line {line} of order {order} went from {before:?} to {:?}", change.kind);
            violations.push(Violation::new("I2", product, found));
        }
    }
    violations
}

fn follows(before: Option<StockChangeKind>, kind: StockChangeKind) -> bool {
    match kind {
        StockChangeKind::Created | StockChangeKind::Adjusted => false,
        StockChangeKind::Reserved => before.is_none(),
        StockChangeKind::Confirmed => before == Some(StockChangeKind::Reserved),
        StockChangeKind::Released => before == Some(StockChangeKind::Reserved),
        StockChangeKind::Restocked | StockChangeKind::Returned => before == Some(StockChangeKind::Confirmed),
    }
}

fn balance(product: &ProductId, on_hand: i64, reserved: i64) -> Vec<Violation> {
    let right = on_hand >= 0 && (0..=on_hand).contains(&reserved);
    let found = || format!("{on_hand} on hand, {reserved} reserved");
    if right {
        Vec::new()
    } else {
        vec![Violation::new("I1", product, found())]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::authority::Actor;
    use crate::money::{Currency, Money};
    use crate::product::{ProductCommand, step};

    /// Five on the shelf, two of them reserved.
    fn product() -> Product {
        let create = ProductCommand::Create {
            seller_id: "sam".into(),
            name: "P".to_owned(),
            price: Money::new(10, Currency::parse("KRW").unwrap()),
            stock: 5,
        };
        let created = step(&"p".into(), None, None, create, &Actor::system("test"), 0).product;
        Product {
            reserved: 2,
            ..created.unwrap()
        }
    }

    fn hold(status: HoldStatus) -> Hold {
        Hold {
            status,
            quantity: 2,
            unit_price: None,
            product_name: None,
            changed_at: 0,
        }
    }

    fn change(kind: StockChangeKind, deltas: (i64, i64), after: (i64, i64)) -> StockChange {
        StockChange {
            kind,
            hold: Some(("o".into(), LineNo(1))),
            delta_on_hand: deltas.0,
            delta_reserved: deltas.1,
            on_hand: after.0,
            reserved: after.1,
        }
    }

    #[test]
    fn a_hold_resolved_twice_is_found() {
        let product = ProductId::from("p");
        let reserved = change(StockChangeKind::Reserved, (5, 2), (5, 2));
        let released = change(StockChangeKind::Released, (0, -2), (5, 0));
        let once = [(&product, &reserved), (&product, &released)];
        assert_eq!(i2_holds_resolved_once(once), []);
        let twice = [(&product, &reserved), (&product, &released), (&product, &released)];
        assert_eq!(i2_holds_resolved_once(twice).len(), 1);
        assert_eq!(i1_stock_changes(once), []);
        assert_eq!(i1_stock_changes(twice).len(), 1);
    }

    #[test]
    fn more_held_than_there_is_is_found() {
        let product = ProductId::from("p");
        let oversold = change(StockChangeKind::Reserved, (5, 6), (5, 6));
        assert_eq!(i1_stock_changes([(&product, &oversold)]).len(), 1);
    }

    #[test]
    fn what_is_reserved_is_what_the_live_holds_hold() {
        let (live, over) = (hold(HoldStatus::Reserved), hold(HoldStatus::Confirmed));
        assert_eq!(i1_stock(&product(), [&live, &over]), []);
        assert_eq!(i1_stock(&product(), [&over]).len(), 1);
        assert_eq!(i1_stock(&product(), [&live, &live]).len(), 1);
    }

    #[test]
    fn a_product_that_holds_more_than_it_has_is_found() {
        assert_eq!(i1_balance(&product()), []);
        for (on_hand, reserved) in [(5, 6), (5, -1), (-1, 0)] {
            let product = Product {
                on_hand,
                reserved,
                ..product()
            };
            assert_eq!(i1_balance(&product).len(), 1, "{product:?}");
        }
    }
}

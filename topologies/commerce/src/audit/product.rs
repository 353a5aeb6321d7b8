//! The stock ledger of one product.

use schemas::topics::{PRODUCTS, STOCK_EVENTS};
use schemas::wire::product as wire;

use super::{Finding, Numbers, Place, Seen};
use crate::ids::ProductId;
use crate::invariants::{StockSums, Violation};
use crate::stock::StockEventKind;

/// What the topics say about one product, told entry by entry.
#[derive(Debug)]
pub struct ProductBook {
    product_id: ProductId,
    sums: StockSums,
    numbers: Numbers,
}

impl ProductBook {
    /// A product of which nothing was read yet.
    #[must_use]
    pub fn new(product_id: ProductId) -> Self {
        Self {
            product_id,
            sums: StockSums::default(),
            numbers: Numbers::default(),
        }
    }

    /// The next event of its stock, with its number; answers what is wrong with it.
    pub fn event(&mut self, seq: u64, event: &Seen<StockEventKind>) -> Vec<Finding> {
        let mut violations = match &event.record {
            StockEventKind::Changed(change) => self.sums.follow(&self.product_id, change),
            StockEventKind::Refused(_) => Vec::new(),
        };
        // What was refused because there was no product has no number.
        if let Some(expected) = Some(seq)
            .filter(|seq| *seq > 0)
            .and_then(|seq| self.numbers.follow(seq))
        {
            let found = format!("stock event {seq} stands where {expected} belongs");
            violations.push(Violation::new("I1", &self.product_id, found));
        }
        Finding::all_at(STOCK_EVENTS.name, event.place, violations)
    }

    /// Holds the ledger against the newest snapshot; `last` is the ledger's last entry. Not for a product in motion.
    #[must_use]
    pub fn settle(&self, snapshot: Option<&Seen<wire::Product>>, last: Option<Place>) -> Option<Finding> {
        let StockSums { on_hand, reserved } = self.sums;
        let Some(Seen { place, record }) = snapshot else {
            let place = last.filter(|_| self.sums != StockSums::default())?;
            let violation = Violation::new("I1", &self.product_id, "it has a stock ledger and was never published");
            return Some(Finding::at(STOCK_EVENTS.name, place, violation));
        };
        let differs = (record.on_hand, record.reserved) != (on_hand, reserved);
        differs.then(|| {
            let found = format!(
                "published are {} on hand and {} reserved, its ledger sums to {on_hand} and {reserved}",
                record.on_hand, record.reserved
            );
            Finding::at(PRODUCTS.name, *place, Violation::new("I1", &self.product_id, found))
        })
    }
}

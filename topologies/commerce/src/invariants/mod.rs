//! The invariants of the business, one function each, over plain data: shared by property tests, the auditor,
//! the simulation and whoever wants to know whether the books are right.
//!
//! Each function answers with what it found wrong; an empty answer is a pass.

mod money;
mod orders;
mod stock;

pub use money::{LedgerSums, i3_ledger_sums_to_zero, i4_refunded_captured_authorised, i5_no_operation_twice};
pub use orders::{
    ORDER_BOUND_MS, i6_every_order_ends, i6_waits_with_a_deadline, i7_cancelled_leaves_nothing, i8_snapshot_is_fold,
    i9_sellers_see_their_own, i10_accepted_exactly_once,
};
pub use stock::{StockSums, i1_balance, i1_stock, i1_stock_changes, i2_holds_resolved_once};

use std::fmt;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant, such as `I3`.
    pub invariant: &'static str,
    /// What it is about: an order, a product, an account.
    pub subject: String,
    /// What was found.
    pub found: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, subject: impl fmt::Display, found: impl Into<String>) -> Self {
        Self {
            invariant,
            subject: subject.to_string(),
            found: found.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is broken by {}: {}", self.invariant, self.subject, self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_reads_as_a_sentence() {
        let violation = Violation::new("I3", "ann", "5 KRW too much");
        assert_eq!(violation.to_string(), "I3 is broken by ann: 5 KRW too much");
    }
}

//! An order as others see it.

use std::collections::BTreeSet;

use crate::ids::{AccountId, OrderId};
use crate::money::{Currency, Money};
use crate::order::state::{CancelReason, OrderLine, OrderState, OrderStatus, PaymentStatus, SagaStep};

/// What is published and shown of an order: its state without the saga's own bookkeeping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSnapshot {
    /// The order.
    pub order_id: OrderId,
    /// Who ordered and pays.
    pub buyer_id: AccountId,
    /// The fingerprint of the request, to tell a repeated request from another one. Not published.
    pub request_hash: String,
    /// The sellers of the reserved lines.
    pub seller_ids: BTreeSet<AccountId>,
    /// The public status.
    pub status: OrderStatus,
    /// Why it is or will be cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// What is known about the money.
    pub payment: PaymentStatus,
    /// Where the saga stands.
    pub step: SagaStep,
    /// Whether an operator must look.
    pub needs_attention: bool,
    /// The lines in the order of the request.
    pub lines: Vec<OrderLine>,
    /// The currency of the total, or the expected one before it is known.
    pub currency: Option<Currency>,
    /// The sum of the lines, when all have a price.
    pub total: Option<Money>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
    /// The number of the last event.
    pub version: u64,
}

impl OrderSnapshot {
    /// The snapshot of a state.
    #[must_use]
    pub fn of(state: &OrderState) -> Self {
        Self {
            order_id: state.order_id.clone(),
            buyer_id: state.buyer_id.clone(),
            request_hash: state.request_hash.clone(),
            seller_ids: state.lines.iter().filter_map(|line| line.seller_id.clone()).collect(),
            status: state.status(),
            cancel_reason: state.cancelling,
            payment: state.payment,
            step: state.step(),
            needs_attention: state.needs_attention,
            lines: state.lines.clone(),
            currency: state.total.map(|total| total.currency).or(state.currency),
            total: state.total,
            created_at: state.created_at,
            updated_at: state.updated_at,
            version: state.seq,
        }
    }
}

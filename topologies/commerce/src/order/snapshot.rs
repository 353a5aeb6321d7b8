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
    /// Whether a card pays rather than the wallet.
    pub by_card: bool,
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

/// What the people of an order decide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    version: u64,
    step: SagaStep,
    status: OrderStatus,
    cancel_reason: Option<CancelReason>,
    needs_attention: bool,
}

impl OrderSnapshot {
    /// What of it decides whether it is news.
    #[must_use]
    pub fn told(&self) -> Told {
        Told {
            version: self.version,
            step: self.step,
            status: self.status,
            cancel_reason: self.cancel_reason,
            needs_attention: self.needs_attention,
        }
    }

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
            by_card: state.card.is_some(),
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

impl Told {
    /// What the snapshot of a state would tell.
    #[must_use]
    pub fn of(state: &OrderState) -> Self {
        Self {
            version: state.seq,
            step: state.step(),
            status: state.status(),
            cancel_reason: state.cancelling,
            needs_attention: state.needs_attention,
        }
    }

    /// Whether a snapshot is to be published after `before`, what an earlier one of the same order told or would have told.
    ///
    /// Every event of an order that waits for nothing is news. While the saga works, only what the order's people decide by is:
    /// that it works, its status, its reason, and whether an operator must look. The steps in between are told by its events.
    #[must_use]
    pub fn is_news_after(&self, before: Option<Self>) -> bool {
        let Some(before) = before else { return true };
        let decisive = |told: &Self| (told.status, told.cancel_reason, told.needs_attention);
        let had_or_has_ended = self.step.is_final() || before.step.is_final();
        self.version > before.version && (had_or_has_ended || decisive(self) != decisive(&before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: Told = Told {
        version: 2,
        step: SagaStep::Reserving,
        status: OrderStatus::Created,
        cancel_reason: None,
        needs_attention: false,
    };

    #[test]
    fn only_what_people_decide_by_is_news_while_the_saga_works() {
        let later = Told { version: 3, ..TOLD };
        let authorizing = Told {
            step: SagaStep::Authorizing,
            ..later
        };
        assert!(!authorizing.is_news_after(Some(TOLD)));
        let cancelling = Told {
            cancel_reason: Some(CancelReason::CancelledByBuyer),
            ..later
        };
        let alarmed = Told {
            needs_attention: true,
            ..later
        };
        for news in [cancelling, alarmed] {
            assert!(news.is_news_after(Some(TOLD)), "{news:?}");
        }
    }

    #[test]
    fn every_event_of_an_order_that_waits_for_nothing_is_news_and_an_older_one_never() {
        let paid = Told {
            step: SagaStep::Paid,
            status: OrderStatus::Paid,
            ..TOLD
        };
        assert!(paid.is_news_after(None));
        assert!(paid.is_news_after(Some(Told { version: 1, ..paid })));
        assert!(!paid.is_news_after(Some(paid)));
        assert!(!paid.is_news_after(Some(Told { version: 3, ..TOLD })));
    }

    #[test]
    fn an_order_that_has_something_to_do_again_is_news_once() {
        let settling = |version| Told {
            version,
            step: SagaStep::Settling,
            status: OrderStatus::Paid,
            ..TOLD
        };
        let paid = Told {
            step: SagaStep::Paid,
            ..settling(3)
        };
        assert!(settling(4).is_news_after(Some(paid)));
        assert!(!settling(5).is_news_after(Some(settling(4))));
    }
}

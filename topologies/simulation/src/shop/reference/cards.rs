//! Orders that a card pays: what the provider did, the books and the order have to say the same.
//!
//! The answers of the provider come by a topic of their own, so what a command leads to depends on what has been heard before. The
//! money does not: it is where the provider says it is.

use schemas::wire::order::{OrderStatus, SagaStep};
use schemas::wire::payment::LedgerEntryKind;
use schemas::wire::provider::{ProviderOperation, ProviderOutcome};

use super::verdict::Case;
use crate::shop::provider::CarriedOut;

/// An entry of the books about an order, with its amount.
pub(super) type Booked = (LedgerEntryKind, i64);

/// What is wrong with the money of an order that is over. `carried_out` and `booked` are all about it.
pub(super) fn judge(id: &str, case: &Case, carried_out: &[&CarriedOut], booked: &[Booked]) -> Option<String> {
    let order = case.snapshot.as_ref().filter(|order| order.step == SagaStep::Done)?;
    let of = |operation, outcome| -> i64 {
        let is_it = |one: &&&CarriedOut| one.operation == operation && one.outcome == outcome;
        carried_out.iter().filter(is_it).map(|one| one.amount).sum()
    };
    let entries = |kind| -> i64 {
        let amounts = booked.iter().filter(|(of, _)| *of == kind);
        amounts.map(|(_, amount)| *amount).sum()
    };
    let (done, declined) = (ProviderOutcome::Done, ProviderOutcome::Declined);
    let held = of(ProviderOperation::Authorize, done);
    let taken = of(ProviderOperation::Capture, done);
    let let_go = of(ProviderOperation::Void, done) + of(ProviderOperation::Capture, declined);
    let back = of(ProviderOperation::Refund, done) + of(ProviderOperation::Refund, declined);
    let settled = entries(LedgerEntryKind::Settlement);
    let total = order.total.as_ref().map_or(0, |total| total.amount);
    let is_cancelled = order.status == OrderStatus::Cancelled;
    let rules = [
        (held == taken + let_go, "no hold is forgotten"),
        (
            entries(LedgerEntryKind::Authorization) == held,
            "what is held is booked as held",
        ),
        (
            entries(LedgerEntryKind::Capture) == taken,
            "what is taken is booked as taken",
        ),
        (
            entries(LedgerEntryKind::Void) == let_go,
            "what is let go is booked as let go",
        ),
        (entries(LedgerEntryKind::Refund) == back, "what is asked back is back"),
        (taken == 0 || taken == total, "the total is taken, or nothing"),
        (taken >= back + settled, "nothing leaves that has not come"),
        (!is_cancelled || taken == back, "a cancelled order costs nothing"),
        (is_cancelled || taken == total, "a paid order is paid"),
    ];
    let broken = rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)?;
    Some(format!(
        "I2: {id} is {:?}, and not: {broken}. The provider: {carried_out:?}; the books: {booked:?}",
        order.status
    ))
}

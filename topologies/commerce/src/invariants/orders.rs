//! Invariants of orders, as they are published.

use std::collections::BTreeMap;

use schemas::wire::fulfilment::LineMoney;
use schemas::wire::order as wire;

use crate::ids::{AccountId, OrderId};
use crate::invariants::Violation;
use crate::order::{OrderEvent, OrderSnapshot, OrderState, RecordedEvent, STEP_BOUND_MS, fold};
use crate::payment::{LedgerAccount, LedgerEntry, LedgerKind, Posting};
use crate::stock::StockChange;

/// The longest time in milliseconds from a request to its end: four forward and three unwinding steps of
/// [`STEP_BOUND_MS`] each.
pub const ORDER_BOUND_MS: i64 = 7 * STEP_BOUND_MS;

/// I6: every order ends within its bound, or is marked for attention.
#[must_use]
pub fn i6_every_order_ends(order: &wire::Order, now: i64) -> Vec<Violation> {
    let ended = order.step == wire::SagaStep::Done;
    let age = now.saturating_sub(order.updated_at);
    if ended || order.needs_attention || age <= ORDER_BOUND_MS {
        return Vec::new();
    }
    vec![Violation::new(
        "I6",
        &order.order_id,
        format!("it has stood at {:?} for {age} ms", order.step),
    )]
}

/// I6 of the saga's own state: an order that waits has a deadline or is marked for attention, and one that is over waits
/// for nothing.
#[must_use]
pub fn i6_waits_with_a_deadline(state: &OrderState) -> Vec<Violation> {
    let step = state.step();
    let is_told = |due: i64| state.timer.is_some_and(|timer| timer <= due);
    if let Some(due) = state.moves_at().filter(|due| !is_told(*due)) {
        let found = format!("a line of it moves on at {due}, of which no timer will tell");
        return vec![Violation::new("I6", &state.order_id, found)];
    }
    let found = match (step.is_final(), state.deadline, state.timer) {
        (true, None, None) => return Vec::new(),
        (true, None, Some(_)) if state.moves_at().is_some() => return Vec::new(),
        (true, _, _) => format!("it has ended as {step:?} and still waits"),
        (false, Some(deadline), Some(timer)) if timer <= deadline.due_at => return Vec::new(),
        (false, Some(_), _) => format!("it waits at {step:?} for a deadline that no timer will tell of"),
        (false, None, _) if state.needs_attention => return Vec::new(),
        (false, None, _) => format!("it waits at {step:?} without a deadline, and nobody was called"),
    };
    vec![Violation::new("I6", &state.order_id, found)]
}

/// I7: a cancelled order leaves no money and no goods behind; a paid one has moved exactly its total and its goods, less what was
/// given back of it line by line, and its sellers have what is theirs.
/// `entries` and `changes` may be of other orders too.
#[must_use]
pub fn i7_cancelled_leaves_nothing<'a>(
    order: &wire::Order,
    entries: impl IntoIterator<Item = &'a LedgerEntry>,
    changes: impl IntoIterator<Item = &'a StockChange>,
) -> Vec<Violation> {
    if order.step != wire::SagaStep::Done {
        return Vec::new();
    }
    let over = order.status == wire::OrderStatus::Cancelled;
    let total = order.total.as_ref().map_or(0, |total| i128::from(total.amount));
    let expected = if over {
        Moved::default()
    } else {
        Moved::by_paid(order, total)
    };
    let found = Moved::by(order, entries, changes);
    if found == expected {
        return Vec::new();
    }
    let found = format!("it has moved {found:?}, not {expected:?}");
    vec![Violation::new("I7", &order.order_id, found)]
}

/// What an order has moved: money in minor units, goods in pieces.
#[derive(Debug, Default, PartialEq, Eq)]
struct Moved {
    into_escrow: i128,
    into_holds: i128,
    due_to_sellers: i128,
    to_sellers: BTreeMap<AccountId, i128>,
    on_hand: i64,
    reserved: i64,
}

impl Moved {
    /// What a paid order has to have moved.
    fn by_paid(order: &wire::Order, total: i128) -> Self {
        let mut moved = Self {
            into_escrow: total,
            ..Self::default()
        };
        for line in &order.lines {
            let price = line.unit_price.as_ref().map_or(0, |price| i128::from(price.amount));
            let price = price * i128::from(line.quantity);
            match line.money {
                LineMoney::Refunded => moved.into_escrow -= price,
                LineMoney::Settled => {
                    moved.into_escrow -= price;
                    let seller = AccountId(line.seller_id.clone().unwrap_or_default());
                    *moved.to_sellers.entry(seller).or_default() += price;
                }
                LineMoney::WithOrder | LineMoney::Refunding | LineMoney::Settling | LineMoney::Unknown => {}
            }
            if line.status != wire::LineStatus::Returned {
                moved.on_hand -= line.quantity;
            }
        }
        moved
    }

    /// What its entries say that it has moved.
    fn by<'a>(
        order: &wire::Order,
        entries: impl IntoIterator<Item = &'a LedgerEntry>,
        changes: impl IntoIterator<Item = &'a StockChange>,
    ) -> Self {
        let (on_hand, reserved) = goods_of(order, changes);
        let mut moved = Self {
            on_hand,
            reserved,
            ..Self::default()
        };
        let own = |entry: &&LedgerEntry| entry.order_id.as_ref().is_some_and(|id| id.as_str() == order.order_id);
        for entry in entries.into_iter().filter(own) {
            entry
                .postings
                .iter()
                .for_each(|posting| moved.post(entry.kind, posting));
        }
        moved
    }

    fn post(&mut self, kind: LedgerKind, posting: &Posting) {
        let amount = i128::from(posting.amount);
        match &posting.account {
            LedgerAccount::Escrow(_) => self.into_escrow += amount,
            LedgerAccount::Held(_) => self.into_holds += amount,
            LedgerAccount::Due(_) => self.due_to_sellers += amount,
            LedgerAccount::Available(seller) if kind == LedgerKind::Credit => {
                *self.to_sellers.entry(seller.clone()).or_default() += amount;
            }
            LedgerAccount::Available(_) | LedgerAccount::Payout(_) | LedgerAccount::Outside => {}
        }
    }
}

fn goods_of<'a>(order: &wire::Order, changes: impl IntoIterator<Item = &'a StockChange>) -> (i64, i64) {
    let own = |change: &&StockChange| {
        change
            .hold
            .as_ref()
            .is_some_and(|(id, _)| id.as_str() == order.order_id)
    };
    changes
        .into_iter()
        .filter(own)
        .fold((0, 0), |(on_hand, reserved), change| {
            (on_hand + change.delta_on_hand, reserved + change.delta_reserved)
        })
}

/// I8: the published snapshot is the fold of the order's events up to its version, the later ones are no news
/// ([`Told::is_news_after`](crate::order::Told::is_news_after)), and their numbers have no gap.
#[must_use]
pub fn i8_snapshot_is_fold(events: &[RecordedEvent], published: &wire::Order) -> Vec<Violation> {
    let numbered = events.iter().filter(|event| event.seq > 0);
    let gap = numbered
        .clone()
        .zip(1..)
        .find(|(event, expected)| event.seq != *expected);
    if let Some((event, expected)) = gap {
        let found = format!("event {} stands where {expected} belongs", event.seq);
        return vec![Violation::new("I8", &published.order_id, found)];
    }
    let order_id = OrderId::from(published.order_id.as_str());
    let is_told = |event: &&RecordedEvent| i64::try_from(event.seq).is_ok_and(|seq| seq <= published.version);
    let told = fold(&order_id, numbered.clone().filter(is_told));
    let folded = told.as_ref().map(crate::wire::order::snapshot);
    if folded.as_ref() != Some(published) {
        let found = format!("its events make {folded:?}, published is {published:?}");
        return vec![Violation::new("I8", &published.order_id, found)];
    }
    let last = fold(&order_id, numbered);
    if last.is_some_and(|last| last.told().is_news_after(told.as_ref().map(OrderSnapshot::told))) {
        let found = format!("what happened after version {} was not published", published.version);
        return vec![Violation::new("I8", &published.order_id, found)];
    }
    Vec::new()
}

/// I9: what a seller reads of an order are own lines only, and at least one.
#[must_use]
pub fn i9_sellers_see_their_own(seller_id: &str, listed: &wire::Order) -> Vec<Violation> {
    let own = listed
        .lines
        .iter()
        .all(|line| line.seller_id.as_deref() == Some(seller_id));
    let only = listed.seller_ids.iter().all(|seller| seller == seller_id);
    if own && only && !listed.lines.is_empty() {
        return Vec::new();
    }
    vec![Violation::new(
        "I9",
        &listed.order_id,
        format!("seller {seller_id} reads lines of others, or none"),
    )]
}

/// I10: every accepted request is one order: it was created exactly once. `created` are the orders of all
/// `OrderCreated` events.
#[must_use]
pub fn i10_accepted_exactly_once<'a>(
    accepted: impl IntoIterator<Item = &'a OrderId>,
    created: impl IntoIterator<Item = (&'a OrderId, &'a OrderEvent)>,
) -> Vec<Violation> {
    let mut times: BTreeMap<&OrderId, usize> = accepted.into_iter().map(|order| (order, 0)).collect();
    let of_creation = |(_, event): &(&OrderId, &OrderEvent)| matches!(event, OrderEvent::OrderCreated { .. });
    for (order, _) in created.into_iter().filter(of_creation) {
        *times.entry(order).or_default() += 1;
    }
    let wrong = times.into_iter().filter(|(_, times)| *times != 1);
    wrong
        .map(|(order, times)| Violation::new("I10", order, format!("it was created {times} times")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LineNo;
    use crate::order::{LineFulfilment, LineStatus, OrderLine, OrderStatus, PaymentStatus, SagaStep};

    fn listed(sellers: &[&str], lines: &[&str]) -> wire::Order {
        let line = |(number, seller): (u16, &&str)| OrderLine {
            line: LineNo(number),
            product_id: "p".into(),
            quantity: 1,
            status: LineStatus::Reserved,
            product_name: None,
            seller_id: Some((*seller).into()),
            unit_price: None,
            fulfilment: LineFulfilment::default(),
        };
        let snapshot = OrderSnapshot {
            order_id: "o".into(),
            buyer_id: "ann".into(),
            request_hash: String::new(),
            seller_ids: sellers.iter().map(|seller| (*seller).into()).collect(),
            status: OrderStatus::Created,
            cancel_reason: None,
            by_card: false,
            payment: PaymentStatus::Unasked,
            step: SagaStep::Reserving,
            needs_attention: false,
            lines: (1..).zip(lines).map(line).collect(),
            currency: None,
            total: None,
            created_at: 0,
            updated_at: 0,
            version: 1,
        };
        crate::wire::order::snapshot(&snapshot)
    }

    #[test]
    fn a_seller_who_reads_lines_of_others_or_none_is_found() {
        let found = |sellers: &[&str], lines: &[&str]| i9_sellers_see_their_own("sam", &listed(sellers, lines)).len();
        assert_eq!(found(&["sam"], &["sam", "sam"]), 0);
        assert_eq!(found(&["sam"], &["sam", "sue"]), 1);
        assert_eq!(found(&["sam", "sue"], &["sam"]), 1);
        assert_eq!(found(&["sam"], &[]), 1);
    }

    #[test]
    fn an_order_that_ended_or_called_somebody_may_stand_for_ever() {
        let found = |step, needs_attention, now| {
            let order = wire::Order {
                step,
                needs_attention,
                ..listed(&["sam"], &["sam"])
            };
            i6_every_order_ends(&order, now).len()
        };
        assert_eq!(found(wire::SagaStep::Reserving, false, ORDER_BOUND_MS), 0);
        assert_eq!(found(wire::SagaStep::Reserving, false, ORDER_BOUND_MS + 1), 1);
        assert_eq!(found(wire::SagaStep::Reserving, true, ORDER_BOUND_MS + 1), 0);
        assert_eq!(found(wire::SagaStep::Done, false, ORDER_BOUND_MS + 1), 0);
        assert_eq!(ORDER_BOUND_MS, 490_000);
    }

    #[test]
    fn a_request_that_became_no_order_or_two_is_found() {
        let (order, created) = (
            OrderId::from("o"),
            OrderEvent::OrderCreated {
                buyer_id: "ann".into(),
                lines: Vec::new(),
                currency: None,
                request_hash: String::new(),
                card: None,
            },
        );
        let found = |times| i10_accepted_exactly_once([&order], std::iter::repeat_n((&order, &created), times)).len();
        assert_eq!([0, 1, 2].map(found), [1, 0, 1]);
    }
}

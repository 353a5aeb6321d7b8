//! What was done with the lines of an order, told again: who did it, whether it was the time for it, and where it has to lead.

use std::collections::BTreeMap;

use schemas::wire::envelope::{Actor, Role};
use schemas::wire::fulfilment::{Fulfilment, LineMoney};
use schemas::wire::order::{LineStatus, Order, OrderEventPayload, OrderLine, OrderStatus};
use schemas::wire::payment::PaymentEventPayload as Payment;
use schemas::wire::stock::StockReplyPayload as Reply;

/// What was accepted, in its order.
#[derive(Debug, Default)]
pub(super) struct Deeds(Vec<(Actor, Deed, Vec<i32>)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Ship,
    Keep,
    WantBack,
    Reject,
    GiveBack,
}

/// Where a line has to stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stand {
    goods: Fulfilment,
    was_rejected: bool,
    is_back: bool,
    is_sold: bool,
}

impl Deeds {
    pub(super) fn hear(&mut self, actor: &Actor, event: OrderEventPayload) {
        let (deed, lines) = match event {
            OrderEventPayload::LinesShipped(shipped) => (Deed::Ship, shipped.lines),
            OrderEventPayload::LinesDelivered(delivered) => (Deed::Keep, delivered.lines),
            OrderEventPayload::ReturnRequested(requested) => (Deed::WantBack, requested.lines),
            OrderEventPayload::ReturnRejected(rejected) => (Deed::Reject, rejected.lines),
            OrderEventPayload::RefundRequested(requested) => (Deed::GiveBack, requested.lines),
            _ => return,
        };
        self.0.push((actor.clone(), deed, lines));
    }

    /// Whether every line was given back.
    pub(super) fn gave_everything_back(&self, order: &Order) -> bool {
        let stands = self.stands(order).unwrap_or_default();
        !order.lines.is_empty()
            && order
                .lines
                .iter()
                .all(|line| stands.get(&line.line).is_some_and(|stand| stand.is_back))
    }

    /// What is wrong with an order that is paid, or was given back line by line.
    pub(super) fn judge(&self, order: &Order, payments: &[Payment], replies: &[Reply]) -> Option<String> {
        let stands = match self.stands(order) {
            Ok(stands) => stands,
            Err(wrong) => return Some(wrong),
        };
        let stand_of = |line: &OrderLine| stands.get(&line.line).copied().unwrap_or_default();
        for line in &order.lines {
            let stand = stand_of(line);
            let found = (line.fulfilment, line.money, line.status == LineStatus::Returned);
            let money = match (stand.is_back, stand.is_sold) {
                (true, _) => LineMoney::Refunded,
                (false, true) => LineMoney::Settled,
                (false, false) => LineMoney::WithOrder,
            };
            let expected = (stand.goods, money, stand.is_back);
            if found != expected {
                return Some(format!(
                    "line {} stands {found:?}, and it should {expected:?}",
                    line.line
                ));
            }
            if !is_moved(order, line, stand, payments, replies) {
                return Some(format!(
                    "line {} is {stand:?}, and the participants say {payments:?}, {replies:?}",
                    line.line
                ));
            }
        }
        let status = status(
            order
                .lines
                .iter()
                .map(stand_of)
                .filter(|stand| !stand.is_back)
                .map(|stand| stand.goods),
        );
        let is_right = order.status == status || order.status == OrderStatus::Cancelled;
        (!is_right).then(|| format!("it is {:?}, and its lines make it {status:?}", order.status))
    }

    fn stands(&self, order: &Order) -> Result<BTreeMap<i32, Stand>, String> {
        let mut stands: BTreeMap<i32, Stand> = BTreeMap::new();
        for (actor, deed, lines) in &self.0 {
            for number in lines {
                let line = order
                    .lines
                    .iter()
                    .find(|line| line.line == *number)
                    .ok_or("no such line")?;
                let stand = stands.entry(*number).or_default();
                if !is_theirs(actor, *deed, order, line) || !stand.take(*deed, actor.role) {
                    return Err(format!(
                        "{actor:?} did {deed:?} with line {number}, which stood {stand:?}"
                    ));
                }
            }
        }
        Ok(stands)
    }
}

impl Stand {
    /// Does it, and answers whether it was the time for it.
    fn take(&mut self, deed: Deed, role: Role) -> bool {
        let may = !self.is_back
            && !self.is_sold
            && match (deed, self.goods) {
                (Deed::Ship, goods) => goods == Fulfilment::Unshipped,
                (Deed::Keep, goods) => goods == Fulfilment::Shipped || goods == Fulfilment::ReturnRequested,
                (Deed::WantBack, goods) => goods == Fulfilment::Shipped && !self.was_rejected,
                (Deed::Reject, goods) => goods == Fulfilment::ReturnRequested,
                (Deed::GiveBack, goods) => goods == Fulfilment::Unshipped || role != Role::Buyer,
            };
        match deed {
            Deed::Ship => self.goods = Fulfilment::Shipped,
            Deed::Keep => (self.goods, self.is_sold) = (Fulfilment::Delivered, true),
            Deed::WantBack => self.goods = Fulfilment::ReturnRequested,
            Deed::Reject => (self.goods, self.was_rejected) = (Fulfilment::Shipped, true),
            Deed::GiveBack => self.is_back = true,
        }
        may
    }
}

fn is_theirs(actor: &Actor, deed: Deed, order: &Order, line: &OrderLine) -> bool {
    let is_buyer = actor.role == Role::Buyer && actor.account_id == order.buyer_id;
    let is_seller = actor.role == Role::Seller && Some(&actor.account_id) == line.seller_id.as_ref();
    match deed {
        Deed::Ship | Deed::Reject => is_seller,
        Deed::Keep | Deed::WantBack => is_buyer,
        Deed::GiveBack => is_buyer || is_seller,
    }
}

/// Whether money and goods of the line went where the line stands, and nowhere else.
fn is_moved(order: &Order, line: &OrderLine, stand: Stand, payments: &[Payment], replies: &[Reply]) -> bool {
    let price = line.unit_price.as_ref().map_or(0, |price| price.amount) * line.quantity;
    let refund = format!("{}.refund.{}", order.order_id, line.line);
    let settlement = format!("{}.settlement.{}", order.order_id, line.line);
    let is_refunded = payments.iter().any(|payment| {
        matches!(payment, Payment::PaymentRefunded(back) if back.refund_id == refund && back.amount.amount == price)
    });
    let is_settled = payments.iter().any(|payment| {
        matches!(payment, Payment::PaymentSettled(due) if due.settlement_id == settlement
            && due.amount.amount == price && Some(&due.seller_id) == line.seller_id.as_ref())
    });
    let is_credited = payments.iter().any(|payment| {
        matches!(payment, Payment::SellerCredited(paid) if paid.settlement_id == settlement
            && paid.amount.amount == price && Some(&paid.account_id) == line.seller_id.as_ref())
    });
    let is_returned = replies
        .iter()
        .any(|reply| matches!(reply, Reply::StockReturned(back) if back.line == line.line));
    let went = (is_refunded, is_returned, is_settled, is_credited);
    went == (stand.is_back, stand.is_back, stand.is_sold, stand.is_sold)
}

/// What the lines that are kept make of an order.
pub(super) fn status(kept: impl Iterator<Item = Fulfilment>) -> OrderStatus {
    let kept: Vec<Fulfilment> = kept.collect();
    let all = |which: &[Fulfilment]| !kept.is_empty() && kept.iter().all(|goods| which.contains(goods));
    if all(&[Fulfilment::Delivered]) {
        OrderStatus::Delivered
    } else if all(&[Fulfilment::Shipped, Fulfilment::ReturnRequested, Fulfilment::Delivered]) {
        OrderStatus::Shipped
    } else {
        OrderStatus::Paid
    }
}

//! What the edge reads: where each view is, the bytes of its keys, and its values as types.
//!
//! Every view is one store of one topology. The first part of a key decides the partition, so
//! that part is also the routing key of a query.

use std::collections::BTreeSet;

use planted::Bug;
use schemas::wire::fulfilment::LineMoney;
use schemas::wire::{account, order, product};
use serde::{Deserialize, Serialize};
use streams::serde::SerdeError;
use streams::store::prefix_end;

use crate::account::Account;
use crate::ids::{OrderId, RecordId};
use crate::keys;
use crate::order::{OrderSnapshot, OrderState, fulfilled};
use crate::payment::{Payout, PayoutStatus, Transfer, Wallet};
use crate::product::{Adjustment, Product};
use crate::state_serde::decode;
use crate::wire;

/// Where a view is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The topology that keeps it.
    pub topology: &'static str,
    /// Its store.
    pub store: &'static str,
}

/// Orders by order id; read with [`order`].
pub const ORDERS: View = View {
    topology: "orders",
    store: "orders",
};

/// Events by order id and number; ranges from [`timeline`], read with [`timeline_item`].
pub const TIMELINE: View = View {
    topology: "views",
    store: "order-timeline",
};

/// Orders for which the saga has called an operator, by order id, until they end; the order itself says whether the call still stands.
pub const ALARMS: View = View {
    topology: "views",
    store: "order-alarms",
};

/// When orders that wait for something are looked at next, the earliest first; keys read with [`deadline`].
pub const DEADLINES: View = View {
    topology: "orders",
    store: "order-deadlines",
};

/// Products by product id; read with [`product`].
pub const PRODUCTS: View = View {
    topology: "products",
    store: "products",
};

/// Wallets by account id; read with [`wallet`].
pub const WALLETS: View = View {
    topology: "payments",
    store: "wallets",
};

/// Adjustments of stock that have been made; keys from [`adjustment_key`], read with [`adjustment`].
pub const ADJUSTMENTS: View = View {
    topology: "products",
    store: "adjustments",
};

/// Deposits and withdrawals that have been made; keys from [`transfer_key`], read with [`transfer`].
pub const TRANSFERS: View = View {
    topology: "payments",
    store: "transfers",
};

/// Credentials by sign-in key; read with [`credential`].
pub const CREDENTIALS: View = View {
    topology: "accounts",
    store: "credentials",
};

/// Accounts by account id; read with [`account()`].
pub const ACCOUNTS: View = View {
    topology: "views",
    store: "accounts-by-id",
};

/// Orders by buyer, the newest first; ranges from [`listing`], read with [`listed_order`].
pub const ORDERS_BY_BUYER: View = View {
    topology: "views",
    store: "orders-by-buyer",
};

/// Orders by seller with that seller's lines only, the newest first; ranges from [`listing`], read with [`listed_order`].
pub const ORDERS_BY_SELLER: View = View {
    topology: "views",
    store: "orders-by-seller",
};

/// Buyers by seller; ranges from [`all_of`], one by [`buyer_key`], read with [`buyer`].
pub const BUYERS_BY_SELLER: View = View {
    topology: "views",
    store: "buyers-by-seller",
};

/// An order, and what tells a repeated request from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// The order as it is published.
    pub order: order::Order,
    /// The fingerprint of the request that placed it.
    pub request_hash: String,
    /// The commands about lines that were accepted.
    pub line_commands: BTreeSet<RecordId>,
    /// The commands about lines that wait until it is paid.
    pub waiting: Vec<RecordId>,
}

/// One event of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineItem {
    /// Its number, from 1.
    pub seq: i64,
    /// The name of its record type, such as `StockReserved`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Who caused it.
    pub actor: schemas::wire::envelope::Actor,
    /// Its fields.
    pub data: serde_json::Value,
}

/// A wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WalletView {
    /// Whose it is.
    pub account_id: String,
    /// What is in it, by currency.
    pub balances: Vec<BalanceView>,
    /// Its latest payouts, the oldest first: [`PAYOUTS_MAX`](crate::payment::PAYOUTS_MAX) at most.
    pub payouts: Vec<PayoutView>,
}

/// Money on its way to a card, or lately there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PayoutView {
    /// The withdrawal that it carries out.
    pub payout_id: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Token of the card.
    pub card: String,
    /// Where it stands.
    pub status: PayoutStatus,
    /// When it began, in milliseconds since the epoch.
    pub requested_at: i64,
    /// When it came to where it stands, in milliseconds since the epoch.
    pub changed_at: i64,
}

/// What is in a wallet in one currency, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BalanceView {
    /// ISO 4217 code.
    pub currency: String,
    /// Free to be spent.
    pub available: i64,
    /// Held for orders.
    pub held: i64,
}

/// Somebody who has bought from a seller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuyerOfSeller {
    /// The buyer's account.
    pub buyer_id: String,
    /// Orders with a line of the seller that have been paid, also such as were cancelled after that.
    pub paid_orders: u64,
    /// Milliseconds since the epoch, of the last payment.
    pub last_paid_at: i64,
}

/// Encoded keys from `from` (inclusive) to `to` (exclusive; `None` is the end).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRange {
    /// First key.
    pub from: Vec<u8>,
    /// First key that is out.
    pub to: Option<Vec<u8>>,
}

/// Reads an entry of [`ORDERS`].
pub fn order(bytes: &[u8]) -> Result<OrderView, SerdeError> {
    let state: OrderState = decode(bytes)?;
    let snapshot = OrderSnapshot::of(&state);
    Ok(OrderView {
        order: wire::order::snapshot(&snapshot),
        request_hash: state.request_hash,
        line_commands: state.line_commands,
        waiting: state.waiting.into_iter().map(|command| command.id().clone()).collect(),
    })
}

/// Reads a key of [`DEADLINES`]: the time in milliseconds since the epoch, and the order.
pub fn deadline(key: &[u8]) -> Result<(i64, String), SerdeError> {
    let (at_ms, order_id) = streams::timer_entry(key)?;
    let order_id = std::str::from_utf8(order_id).map_err(SerdeError::malformed)?;
    Ok((at_ms, order_id.to_owned()))
}

/// The events of an order after the one with number `after`; 0 for all.
#[must_use]
pub fn timeline(order_id: &str, after: u64) -> ViewRange {
    let from = keys::timeline(&OrderId::from(order_id), after.saturating_add(1));
    ViewRange {
        from,
        to: prefix_end(&keys::all_of(order_id)),
    }
}

/// The key in [`TIMELINE`] of one event of an order.
#[must_use]
pub fn timeline_key(order_id: &str, seq: u64) -> Vec<u8> {
    keys::timeline(&OrderId::from(order_id), seq)
}

/// Reads an entry of [`TIMELINE`].
pub fn timeline_item(bytes: &[u8]) -> Result<TimelineItem, SerdeError> {
    timeline_item_of(decode(bytes)?)
}

/// An event as its order's timeline has it.
pub fn timeline_item_of(event: order::OrderEvent) -> Result<TimelineItem, SerdeError> {
    let payload = serde_json::to_value(&event.payload).map_err(SerdeError::malformed)?;
    // A union is written as an object with one field: the name of the record, and the record.
    let serde_json::Value::Object(fields) = payload else {
        return Err(SerdeError::malformed("an event is a record"));
    };
    let (kind, data) = fields
        .into_iter()
        .next()
        .ok_or_else(|| SerdeError::malformed("an event has a name"))?;
    Ok(TimelineItem {
        seq: event.seq,
        kind,
        at: event.at,
        actor: event.actor,
        data,
    })
}

/// Reads an entry of [`PRODUCTS`].
pub fn product(bytes: &[u8]) -> Result<product::Product, SerdeError> {
    let product: Product = decode(bytes)?;
    Ok(wire::product::snapshot(&product))
}

/// Reads the last change of a product's name or price from an entry of [`PRODUCTS`], by the id of its command.
pub fn product_changed_by(bytes: &[u8]) -> Result<Option<RecordId>, SerdeError> {
    Ok(decode::<Product>(bytes)?.changed_by)
}

/// Reads an entry of [`WALLETS`].
pub fn wallet(bytes: &[u8]) -> Result<WalletView, SerdeError> {
    let wallet: Wallet = decode(bytes)?;
    let balance = |(currency, balance): (crate::money::Currency, crate::payment::Balance)| BalanceView {
        currency: currency.code().to_owned(),
        available: balance.available,
        held: balance.held,
    };
    let balances = wallet.balances.into_iter().map(balance).collect();
    Ok(WalletView {
        account_id: wallet.account_id.0,
        balances,
        payouts: wallet.payouts.into_iter().map(payout).collect(),
    })
}

fn payout(payout: Payout) -> PayoutView {
    PayoutView {
        payout_id: payout.transfer_id.0,
        amount: payout.amount.amount,
        currency: payout.amount.currency.code().to_owned(),
        card: payout.card.as_str().to_owned(),
        status: payout.status,
        requested_at: payout.requested_at,
        changed_at: payout.changed_at,
    }
}

/// The key of one adjustment in [`ADJUSTMENTS`]. It is remembered for seven days.
#[must_use]
pub fn adjustment_key(product_id: &str, adjustment_id: &str) -> Vec<u8> {
    keys::adjustment(&product_id.into(), &adjustment_id.into())
}

/// Reads an entry of [`ADJUSTMENTS`].
pub fn adjustment(bytes: &[u8]) -> Result<Adjustment, SerdeError> {
    decode(bytes)
}

/// The key of one deposit or withdrawal in [`TRANSFERS`]. It is remembered for seven days.
#[must_use]
pub fn transfer_key(account_id: &str, transfer_id: &str) -> Vec<u8> {
    keys::transfer(&account_id.into(), &transfer_id.into())
}

/// Reads an entry of [`TRANSFERS`].
pub fn transfer(bytes: &[u8]) -> Result<Transfer, SerdeError> {
    decode(bytes)
}

/// Reads an entry of [`CREDENTIALS`].
pub fn credential(bytes: &[u8]) -> Result<account::Credential, SerdeError> {
    let account: Account = decode(bytes)?;
    Ok(wire::account::credential(&account))
}

/// Reads an entry of [`ACCOUNTS`].
pub fn account(bytes: &[u8]) -> Result<account::Account, SerdeError> {
    decode(bytes)
}

/// The orders of a buyer or a seller, the newest first, after the one that `cursor` names; from the newest without one.
/// `None` for a text that is no cursor.
#[must_use]
pub fn listing(owner_id: &str, cursor: Option<&str>) -> Option<ViewRange> {
    let prefix = keys::all_of(owner_id);
    let to = prefix_end(&prefix);
    let from = match cursor {
        None => prefix,
        Some(cursor) => after_cursor(&prefix, cursor)?,
    };
    Some(ViewRange { from, to })
}

/// The cursor after which a listing goes on behind `order`. It names no owner: each owner's listing adds its own.
#[must_use]
pub fn cursor(order: &order::Order) -> String {
    format!("{}-{}", order.created_at, order.order_id)
}

fn after_cursor(prefix: &[u8], cursor: &str) -> Option<Vec<u8>> {
    let (created_at, order_id) = cursor.split_once('-')?;
    let owner = std::str::from_utf8(prefix.strip_suffix(&[0])?).ok()?;
    let mut from = keys::listed(owner, created_at.parse().ok()?, order_id);
    // The first key behind one key is that key with a zero byte after it.
    from.push(0);
    Some(from)
}

/// The key of an order in an owner's [`ORDERS_BY_BUYER`] or [`ORDERS_BY_SELLER`].
#[must_use]
pub fn listed_key(owner: &str, order: &order::Order) -> Vec<u8> {
    keys::listed(owner, order.created_at, &order.order_id)
}

/// Reads an entry of [`ORDERS_BY_BUYER`] or [`ORDERS_BY_SELLER`].
pub fn listed_order(bytes: &[u8]) -> Result<order::Order, SerdeError> {
    decode(bytes)
}

/// The range of all entries whose first part is `owner_id`.
#[must_use]
pub fn all_of(owner_id: &str) -> ViewRange {
    let from = keys::all_of(owner_id);
    let to = prefix_end(&from);
    ViewRange { from, to }
}

/// The key of one buyer in [`BUYERS_BY_SELLER`].
#[must_use]
pub fn buyer_key(seller_id: &str, buyer_id: &str) -> Vec<u8> {
    keys::buyer(seller_id, buyer_id)
}

/// Reads an entry of [`BUYERS_BY_SELLER`].
pub fn buyer(bytes: &[u8]) -> Result<BuyerOfSeller, SerdeError> {
    decode(bytes)
}

/// What a seller may see of an order: the own lines and their sum. `None` to somebody without a line in it.
#[must_use]
pub fn order_for_seller(order: &order::Order, seller_id: &str) -> Option<order::Order> {
    let has_line = order.seller_ids.iter().any(|seller| seller == seller_id);
    has_line.then(|| part_of_seller(order, seller_id))
}

/// What a seller has shipped, and whether it has arrived, does not hang on what others have.
fn status_of_part(status: order::OrderStatus, lines: &[order::OrderLine]) -> order::OrderStatus {
    match status {
        order::OrderStatus::Paid | order::OrderStatus::Shipped | order::OrderStatus::Delivered => {
            let stands = |line: &order::OrderLine| {
                let goes_back = matches!(line.money, LineMoney::Refunding | LineMoney::Refunded);
                (wire::fulfilment::fulfilment(line.fulfilment), goes_back)
            };
            wire::order::status_to_wire(fulfilled(lines.iter().map(stands)))
        }
        order::OrderStatus::Created | order::OrderStatus::Cancelled | order::OrderStatus::Unknown => status,
    }
}

/// The order with one seller's lines only, and their sum as its total.
pub(crate) fn part_of_seller(order: &order::Order, seller_id: &str) -> order::Order {
    let own =
        |line: &&order::OrderLine| line.seller_id.as_deref() == Some(seller_id) || planted::is(Bug::ForeignLinesShown);
    let lines: Vec<order::OrderLine> = order.lines.iter().filter(own).cloned().collect();
    let total = order.total.as_ref().and_then(|total| {
        let amounts = lines
            .iter()
            .map(|line| line.unit_price.as_ref()?.amount.checked_mul(line.quantity));
        let amount = amounts.sum::<Option<i64>>()?;
        Some(schemas::wire::envelope::Money {
            amount,
            currency: total.currency.clone(),
        })
    });
    order::Order {
        seller_ids: vec![seller_id.to_owned()],
        status: status_of_part(order.status, &lines),
        lines,
        total,
        ..order.clone()
    }
}

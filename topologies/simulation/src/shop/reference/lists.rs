//! What the edge would read: the lists in the stores, held against what was published.

use std::collections::BTreeMap;

use commerce::views::{self, View};
use schemas::wire::fulfilment::LineMoney;
use schemas::wire::order::{Order, OrderStatus};

use super::deeds;
use crate::workload::Stage;

/// The entries of all stores that are open, by topology and store.
pub(super) struct Lists(BTreeMap<(String, String), BTreeMap<Vec<u8>, Vec<u8>>>);

/// Orders by who may list them.
type Owned = BTreeMap<String, Vec<Order>>;

impl Lists {
    pub(super) fn of(stage: &Stage) -> Self {
        let mut lists: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for placed in stage.deployment.placed() {
            let application = &placed.layout.application_id;
            for disk in stage.deployment.disks() {
                for task in disk.open_tasks(application) {
                    let Some((entries, _)) = disk.contents(application, task) else {
                        continue;
                    };
                    for ((store, key), value) in entries {
                        let Some(name) = placed.layout.stores.get(usize::from(store.0)) else {
                            continue;
                        };
                        let place = (placed.topology.name().to_owned(), name.clone());
                        lists.entry(place).or_default().insert(key, value);
                    }
                }
            }
        }
        Self(lists)
    }

    /// What is wrong with the lists; `published` are all snapshots, each order's in their sequence.
    pub(super) fn judge(&self, published: &[Order]) -> Vec<String> {
        let mut newest: BTreeMap<&str, &Order> = BTreeMap::new();
        newest.extend(published.iter().map(|order| (order.order_id.as_str(), order)));
        let mut found = Vec::new();
        let (mut of_buyers, mut of_sellers) = (Owned::new(), Owned::new());
        for order in newest.into_values() {
            let own = self.one(views::ORDERS, order.order_id.as_bytes(), views::order);
            if own.as_ref().map(|view| &view.order) != Some(order) {
                found.push(format!(
                    "I8: {} was published as {order:?} and reads {own:?}",
                    order.order_id
                ));
            }
            let of_buyer = of_buyers.entry(order.buyer_id.clone()).or_default();
            of_buyer.push(order.clone());
            for (seller, part) in parts(order) {
                of_sellers.entry(seller).or_default().push(part);
            }
        }
        found.extend(self.judge_listings("I10", views::ORDERS_BY_BUYER, of_buyers));
        found.extend(self.judge_listings("I9", views::ORDERS_BY_SELLER, of_sellers));
        found.extend(self.judge_buyers(published));
        found
    }

    /// Every owner reads the own orders, the newest first.
    fn judge_listings(&self, invariant: &str, view: View, owned: Owned) -> Vec<String> {
        let mut found = Vec::new();
        for (owner, mut expected) in owned {
            expected.sort_by_key(|order| (std::cmp::Reverse(order.created_at), order.order_id.clone()));
            let read = self.listing(view, &owner);
            if read != expected {
                let (has, misses) = (ids(&read), ids(&expected));
                found.push(format!(
                    "{invariant}: {owner} reads {has:?}, and it should be {misses:?}"
                ));
            }
        }
        found
    }

    /// What is wrong with what is in a wallet.
    pub(super) fn judge_wallet(&self, account: &str, free: i64, held: i64) -> Option<String> {
        let wallet = self.one(views::WALLETS, account.as_bytes(), views::wallet);
        let balance = wallet.as_ref().and_then(|wallet| wallet.balances.first());
        let has = balance.map_or((0, 0), |balance| (balance.available, balance.held));
        (has != (free, held)).then(|| format!("I3: {account} reads {has:?}, and it should be {:?}", (free, held)))
    }

    /// I9: a seller reads the buyers who have bought there, and nobody else.
    fn judge_buyers(&self, published: &[Order]) -> Option<String> {
        let mut first_paid: BTreeMap<&str, &Order> = BTreeMap::new();
        let is_paid = |order: &&Order| !matches!(order.status, OrderStatus::Created | OrderStatus::Cancelled);
        for order in published.iter().filter(is_paid) {
            first_paid.entry(&order.order_id).or_insert(order);
        }
        let mut expected: BTreeMap<Vec<u8>, (String, u64, i64)> = BTreeMap::new();
        for order in first_paid.values() {
            for (seller, _) in parts(order) {
                let key = views::buyer_key(&seller, &order.buyer_id);
                let (_, count, last) = expected.entry(key).or_insert((order.buyer_id.clone(), 0, 0));
                *count += 1;
                *last = (*last).max(order.updated_at);
            }
        }
        let entries = self.entries(views::BUYERS_BY_SELLER).into_iter().flatten();
        let read: BTreeMap<_, _> = entries
            .filter_map(|(key, value)| {
                let buyer = views::buyer(value).ok()?;
                Some((key.clone(), (buyer.buyer_id, buyer.paid_orders, buyer.last_paid_at)))
            })
            .collect();
        (read != expected).then(|| {
            format!(
                "I9: sellers read the buyers {:?}, and it should be {:?}",
                read.values(),
                expected.values()
            )
        })
    }

    fn listing(&self, view: View, owner: &str) -> Vec<Order> {
        let Some((range, entries)) = views::listing(owner, None).zip(self.entries(view)) else {
            return Vec::new();
        };
        let in_range = entries
            .range(range.from..)
            .take_while(|(key, _)| range.to.as_ref().is_none_or(|to| *key < to));
        in_range
            .filter_map(|(_, value)| views::listed_order(value).ok())
            .collect()
    }

    fn one<T, E>(&self, view: View, key: &[u8], read: impl Fn(&[u8]) -> Result<T, E>) -> Option<T> {
        read(self.entries(view)?.get(key)?).ok()
    }

    fn entries(&self, view: View) -> Option<&BTreeMap<Vec<u8>, Vec<u8>>> {
        self.0.get(&(view.topology.to_owned(), view.store.to_owned()))
    }
}

/// Each seller's own lines of an order, and what they cost.
fn parts(order: &Order) -> BTreeMap<String, Order> {
    let sellers = order.lines.iter().filter_map(|line| line.seller_id.clone());
    let part = |seller: String| {
        let mut part = order.clone();
        part.lines.retain(|line| line.seller_id.as_deref() == Some(&seller));
        let prices = part.lines.iter().map(|line| (line.unit_price.as_ref(), line.quantity));
        let sum: i64 = prices
            .map(|(price, count)| price.map_or(0, |price| price.amount) * count)
            .sum();
        if let Some(total) = &mut part.total {
            total.amount = sum;
        }
        if !matches!(part.status, OrderStatus::Created | OrderStatus::Cancelled) {
            let goes_back = |money: LineMoney| matches!(money, LineMoney::Refunding | LineMoney::Refunded);
            let kept = part.lines.iter().filter(|line| !goes_back(line.money));
            part.status = deeds::status(kept.map(|line| line.fulfilment));
        }
        part.seller_ids = vec![seller.clone()];
        (seller, part)
    };
    sellers.map(part).collect()
}

fn ids(orders: &[Order]) -> Vec<(&str, i64, Vec<i32>)> {
    let words = |order: &'_ Order| order.lines.iter().map(|line| line.line).collect();
    orders
        .iter()
        .map(|order| (order.order_id.as_str(), order.version, words(order)))
        .collect()
}

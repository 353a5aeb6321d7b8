//! `views`: orders by who owns them, their events in order, and accounts by id, for reading.

use std::sync::Arc;

use schemas::SchemaTable;
use schemas::wire::account as account_wire;
use schemas::wire::order as wire;
use streams::serde::{BytesSerde, StringSerde};
use streams::{
    ProcessError, Processor, ProcessorContext, ProcessorSpec, Record, StoreRef, Topic, Topology, TopologyBuilder,
    TopologyError,
};

use crate::keys;
use crate::state_serde::StateSerde;
use crate::topologies::topic;
use crate::views::{self, BuyerOfSeller};

/// The topology's name.
pub const NAME: &str = "views";

/// orders, order-events and accounts in; nothing out but stores.
pub fn topology(schemas: &Arc<SchemaTable>) -> Result<Topology, TopologyError> {
    let builder = TopologyBuilder::new(NAME);
    let orders = builder.stream(&topic::<wire::Order>(schemas));
    let by_buyer = Topic::new("by-buyer", StringSerde, StateSerde::<wire::Order>::new());
    let by_seller = Topic::new("by-seller", StringSerde, StateSerde::<wire::Order>::new());

    let buyers = OwnOrders {
        orders: builder.store(views::ORDERS_BY_BUYER.store, BytesSerde, StateSerde::new()),
    };
    let spec = ProcessorSpec::new("orders-of-buyers").store(&buyers.orders);
    orders
        .map(|_, order| (order.buyer_id.clone(), order))
        .repartition(&by_buyer, None)
        .process::<_, (), ()>(spec, move || buyers.clone());

    let sellers = Sales {
        orders: builder.store(views::ORDERS_BY_SELLER.store, BytesSerde, StateSerde::new()),
        buyers: builder.store(views::BUYERS_BY_SELLER.store, BytesSerde, StateSerde::new()),
    };
    let spec = ProcessorSpec::new("orders-of-sellers")
        .store(&sellers.orders)
        .store(&sellers.buyers);
    orders
        .flat_map(|_, order| parts(&order))
        .repartition(&by_seller, None)
        .process::<_, (), ()>(spec, move || sellers.clone());

    let timeline = Timeline {
        events: builder.store(views::TIMELINE.store, BytesSerde, StateSerde::new()),
        alarms: builder.store(views::ALARMS.store, StringSerde, StateSerde::new()),
    };
    let spec = ProcessorSpec::new("timeline-of-orders")
        .store(&timeline.events)
        .store(&timeline.alarms);
    builder
        .stream(&topic::<wire::OrderEvent>(schemas))
        .process::<_, (), ()>(spec, move || timeline.clone());

    let accounts = Accounts {
        accounts: builder.store(views::ACCOUNTS.store, StringSerde, StateSerde::new()),
    };
    let spec = ProcessorSpec::new("accounts-by-id").store(&accounts.accounts);
    builder
        .stream(&topic::<account_wire::Account>(schemas))
        .process::<_, (), ()>(spec, move || accounts.clone());
    builder.build()
}

/// For each seller the order with that seller's lines only, and their sum as its total.
#[must_use]
pub fn parts(order: &wire::Order) -> Vec<(String, wire::Order)> {
    let part = |seller: &String| (seller.clone(), views::part_of_seller(order, seller));
    order.seller_ids.iter().map(part).collect()
}

type Context<'s, 'n> = ProcessorContext<'s, 'n, (), ()>;

/// Keeps each buyer's orders.
#[derive(Clone)]
struct OwnOrders {
    orders: StoreRef<Vec<u8>, wire::Order>,
}

impl Processor<String, wire::Order> for OwnOrders {
    fn process(
        &mut self,
        context: &mut Context<'_, '_>,
        record: Record<String, wire::Order>,
    ) -> Result<(), ProcessError> {
        let order = record.value;
        let key = keys::listed(&record.key, order.created_at, &order.order_id);
        let known = context.store(&self.orders)?.get(&key)?;
        if is_newer(&order, known.as_ref()) {
            context.store(&self.orders)?.put(&key, order)?;
        }
        Ok(())
    }
}

/// Keeps each seller's parts of orders, and who has bought.
#[derive(Clone)]
struct Sales {
    orders: StoreRef<Vec<u8>, wire::Order>,
    buyers: StoreRef<Vec<u8>, BuyerOfSeller>,
}

impl Processor<String, wire::Order> for Sales {
    fn process(
        &mut self,
        context: &mut Context<'_, '_>,
        record: Record<String, wire::Order>,
    ) -> Result<(), ProcessError> {
        let (seller, order) = (record.key, record.value);
        let key = keys::listed(&seller, order.created_at, &order.order_id);
        let known = context.store(&self.orders)?.get(&key)?;
        if !is_newer(&order, known.as_ref()) {
            return Ok(());
        }
        let paid_before = known.is_some_and(|known| is_paid(known.status));
        if is_paid(order.status) && !paid_before {
            self.count(context, &seller, &order)?;
        }
        context.store(&self.orders)?.put(&key, order)
    }
}

impl Sales {
    fn count(&self, context: &mut Context<'_, '_>, seller: &str, order: &wire::Order) -> Result<(), ProcessError> {
        let key = keys::buyer(seller, &order.buyer_id);
        let mut buyers = context.store(&self.buyers)?;
        let known = buyers.get(&key)?;
        let buyer = BuyerOfSeller {
            buyer_id: order.buyer_id.clone(),
            paid_orders: known.as_ref().map_or(0, |known| known.paid_orders) + 1,
            last_paid_at: order.updated_at.max(known.map_or(0, |known| known.last_paid_at)),
        };
        buyers.put(&key, buyer)
    }
}

/// Keeps the events of each order under their numbers, and which orders have called an operator. A refusal about no order has no
/// number and no place here.
#[derive(Clone)]
struct Timeline {
    events: StoreRef<Vec<u8>, wire::OrderEvent>,
    alarms: StoreRef<String, i64>,
}

impl Processor<String, wire::OrderEvent> for Timeline {
    fn process(
        &mut self,
        context: &mut Context<'_, '_>,
        record: Record<String, wire::OrderEvent>,
    ) -> Result<(), ProcessError> {
        match u64::try_from(record.value.seq) {
            Ok(0) | Err(_) => Ok(()),
            Ok(seq) => {
                self.note_alarm(context, &record)?;
                let key = views::timeline_key(&record.key, seq);
                context.store(&self.events)?.put(&key, record.value)
            }
        }
    }
}

impl Timeline {
    fn note_alarm(
        &self,
        context: &mut Context<'_, '_>,
        record: &Record<String, wire::OrderEvent>,
    ) -> Result<(), ProcessError> {
        let calls = matches!(record.value.payload, wire::OrderEventPayload::NeedsAttention(_));
        let ends = matches!(
            record.value.payload,
            wire::OrderEventPayload::OrderPaid(_) | wire::OrderEventPayload::OrderCancelled(_)
        );
        let mut alarms = context.store(&self.alarms)?;
        if calls {
            return alarms.put(&record.key, record.value.at);
        }
        if ends && alarms.get(&record.key)?.is_some() {
            return alarms.delete(&record.key);
        }
        Ok(())
    }
}

/// Keeps each account under its id.
#[derive(Clone)]
struct Accounts {
    accounts: StoreRef<String, account_wire::Account>,
}

impl Processor<String, account_wire::Account> for Accounts {
    fn process(
        &mut self,
        context: &mut Context<'_, '_>,
        record: Record<String, account_wire::Account>,
    ) -> Result<(), ProcessError> {
        context.store(&self.accounts)?.put(&record.key, record.value)
    }
}

fn is_paid(status: wire::OrderStatus) -> bool {
    match status {
        wire::OrderStatus::Paid | wire::OrderStatus::Shipped | wire::OrderStatus::Delivered => true,
        wire::OrderStatus::Created | wire::OrderStatus::Cancelled | wire::OrderStatus::Unknown => false,
    }
}

/// A snapshot that is read again, after the topic was reset, does not undo a later one.
fn is_newer(order: &wire::Order, known: Option<&wire::Order>) -> bool {
    known.is_none_or(|known| known.version < order.version)
}

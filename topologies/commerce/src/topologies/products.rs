//! `products`: the catalogue and the stock ledger, one writer per product.

use std::sync::Arc;

use schemas::SchemaTable;
use schemas::wire::{product as product_wire, stock as stock_wire};
use streams::serde::{BytesSerde, StringSerde};
use streams::{
    FiredTimer, ProcessError, Processor, ProcessorContext, ProcessorSpec, PunctuationType, Record, SinkRef, StoreRef,
    TimerRef, Topology, TopologyBuilder, TopologyError,
};

use crate::authority::Actor;
use crate::ids::{ProductId, RecordId};
use crate::invariants;
use crate::keys;
use crate::product::{self, Adjustment, Product, ProductCommand};
use crate::state_serde::StateSerde;
use crate::stock::{self, Hold, StockEvent, StockReply};
use crate::topologies::{Cause, admit, topic};
use crate::views;
use crate::wire::{Meta, product as product_border, stock as stock_border};

/// The topology's name.
pub const NAME: &str = "products";

/// product-commands and stock-commands in; products, stock-events and stock-replies out.
pub fn topology(schemas: &Arc<SchemaTable>) -> Result<Topology, TopologyError> {
    let builder = TopologyBuilder::new(NAME);
    let shelf = Shelf {
        products: builder.store(views::PRODUCTS.store, StringSerde, StateSerde::new()),
        holds: builder.store("holds", BytesSerde, StateSerde::new()),
        adjustments: builder.store(views::ADJUSTMENTS.store, BytesSerde, StateSerde::new()),
        expiries: builder.timers("stock-expiries", BytesSerde, PunctuationType::WallClockTime),
        snapshots: builder.sink(&topic(schemas)),
        events: builder.sink(&topic(schemas)),
        replies: builder.sink(&topic(schemas)),
    };
    let spec = ProcessorSpec::new("stock-ledger")
        .store(&shelf.products)
        .store(&shelf.holds)
        .store(&shelf.adjustments)
        .timers(&shelf.expiries)
        .sink(&shelf.snapshots)
        .sink(&shelf.events)
        .sink(&shelf.replies);
    let of_sellers = builder.stream(&topic(schemas)).map_values(Asked::BySeller);
    let of_orders = builder.stream(&topic(schemas)).map_values(Asked::ByOrder);
    of_sellers
        .merge(&of_orders)
        .process::<_, (), ()>(spec, move || shelf.clone());
    builder.build()
}

/// What a product is asked, by whom.
#[derive(Clone)]
enum Asked {
    BySeller(product_wire::ProductCommand),
    ByOrder(stock_wire::StockCommand),
}

#[derive(Clone)]
struct Shelf {
    products: StoreRef<String, Product>,
    holds: StoreRef<Vec<u8>, Hold>,
    adjustments: StoreRef<Vec<u8>, Adjustment>,
    expiries: TimerRef<Vec<u8>>,
    snapshots: SinkRef<String, product_wire::Product>,
    events: SinkRef<String, stock_wire::StockEvent>,
    replies: SinkRef<String, stock_wire::StockReply>,
}

type Context<'s, 'n> = ProcessorContext<'s, 'n, (), ()>;

impl Processor<String, Asked> for Shelf {
    fn process(&mut self, context: &mut Context<'_, '_>, record: Record<String, Asked>) -> Result<(), ProcessError> {
        match record.value {
            Asked::BySeller(command) => self.ask_product(context, &record.key, command),
            Asked::ByOrder(command) => self.ask_stock(context, &record.key, command),
        }
    }

    /// Forgets what has been resolved long enough; what has changed since has another timer.
    fn on_timer(&mut self, context: &mut Context<'_, '_>, timer: &FiredTimer) -> Result<(), ProcessError> {
        let tagged = timer.key(&self.expiries).map_err(ProcessError::Key)?;
        let now = context.now_ms();
        match Expiry::untag(tagged)? {
            Expiry::Hold(key) => {
                let mut holds = context.store(&self.holds)?;
                let due = holds.get(&key)?.and_then(|hold| hold.forget_at());
                if due.is_some_and(|at| at <= now) {
                    holds.delete(&key)
                } else {
                    Ok(())
                }
            }
            Expiry::Adjustment(key) => context.store(&self.adjustments)?.delete(&key),
        }
    }
}

impl Shelf {
    fn ask_product(
        &self,
        context: &mut Context<'_, '_>,
        key: &String,
        envelope: product_wire::ProductCommand,
    ) -> Result<(), ProcessError> {
        let (actor, cause) = (admit(key, &envelope)?, Cause::of(&envelope));
        let command =
            product_border::command(envelope.payload, RecordId(envelope.id)).map_err(ProcessError::refused)?;
        let product_id = ProductId(key.clone());
        let adjustment_key = match &command {
            ProductCommand::Adjust { adjustment_id, .. } => Some(keys::adjustment(&product_id, adjustment_id)),
            ProductCommand::Create { .. } | ProductCommand::Change { .. } => None,
        };
        let made = match &adjustment_key {
            Some(key) => context.store(&self.adjustments)?.get(key)?,
            None => None,
        };
        let before = context.store(&self.products)?.get(key)?;
        let known = before.clone();
        let next = product::step(&product_id, before, made, command, &actor, context.now_ms());
        if let (None, Some(adjustment), Some(key)) = (made, next.adjustment, adjustment_key) {
            context.store(&self.adjustments)?.put(&key, adjustment)?;
            context.set_timer(&self.expiries, &Expiry::Adjustment(key).tag(), adjustment.forget_at())?;
        }
        self.publish_event(context, key, next.event, actor, &cause)?;
        self.keep_product(context, key, known.as_ref(), next.product)
    }

    fn ask_stock(
        &self,
        context: &mut Context<'_, '_>,
        key: &String,
        envelope: stock_wire::StockCommand,
    ) -> Result<(), ProcessError> {
        let (actor, cause) = (admit(key, &envelope)?, Cause::of(&envelope));
        let command = stock_border::command(envelope.payload).map_err(ProcessError::refused)?;
        let product_id = ProductId(key.clone());
        let (order_id, line) = command.hold();
        let (order_key, hold_key) = (order_id.0.clone(), keys::hold(&product_id, order_id, line));
        let (product, hold) = (
            context.store(&self.products)?.get(key)?,
            context.store(&self.holds)?.get(&hold_key)?,
        );
        let (product_before, hold_before) = (product.clone(), hold.clone());
        let next = stock::step(&product_id, product, hold, &command, &actor, context.now_ms());
        self.publish_event(context, key, next.event, actor, &cause)?;
        self.reply(context, order_key, next.reply, &cause)?;
        self.keep_hold(context, &hold_key, hold_before.as_ref(), next.hold)?;
        self.keep_product(context, key, product_before.as_ref(), next.product)
    }

    fn keep_product(
        &self,
        context: &mut Context<'_, '_>,
        key: &String,
        before: Option<&Product>,
        after: Option<Product>,
    ) -> Result<(), ProcessError> {
        let Some(product) = after.filter(|product| Some(product) != before) else {
            return Ok(());
        };
        // Rather put the command aside than keep books that cannot be right.
        if let Some(violation) = invariants::i1_balance(&product).first() {
            return Err(ProcessError::refused(violation));
        }
        // A refusal takes a number but changes nothing that is published.
        if before.map(|before| before.version) != Some(product.version) {
            let snapshot = product_border::snapshot(&product);
            context.send(&self.snapshots, &Record::new(key.clone(), snapshot, context.now_ms()))?;
        }
        context.store(&self.products)?.put(key, product)
    }

    fn keep_hold(
        &self,
        context: &mut Context<'_, '_>,
        key: &Vec<u8>,
        before: Option<&Hold>,
        after: Option<Hold>,
    ) -> Result<(), ProcessError> {
        let Some(hold) = after.filter(|hold| Some(hold) != before) else {
            return Ok(());
        };
        if let Some(at) = hold.forget_at() {
            context.set_timer(&self.expiries, &Expiry::Hold(key.clone()).tag(), at)?;
        }
        context.store(&self.holds)?.put(key, hold)
    }

    fn publish_event(
        &self,
        context: &mut Context<'_, '_>,
        key: &str,
        event: Option<StockEvent>,
        actor: Actor,
        cause: &Cause,
    ) -> Result<(), ProcessError> {
        let Some(event) = event else { return Ok(()) };
        let at = context.now_ms();
        // Without a product there is no number, so the command names its refusal.
        let id = match event.seq {
            0 => RecordId(format!("{}.refused", cause.id)),
            seq => RecordId(format!("{key}.stock.{seq}")),
        };
        let (causation, correlation) = (cause.id.clone(), cause.correlation.clone());
        let meta = Meta {
            id,
            seq: event.seq,
            at,
            actor,
            causation,
            correlation,
        };
        let value = meta.envelope(stock_border::event_to_wire(event.kind));
        context.send(&self.events, &Record::new(key.to_owned(), value, at))
    }

    fn reply(
        &self,
        context: &mut Context<'_, '_>,
        order_key: String,
        reply: Option<StockReply>,
        cause: &Cause,
    ) -> Result<(), ProcessError> {
        let Some(reply) = reply else { return Ok(()) };
        let meta = Meta {
            id: RecordId(format!("{}.reply", cause.id)),
            seq: 0,
            at: context.now_ms(),
            actor: Actor::system(NAME),
            causation: cause.id.clone(),
            correlation: order_key.clone(),
        };
        let value = meta.envelope(stock_border::reply_to_wire(reply));
        context.send(&self.replies, &Record::new(order_key, value, context.now_ms()))
    }
}

/// What a timer is to forget.
enum Expiry {
    Hold(Vec<u8>),
    Adjustment(Vec<u8>),
}

impl Expiry {
    fn tag(self) -> Vec<u8> {
        let (tag, mut key) = match self {
            Self::Hold(key) => (b'h', key),
            Self::Adjustment(key) => (b'a', key),
        };
        key.push(tag);
        key
    }

    fn untag(mut tagged: Vec<u8>) -> Result<Self, ProcessError> {
        match tagged.pop() {
            Some(b'h') => Ok(Self::Hold(tagged)),
            Some(b'a') => Ok(Self::Adjustment(tagged)),
            Some(_) | None => Err(ProcessError::refused("a timer of an unknown kind")),
        }
    }
}

//! `orders`: the saga. Commands, stock replies, wallet answers and deadlines in; events, snapshots and commands out.

use std::sync::Arc;

use planted::Bug;
use schemas::SchemaTable;
use schemas::wire::{order as order_wire, payment as payment_wire, stock as stock_wire};
use streams::serde::StringSerde;
use streams::{
    FiredTimer, ProcessError, Processor, ProcessorContext, ProcessorSpec, PunctuationType, Record, SinkRef, StoreRef,
    TimerRef, Topology, TopologyBuilder, TopologyError,
};

use crate::authority::Actor;
use crate::ids::{OrderId, RecordId, event_id};
use crate::order::{Effect, OrderEvent, OrderInput, OrderSnapshot, OrderState, RecordedEvent, Told, step};
use crate::state_serde::StateSerde;
use crate::topologies::{admit, move_timer, topic};
use crate::views;
use crate::wire::{self, Meta, WireError};

/// The topology's name.
pub const NAME: &str = "orders";

/// order-commands, stock-replies and payment-events in; order-events, orders, stock-commands and payment-commands out.
pub fn topology(schemas: &Arc<SchemaTable>) -> Result<Topology, TopologyError> {
    let builder = TopologyBuilder::new(NAME);
    let saga = Saga {
        orders: builder.store(views::ORDERS.store, StringSerde, StateSerde::new()),
        deadlines: builder.timers("order-deadlines", StringSerde, PunctuationType::WallClockTime),
        events: builder.sink(&topic(schemas)),
        snapshots: builder.sink(&topic(schemas)),
        stock: builder.sink(&topic(schemas)),
        payment: builder.sink(&topic(schemas)),
    };
    let spec = ProcessorSpec::new("order-saga")
        .store(&saga.orders)
        .timers(&saga.deadlines)
        .sink(&saga.events)
        .sink(&saga.snapshots)
        .sink(&saga.stock)
        .sink(&saga.payment);
    let commands = builder.stream(&topic(schemas)).map_values(Arrived::Command);
    let stock = builder.stream(&topic(schemas)).map_values(Arrived::StockReply);
    let payment = builder.stream(&topic(schemas)).map_values(Arrived::PaymentEvent);
    commands
        .merge(&stock)
        .merge(&payment)
        .process::<_, (), ()>(spec, move || saga.clone());
    builder.build()
}

/// What arrives for an order.
#[derive(Clone)]
enum Arrived {
    Command(order_wire::OrderCommand),
    StockReply(stock_wire::StockReply),
    PaymentEvent(payment_wire::PaymentEvent),
}

#[derive(Clone)]
struct Saga {
    orders: StoreRef<String, OrderState>,
    deadlines: TimerRef<String>,
    events: SinkRef<String, order_wire::OrderEvent>,
    snapshots: SinkRef<String, order_wire::Order>,
    stock: SinkRef<String, stock_wire::StockCommand>,
    payment: SinkRef<String, payment_wire::PaymentCommand>,
}

type Context<'s, 'n> = ProcessorContext<'s, 'n, (), ()>;

impl Processor<String, Arrived> for Saga {
    fn process(&mut self, context: &mut Context<'_, '_>, record: Record<String, Arrived>) -> Result<(), ProcessError> {
        let (causation, input) = read(&record.key, record.value)?;
        match input {
            Some(input) => self.take(context, record.key, input, &causation),
            // A deposit or a withdrawal, whose key is an account: it is about no order.
            None => Ok(()),
        }
    }

    fn on_timer(&mut self, context: &mut Context<'_, '_>, timer: &FiredTimer) -> Result<(), ProcessError> {
        let key = timer.key(&self.deadlines).map_err(ProcessError::Key)?;
        let causation = format!("{key}.deadline.{}", timer.at_ms);
        self.take(context, key, OrderInput::DeadlinePassed, &causation)
    }
}

/// What a record means to the order, and the record's id.
fn read(key: &str, arrived: Arrived) -> Result<(String, Option<OrderInput>), ProcessError> {
    let refused = |cause: WireError| ProcessError::refused(cause);
    match arrived {
        Arrived::Command(envelope) => {
            let actor = admit(key, &envelope)?;
            let command_id = RecordId(envelope.id.clone());
            let input = wire::order::command(envelope.payload, command_id, actor, envelope.at).map_err(refused)?;
            Ok((envelope.id, Some(input)))
        }
        Arrived::StockReply(envelope) => {
            admit(key, &envelope)?;
            let reply = wire::stock::reply(envelope.payload).map_err(refused)?;
            Ok((envelope.id, Some(OrderInput::Stock(reply))))
        }
        Arrived::PaymentEvent(envelope) => {
            admit(key, &envelope)?;
            let input = wire::payment_event::order_input(envelope.payload).map_err(refused)?;
            Ok((envelope.id, input))
        }
    }
}

impl Saga {
    fn take(
        &self,
        context: &mut Context<'_, '_>,
        key: String,
        input: OrderInput,
        causation: &str,
    ) -> Result<(), ProcessError> {
        let state = context.store(&self.orders)?.get(&key)?;
        let is_again = planted::is(Bug::CreatedAgain) && matches!(input, OrderInput::Place(_));
        let state = state.filter(|_| !is_again);
        let order_id = OrderId(key);
        let before = state.as_ref().map(Told::of);
        let waited = state.as_ref().map_or(0, |state| state.waiting.len());
        let next = step(state, &order_id, input, context.now_ms());
        // A command that waits, or waits no more, leaves no event.
        let waits = next.state.as_ref().map_or(0, |state| state.waiting.len());
        let changed = next.timer_before != next.timer_after || !next.events.is_empty() || waits != waited;
        let out = Out {
            order_id: &order_id,
            causation,
            at: context.now_ms(),
        };
        move_timer(
            context,
            &self.deadlines,
            &order_id.0,
            next.timer_before,
            next.timer_after,
        )?;
        for event in next.events {
            self.publish_event(context, &out, event)?;
        }
        for effect in next.effects {
            self.send_command(context, &out, effect)?;
        }
        let Some(state) = next.state.filter(|_| changed) else {
            return Ok(());
        };
        if Told::of(&state).is_news_after(before) && !(planted::is(Bug::LastStepUnpublished) && state.step().is_final())
        {
            let snapshot = OrderSnapshot::of(&state);
            let record = Record::new(order_id.0.clone(), wire::order::snapshot(&snapshot), out.at);
            context.send(&self.snapshots, &record)?;
        }
        context.store(&self.orders)?.put(&order_id.0, state)
    }

    /// Sends an event.
    fn publish_event(
        &self,
        context: &mut Context<'_, '_>,
        out: &Out<'_>,
        recorded: RecordedEvent,
    ) -> Result<(), ProcessError> {
        let id = match (&recorded.event, recorded.seq) {
            (OrderEvent::CommandRefused { command_id, .. }, 0) => RecordId(format!("{command_id}.refused")),
            (_, seq) => event_id(out.order_id.as_str(), seq),
        };
        let (seq, at) = (recorded.seq, recorded.at);
        let meta = Meta {
            seq,
            at,
            ..out.meta(id, recorded.actor)
        };
        let value = meta.envelope(wire::order_event::event_to_wire(out.order_id, recorded.event));
        context.send(&self.events, &Record::new(out.order_id.0.clone(), value, out.at))
    }

    fn send_command(&self, context: &mut Context<'_, '_>, out: &Out<'_>, effect: Effect) -> Result<(), ProcessError> {
        match effect {
            Effect::Stock(ask) => {
                let value = out
                    .meta(ask.id, Actor::system(NAME))
                    .envelope(wire::stock::command_to_wire(ask.command));
                context.send(&self.stock, &Record::new(ask.product_id.0, value, out.at))
            }
            Effect::Payment(ask) => {
                let payload = wire::payment::command_to_wire(ask.command);
                let value = out.meta(ask.id, Actor::system(NAME)).envelope(payload);
                context.send(&self.payment, &Record::new(ask.account_id.0, value, out.at))
            }
        }
    }
}

/// What all records of one turn say about themselves.
struct Out<'a> {
    order_id: &'a OrderId,
    causation: &'a str,
    at: i64,
}

impl Out<'_> {
    fn meta(&self, id: RecordId, actor: Actor) -> Meta {
        Meta {
            id,
            seq: 0,
            at: self.at,
            actor,
            causation: self.causation.to_owned(),
            correlation: self.order_id.0.clone(),
        }
    }
}

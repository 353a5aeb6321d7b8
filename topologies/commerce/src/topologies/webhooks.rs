//! `webhooks`: the events of orders on their way to endpoints outside. Runs only where it is wanted.
//!
//! It calls nobody: it asks a worker, which stands beside the stream threads and answers through the log. The worker may be asked
//! twice and answer late; see [`crate::webhook`].

use std::sync::Arc;

use schemas::SchemaTable;
use schemas::wire::order::OrderEvent;
use schemas::wire::webhook as wire_types;
use streams::serde::StringSerde;
use streams::{
    FiredTimer, ProcessError, Processor, ProcessorContext, ProcessorSpec, PunctuationType, Record, SinkRef, StoreRef,
    TimerRef, Topology, TopologyBuilder, TopologyError,
};

use crate::authority::{Actor, Role};
use crate::ids::RecordId;
use crate::state_serde::StateSerde;
use crate::topologies::{admit, move_timer, topic};
use crate::views;
use crate::webhook::{self, Ask, Delivery, GivenUp, Input};
use crate::wire::{self, Meta};

/// The topology's name.
pub const NAME: &str = "webhooks";

/// The store of deliveries, by the id of their event.
pub const DELIVERIES: &str = "webhook-deliveries";

/// order-events and webhook-answers in; webhook-calls and webhook-dead-letters out.
pub fn topology(schemas: &Arc<SchemaTable>) -> Result<Topology, TopologyError> {
    let builder = TopologyBuilder::new(NAME);
    let post = Post {
        deliveries: builder.store(DELIVERIES, StringSerde, StateSerde::new()),
        due: builder.timers("webhook-due", StringSerde, PunctuationType::WallClockTime),
        calls: builder.sink(&topic(schemas)),
        dead_letters: builder.sink(&topic(schemas)),
    };
    let spec = ProcessorSpec::new("webhook-post")
        .store(&post.deliveries)
        .timers(&post.due)
        .sink(&post.calls)
        .sink(&post.dead_letters);
    let events = builder.stream(&topic(schemas)).map_values(Arrived::Event);
    let answers = builder.stream(&topic(schemas)).map_values(Arrived::Answer);
    events.merge(&answers).process::<_, (), ()>(spec, move || post.clone());
    builder.build()
}

/// What arrives for a delivery.
#[derive(Clone)]
enum Arrived {
    Event(OrderEvent),
    Answer(wire_types::WebhookAnswer),
}

#[derive(Clone)]
struct Post {
    deliveries: StoreRef<String, Delivery>,
    due: TimerRef<String>,
    calls: SinkRef<String, wire_types::WebhookCall>,
    dead_letters: SinkRef<String, wire_types::WebhookDeadLetter>,
}

type Context<'s, 'n> = ProcessorContext<'s, 'n, (), ()>;

impl Processor<String, Arrived> for Post {
    fn process(&mut self, context: &mut Context<'_, '_>, record: Record<String, Arrived>) -> Result<(), ProcessError> {
        match record.value {
            Arrived::Event(event) => self.send_out(context, record.key, event),
            Arrived::Answer(envelope) => self.hear(context, &record.key, envelope),
        }
    }

    fn on_timer(&mut self, context: &mut Context<'_, '_>, timer: &FiredTimer) -> Result<(), ProcessError> {
        let delivery_id = timer.key(&self.due).map_err(ProcessError::Key)?;
        let causation = format!("{delivery_id}.due.{}", timer.at_ms);
        self.take(context, &delivery_id, Input::Due, &causation)
    }
}

impl Post {
    /// A refused command has no number: it is no event of the order's timeline.
    fn send_out(&self, context: &mut Context<'_, '_>, order_id: String, event: OrderEvent) -> Result<(), ProcessError> {
        admit(&order_id, &event)?;
        if event.seq <= 0 {
            return Ok(());
        }
        let delivery_id: String = wire::id(event.id.clone(), "id").map_err(ProcessError::refused)?;
        let item = views::timeline_item_of(event).map_err(ProcessError::refused)?;
        let event = serde_json::to_string(&item).map_err(ProcessError::refused)?;
        self.take(context, &delivery_id, Input::Event { order_id, event }, &delivery_id)
    }

    fn hear(
        &self,
        context: &mut Context<'_, '_>,
        key: &str,
        envelope: wire_types::WebhookAnswer,
    ) -> Result<(), ProcessError> {
        if admit(key, &envelope)?.role != Role::System {
            return Err(ProcessError::refused("only the system answers for webhooks"));
        }
        let (delivery_id, input) = wire::webhook::answer(envelope.payload).map_err(ProcessError::refused)?;
        self.take(context, &delivery_id, input, &envelope.id)
    }

    fn take(
        &self,
        context: &mut Context<'_, '_>,
        delivery_id: &String,
        input: Input,
        causation: &str,
    ) -> Result<(), ProcessError> {
        let before = context.store(&self.deliveries)?.get(delivery_id)?;
        let next = webhook::step(before.clone(), delivery_id, input, context.now_ms());
        if before == next.delivery {
            return Ok(());
        }
        let due = |delivery: Option<&Delivery>| delivery.map(|delivery| delivery.due_at);
        let (due_before, due_after) = (due(before.as_ref()), due(next.delivery.as_ref()));
        move_timer(context, &self.due, delivery_id, due_before, due_after)?;
        // One of them is: nothing changed, otherwise.
        if let Some(told) = next.delivery.as_ref().or(before.as_ref()) {
            let out = Out {
                delivery_id,
                order_id: &told.order_id,
                event: &told.event,
                causation,
                at: context.now_ms(),
            };
            for given_up in next.given_up {
                self.give_up(context, &out, given_up)?;
            }
            if let Some(ask) = next.ask {
                self.ask(context, &out, ask)?;
            }
        }
        let mut deliveries = context.store(&self.deliveries)?;
        match next.delivery {
            Some(delivery) => deliveries.put(delivery_id, delivery),
            None => deliveries.delete(delivery_id),
        }
    }

    /// A call that is sent again has the id that it had before.
    fn ask(&self, context: &mut Context<'_, '_>, out: &Out<'_>, ask: Ask) -> Result<(), ProcessError> {
        let id = RecordId(format!("{}.webhook.{}", out.delivery_id, ask.attempt));
        let payload = wire::webhook::ask_to_wire(out.delivery_id.to_owned(), out.event.to_owned(), ask);
        let record = Record::new(out.order_id.to_owned(), out.meta(id).envelope(payload), out.at);
        context.send(&self.calls, &record)
    }

    fn give_up(
        &self,
        context: &mut Context<'_, '_>,
        out: &Out<'_>,
        (endpoint, given_up): (String, GivenUp),
    ) -> Result<(), ProcessError> {
        let id = format!("{}.webhook.{}.given-up.{endpoint}", out.delivery_id, given_up.attempt);
        let payload =
            wire::webhook::given_up_to_wire(out.delivery_id.to_owned(), endpoint, out.event.to_owned(), given_up);
        let value = out.meta(RecordId(id)).envelope(payload);
        context.send(&self.dead_letters, &Record::new(out.order_id.to_owned(), value, out.at))
    }
}

/// What all records of one turn say about themselves.
struct Out<'a> {
    delivery_id: &'a str,
    order_id: &'a str,
    event: &'a str,
    causation: &'a str,
    at: i64,
}

impl Out<'_> {
    fn meta(&self, id: RecordId) -> Meta {
        Meta {
            id,
            seq: 0,
            at: self.at,
            actor: Actor::system(NAME),
            causation: self.causation.to_owned(),
            correlation: self.order_id.to_owned(),
        }
    }
}

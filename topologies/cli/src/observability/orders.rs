//! What the shop's orders come to: metrics and log lines of the events that the orders topology has committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::Counter;
use runtime::metric::{Metric, SPANS};
use runtime::span::{Attribute, Span, SpanKind, SpanSink as _};
use schemas::wire::order::{CancelReason, Order, OrderEvent, OrderEventPayload, SagaStep};
use schemas::{AvroSerde, SchemaTable, topics};
use streams::serde::Serde;
use streams::trace::TraceContext;
use streams::{OutputRecord, TaskId};

use super::Traces;

const EVENTS: Metric = Metric::counter(
    "sluice_order_events_total",
    &["event"],
    "Committed events of orders: what was placed, reserved, held, taken, given back, paid and cancelled.",
);
const CANCELLED: Metric = Metric::counter(
    "sluice_orders_cancelled_total",
    &["reason"],
    "Orders that were cancelled, by why.",
);
const ATTENTION: Metric = Metric::counter(
    "sluice_orders_needing_attention_total",
    &["step"],
    "Orders that called for an operator, by the step whose outcome stayed unknown.",
);
const ORDER_SECONDS: Metric = Metric::histogram(
    "sluice_order_seconds",
    SPANS,
    &["outcome"],
    "Time from the event that created an order to the one that ended its saga: paid, cancelled.",
);

/// All of them.
pub(crate) const METRICS: &[Metric] = &[EVENTS, CANCELLED, ATTENTION, ORDER_SECONDS];

/// The outputs of one thread since its last commit.
pub(super) struct Orders {
    traces: Option<Arc<Traces>>,
    event_serde: AvroSerde<OrderEvent>,
    order_serde: AvroSerde<Order>,
    counters: BTreeMap<&'static str, Counter>,
    events: Vec<Told>,
    /// When an order was created and changed last, by its id.
    times: BTreeMap<String, (i64, i64)>,
}

/// An event of an order that counts once it is committed.
struct Told {
    task: TaskId,
    order_id: String,
    payload: OrderEventPayload,
    /// The step that made it.
    step: Option<TraceContext>,
}

impl Orders {
    pub(super) fn new(schemas: &Arc<SchemaTable>, traces: Option<Arc<Traces>>) -> Self {
        for reason in REASONS {
            drop(CANCELLED.count(&[cancel_reason(reason)]));
        }
        for step in STEPS {
            drop(ATTENTION.count(&[saga_step(step)]));
        }
        Self {
            traces,
            event_serde: AvroSerde::new(schemas),
            order_serde: AvroSerde::new(schemas),
            counters: EVENT_NAMES
                .iter()
                .map(|event| (*event, EVENTS.count(&[event])))
                .collect(),
            events: Vec::new(),
            times: BTreeMap::new(),
        }
    }

    fn ended(&self, outcome: &str, order_id: &str) {
        if let Some((created_at, updated_at)) = self.times.get(order_id) {
            let took_ms = u64::try_from(updated_at - created_at).unwrap_or(0);
            ORDER_SECONDS
                .distribution(&[outcome])
                .record(Duration::from_millis(took_ms));
        }
    }

    /// Marks the end of a saga in its trace.
    fn mark(&self, name: &str, told: &Told) {
        let (Some(traces), Some(step)) = (&self.traces, told.step) else {
            return;
        };
        let now = SystemTime::now();
        traces.take(Span {
            context: step.step(name, topics::ORDER_EVENTS.name, told.task.partition, 0),
            parent: Some(step.span()),
            name: name.to_owned(),
            kind: SpanKind::Internal,
            began: now,
            ended: now,
            attributes: vec![(Attribute::OrderId, told.order_id.clone())],
            failed: false,
        });
    }

    fn tell(&self, told: &Told) {
        let (task, order_id, payload) = (told.task, told.order_id.as_str(), &told.payload);
        let (event, topology) = (event_name(payload), commerce::topologies::orders::NAME);
        if let Some(counter) = self.counters.get(event) {
            counter.increment(1);
        }
        match payload {
            OrderEventPayload::OrderPaid(_) => {
                self.ended("paid", order_id);
                self.mark("PAID", told);
                tracing::info!(target: TARGET, order_id, topology, %task, "the order is paid");
            }
            OrderEventPayload::OrderCancelled(cancelled) => {
                let reason = cancel_reason(cancelled.reason);
                CANCELLED.count(&[reason]).increment(1);
                self.ended("cancelled", order_id);
                self.mark("CANCELLED", told);
                tracing::info!(target: TARGET, order_id, topology, %task, reason, "the order is cancelled");
            }
            OrderEventPayload::NeedsAttention(attention) => {
                let step = saga_step(attention.step);
                ATTENTION.count(&[step]).increment(1);
                tracing::warn!(target: TARGET, order_id, topology, %task, step, "the order needs an operator");
            }
            _ => tracing::debug!(target: TARGET, order_id, topology, %task, event, "the order goes on"),
        }
    }
}

/// The target of the lines about orders, for filters: `RUST_LOG=info,sluice::orders=debug` tells every step.
const TARGET: &str = "sluice::orders";

impl Orders {
    pub(super) fn wants(topic: &str) -> bool {
        topic == topics::ORDER_EVENTS.name || topic == topics::ORDERS.name
    }

    pub(super) fn output(&mut self, task: TaskId, topic: &str, record: &OutputRecord<'_>) {
        if topic == topics::ORDERS.name {
            if let Ok(order) = self.order_serde.deserialize(record.value) {
                self.times.insert(order.order_id, (order.created_at, order.updated_at));
            }
            return;
        }
        let order_id = record.key.map(String::from_utf8_lossy).unwrap_or_default();
        if let Ok(event) = self.event_serde.deserialize(record.value) {
            self.events.push(Told {
                task,
                order_id: order_id.into_owned(),
                payload: event.payload,
                step: TraceContext::of(record.headers),
            });
        }
    }

    pub(super) fn committed(&mut self) {
        let events = std::mem::take(&mut self.events);
        for told in &events {
            self.tell(told);
        }
        self.times.clear();
    }

    pub(super) fn dropped(&mut self) {
        self.events.clear();
        self.times.clear();
    }
}

/// Every event but those of writers that are newer than this build.
const EVENT_NAMES: [&str; 25] = [
    "created",
    "stock_reserved",
    "stock_rejected",
    "payment_authorized",
    "payment_declined",
    "stock_confirmed",
    "payment_captured",
    "paid",
    "cancellation_requested",
    "step_timed_out",
    "payment_voided",
    "payment_refunded",
    "stock_released",
    "stock_restocked",
    "cancelled",
    "command_refused",
    "needs_attention",
    "lines_shipped",
    "lines_delivered",
    "return_requested",
    "return_rejected",
    "refund_requested",
    "payment_settled",
    "seller_credited",
    "stock_returned",
];

fn event_name(payload: &OrderEventPayload) -> &'static str {
    match payload {
        OrderEventPayload::OrderCreated(_) => "created",
        OrderEventPayload::StockReserved(_) => "stock_reserved",
        OrderEventPayload::StockRejected(_) => "stock_rejected",
        OrderEventPayload::PaymentAuthorized(_) => "payment_authorized",
        OrderEventPayload::PaymentDeclined(_) => "payment_declined",
        OrderEventPayload::StockConfirmed(_) => "stock_confirmed",
        OrderEventPayload::PaymentCaptured(_) => "payment_captured",
        OrderEventPayload::OrderPaid(_) => "paid",
        OrderEventPayload::CancellationRequested(_) => "cancellation_requested",
        OrderEventPayload::StepTimedOut(_) => "step_timed_out",
        OrderEventPayload::PaymentVoided(_) => "payment_voided",
        OrderEventPayload::PaymentRefunded(_) => "payment_refunded",
        OrderEventPayload::StockReleased(_) => "stock_released",
        OrderEventPayload::StockRestocked(_) => "stock_restocked",
        OrderEventPayload::OrderCancelled(_) => "cancelled",
        OrderEventPayload::CommandRefused(_) => "command_refused",
        OrderEventPayload::NeedsAttention(_) => "needs_attention",
        OrderEventPayload::LinesShipped(_) => "lines_shipped",
        OrderEventPayload::LinesDelivered(_) => "lines_delivered",
        OrderEventPayload::ReturnRequested(_) => "return_requested",
        OrderEventPayload::ReturnRejected(_) => "return_rejected",
        OrderEventPayload::RefundRequested(_) => "refund_requested",
        OrderEventPayload::PaymentSettled(_) => "payment_settled",
        OrderEventPayload::SellerCredited(_) => "seller_credited",
        OrderEventPayload::StockReturned(_) => "stock_returned",
    }
}

const REASONS: [CancelReason; 10] = [
    CancelReason::OutOfStock,
    CancelReason::UnknownProduct,
    CancelReason::PaymentDeclined,
    CancelReason::InsufficientFunds,
    CancelReason::CancelledByBuyer,
    CancelReason::PriceChanged,
    CancelReason::CurrencyMismatch,
    CancelReason::InvalidOrder,
    CancelReason::TimedOut,
    CancelReason::Refunded,
];

fn cancel_reason(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::OutOfStock => "out_of_stock",
        CancelReason::UnknownProduct => "unknown_product",
        CancelReason::PaymentDeclined => "payment_declined",
        CancelReason::InsufficientFunds => "insufficient_funds",
        CancelReason::CancelledByBuyer => "cancelled_by_buyer",
        CancelReason::PriceChanged => "price_changed",
        CancelReason::CurrencyMismatch => "currency_mismatch",
        CancelReason::InvalidOrder => "invalid_order",
        CancelReason::TimedOut => "timed_out",
        CancelReason::Refunded => "refunded",
        CancelReason::Unknown => "unknown",
    }
}

const STEPS: [SagaStep; 8] = [
    SagaStep::Reserving,
    SagaStep::Authorizing,
    SagaStep::Confirming,
    SagaStep::Capturing,
    SagaStep::Voiding,
    SagaStep::Refunding,
    SagaStep::Returning,
    SagaStep::Settling,
];

fn saga_step(step: SagaStep) -> &'static str {
    match step {
        SagaStep::Reserving => "reserving",
        SagaStep::Authorizing => "authorizing",
        SagaStep::Confirming => "confirming",
        SagaStep::Capturing => "capturing",
        SagaStep::Voiding => "voiding",
        SagaStep::Refunding => "refunding",
        SagaStep::Returning => "returning",
        SagaStep::Settling => "settling",
        SagaStep::Done => "done",
        SagaStep::Unknown => "unknown",
    }
}

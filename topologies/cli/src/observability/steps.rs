//! What is told of the records that topologies commit: the shop's orders and payouts, and the steps of traces that are followed.

use std::sync::Arc;
use std::time::SystemTime;

use runtime::span::{Attribute, Span, SpanKind, SpanSink};
use runtime::{MakeOutputObserver, OutputObserver};
use schemas::{SchemaTable, topics};
use streams::trace::TraceContext;
use streams::{InputRecord, OutputRecord, TaskId};

use super::Traces;
use super::orders::Orders;
use super::payouts::Payouts;

/// Steps of one commit that are told at most: more are a burst whose traces have gaps.
const STEPS_MAX: usize = 2_048;

/// Observes a topology; nothing, where there is nothing to tell.
pub(crate) fn observer(
    topology: &str,
    schemas: &Arc<SchemaTable>,
    traces: Option<&Arc<Traces>>,
) -> Option<MakeOutputObserver> {
    let is_orders = topology == commerce::topologies::orders::NAME;
    let is_payments = topology == commerce::topologies::payments::NAME;
    if !is_orders && !is_payments && traces.is_none() {
        return None;
    }
    let (topology, schemas, traces) = (topology.to_owned(), Arc::clone(schemas), traces.cloned());
    Some(Arc::new(move |layout| {
        Box::new(Observer {
            orders: is_orders.then(|| Orders::new(&schemas, traces.clone())),
            payouts: is_payments.then(|| Payouts::new(&schemas)),
            steps: traces.clone().map(|traces| Steps {
                traces,
                topology: topology.clone(),
                application: layout.application_id.clone(),
                pending: Vec::new(),
            }),
        })
    }))
}

struct Observer {
    orders: Option<Orders>,
    payouts: Option<Payouts>,
    steps: Option<Steps>,
}

/// The steps of one thread since its last commit.
struct Steps {
    traces: Arc<Traces>,
    topology: String,
    application: String,
    pending: Vec<Span>,
}

impl OutputObserver for Observer {
    fn follows_inputs(&self) -> bool {
        self.steps.is_some()
    }

    fn input(&mut self, task: TaskId, topic: &str, record: &InputRecord<'_>) {
        if let Some(steps) = &mut self.steps {
            steps.input(task, topic, record);
        }
    }

    fn wants(&self, topic: &str) -> bool {
        (self.orders.is_some() && Orders::wants(topic)) || (self.payouts.is_some() && Payouts::wants(topic))
    }

    fn output(&mut self, task: TaskId, topic: &str, record: &OutputRecord<'_>) {
        if let Some(orders) = &mut self.orders {
            orders.output(task, topic, record);
        }
        if let Some(payouts) = &mut self.payouts {
            payouts.output(task, record);
        }
    }

    fn committed(&mut self) {
        if let Some(steps) = &mut self.steps {
            steps.committed();
        }
        if let Some(orders) = &mut self.orders {
            orders.committed();
        }
        if let Some(payouts) = &mut self.payouts {
            payouts.committed();
        }
    }

    fn dropped(&mut self) {
        if let Some(steps) = &mut self.steps {
            steps.pending.clear();
        }
        if let Some(orders) = &mut self.orders {
            orders.dropped();
        }
        if let Some(payouts) = &mut self.payouts {
            payouts.dropped();
        }
    }
}

impl Steps {
    fn input(&mut self, task: TaskId, topic: &str, record: &InputRecord<'_>) {
        let Some(before) = TraceContext::of(&record.headers).filter(|_| self.pending.len() < STEPS_MAX) else {
            return;
        };
        let now = SystemTime::now();
        let order_id = record.key.filter(|_| is_of_order(topic));
        let order_id = order_id.map(|key| (Attribute::OrderId, String::from_utf8_lossy(key).into_owned()));
        let mut attributes = vec![
            (Attribute::Topology, self.topology.clone()),
            (Attribute::Task, task.to_string()),
            (Attribute::Topic, topic.to_owned()),
            (Attribute::Partition, record.partition.to_string()),
            (Attribute::Offset, record.offset.to_string()),
        ];
        attributes.extend(order_id);
        self.pending.push(Span {
            context: before.step(&self.application, topic, record.partition, record.offset),
            parent: Some(before.span()),
            name: format!("process {topic}"),
            kind: SpanKind::Consumer,
            began: now,
            ended: now,
            attributes,
            failed: false,
        });
    }

    /// A step ends when what it did is true.
    fn committed(&mut self) {
        let now = SystemTime::now();
        for span in self.pending.drain(..) {
            self.traces.take(Span { ended: now, ..span });
        }
    }
}

/// Whether the key of a topic's records is the order's id.
fn is_of_order(topic: &str) -> bool {
    [
        topics::ORDER_COMMANDS.name,
        topics::ORDER_EVENTS.name,
        topics::ORDERS.name,
    ]
    .contains(&topic)
}

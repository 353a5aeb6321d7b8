//! The topologies that are measured. Keys are strings of 16 bytes, values 100 bytes.

use anyhow::Result;
use clap::ValueEnum;
use streams::serde::{BytesSerde, Encoded, I64Serde, Serde, SerdeError, StringSerde};
use streams::{
    ProcessError, Processor, ProcessorContext, ProcessorSpec, Record, SinkRef, StoreRef, Topic, Topology,
    TopologyBuilder,
};

/// A topology, or the loop without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Consume, produce, commit, without the engine.
    Bare,
    /// Topic to topic.
    Copy,
    /// The same, with numbered outputs.
    Numbered,
    /// A count per key, each sent on.
    Count,
    /// Orders that wait for a payment result and a stock result.
    Saga,
    /// The last value per key; nothing is sent on.
    Keep,
}

impl Shape {
    /// Source topics without the application's prefix.
    pub(crate) fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Saga => &["orders", "payments", "stock"],
            Self::Bare | Self::Copy | Self::Numbered | Self::Count | Self::Keep => &["input"],
        }
    }

    /// Sink topics without the application's prefix.
    pub(crate) fn outputs(self) -> &'static [&'static str] {
        match self {
            Self::Saga => &["payment-requests", "stock-requests", "order-events", "results"],
            Self::Bare | Self::Copy | Self::Numbered | Self::Count => &["output"],
            Self::Keep => &[],
        }
    }

    /// Builds the topology between topics that `source` and `application` prefix. The loop without engine has none.
    pub(crate) fn topology(self, source: &str, application: &str) -> Result<Topology> {
        let builder = TopologyBuilder::new("benchmark");
        let input = |name: &str| Topic::new(format!("{source}-{name}"), StringSerde, BytesSerde);
        let output = |name: &str| Topic::new(format!("{application}-{name}"), StringSerde, BytesSerde);
        match self {
            Self::Bare | Self::Copy | Self::Numbered => builder.stream(&input("input")).to(&output("output")),
            Self::Count => count(&builder, &input("input"), &format!("{application}-output")),
            Self::Keep => keep(&builder, &input("input")),
            Self::Saga => saga(&builder, &input, &output),
        }
        Ok(builder.build()?)
    }
}

type Bytes = Vec<u8>;

fn count(builder: &TopologyBuilder, input: &Topic<String, Bytes>, output: &str) {
    let counts = builder.store("counts", StringSerde, I64Serde);
    let sink = builder.sink(&Topic::new(output, StringSerde, I64Serde));
    let spec = ProcessorSpec::new("count").store(&counts).sink(&sink);
    builder
        .stream(input)
        .process::<_, (), ()>(spec, move || Count { counts, sink });
}

struct Count {
    counts: StoreRef<String, i64>,
    sink: SinkRef<String, i64>,
}

impl Processor<String, Bytes> for Count {
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, (), ()>,
        record: Record<String, Bytes>,
    ) -> Result<(), ProcessError> {
        let mut counts = context.store(&self.counts)?;
        let count = counts.get(&record.key)?.unwrap_or(0) + 1;
        counts.put(&record.key, count)?;
        context.send(&self.sink, &record.with_value(count))
    }
}

fn keep(builder: &TopologyBuilder, input: &Topic<String, Bytes>) {
    let values = builder.store("values", StringSerde, BytesSerde);
    let spec = ProcessorSpec::new("keep").store(&values);
    builder
        .stream(input)
        .process::<_, (), ()>(spec, move || Keep { values });
}

struct Keep {
    values: StoreRef<String, Bytes>,
}

impl Processor<String, Bytes> for Keep {
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, (), ()>,
        record: Record<String, Bytes>,
    ) -> Result<(), ProcessError> {
        context.store(&self.values)?.put(&record.key, record.value)
    }
}

fn saga(
    builder: &TopologyBuilder,
    input: &dyn Fn(&str) -> Topic<String, Bytes>,
    output: &dyn Fn(&str) -> Topic<String, Bytes>,
) {
    let orders = builder.store("orders", StringSerde, OrderSerde);
    let [payments, stock, events, results] = Shape::Saga.sinks(builder, output);
    let mut spec = ProcessorSpec::new("saga").store(&orders);
    for sink in [&payments, &stock, &events, &results] {
        spec = spec.sink(sink);
    }
    let tagged = |name: &str, step: Step| builder.stream(&input(name)).map_values(move |value| (step, value));
    let steps = tagged("orders", Step::Placed);
    let steps = steps
        .merge(&tagged("payments", Step::Paid))
        .merge(&tagged("stock", Step::Reserved));
    steps.process::<_, (), ()>(spec, move || Saga {
        orders,
        payments,
        stock,
        events,
        results,
    });
}

impl Shape {
    fn sinks(
        self,
        builder: &TopologyBuilder,
        output: &dyn Fn(&str) -> Topic<String, Bytes>,
    ) -> [SinkRef<String, Bytes>; 4] {
        let mut names = self.outputs().iter();
        std::array::from_fn(|_| builder.sink(&output(names.next().copied().unwrap_or_default())))
    }
}

/// What an input says about its order. The three of one order may come in any sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Placed = 1,
    Paid = 2,
    Reserved = 4,
}

const COMPLETE: u8 = Step::Placed as u8 | Step::Paid as u8 | Step::Reserved as u8;

#[derive(Debug, Clone, Default)]
struct Order {
    seen: u8,
    payload: Bytes,
}

struct OrderSerde;

impl Serde<Order> for OrderSerde {
    fn serialize(&self, order: &Order, out: &mut Vec<u8>) -> Result<Encoded, SerdeError> {
        out.push(order.seen);
        out.extend_from_slice(&order.payload);
        Ok(Encoded::Bytes)
    }

    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<Order, SerdeError> {
        let (seen, payload) = bytes.and_then(<[u8]>::split_first).ok_or(SerdeError::Null)?;
        Ok(Order {
            seen: *seen,
            payload: payload.to_vec(),
        })
    }
}

struct Saga {
    orders: StoreRef<String, Order>,
    payments: SinkRef<String, Bytes>,
    stock: SinkRef<String, Bytes>,
    events: SinkRef<String, Bytes>,
    results: SinkRef<String, Bytes>,
}

impl Processor<String, (Step, Bytes)> for Saga {
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, (), ()>,
        record: Record<String, (Step, Bytes)>,
    ) -> Result<(), ProcessError> {
        let step = record.value.0;
        let mut orders = context.store(&self.orders)?;
        let mut order = orders.get(&record.key)?.unwrap_or_default();
        order.seen |= step as u8;
        let Record {
            key,
            value: (_, value),
            timestamp_ms,
            headers,
        } = record;
        let record = Record {
            key,
            value,
            timestamp_ms,
            headers,
        };
        if step == Step::Placed {
            order.payload.clone_from(&record.value);
        }
        let is_complete = order.seen == COMPLETE;
        orders.put(&record.key, order)?;
        if step == Step::Placed {
            context.send(&self.payments, &record)?;
            context.send(&self.stock, &record)?;
        } else {
            context.send(&self.events, &record)?;
        }
        if is_complete {
            context.send(&self.results, &record)
        } else {
            Ok(())
        }
    }
}

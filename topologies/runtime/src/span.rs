//! Spans: what a step of a trace was, and who takes them.

use std::time::SystemTime;

use streams::trace::TraceContext;

/// One step of a trace that has ended.
#[derive(Debug, Clone)]
pub struct Span {
    /// The step.
    pub context: TraceContext,
    /// The id of the step before; `None` for the first of a trace.
    pub parent: Option<u64>,
    /// What was done, in few words.
    pub name: String,
    /// Its part in the conversation.
    pub kind: SpanKind,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What it was about.
    pub attributes: Vec<(Attribute, String)>,
    /// Whether it failed.
    pub failed: bool,
}

/// The part that a step plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Answers a request.
    Server,
    /// Puts a record into the log.
    Producer,
    /// Processes a record.
    Consumer,
    /// Marks what has been reached.
    Internal,
}

/// Everything that a span may tell. Nothing of a person is among it, and nothing else can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// The order.
    OrderId,
    /// The topology.
    Topology,
    /// The task.
    Task,
    /// The topic of the record.
    Topic,
    /// Its partition.
    Partition,
    /// Its offset.
    Offset,
    /// The method of the request.
    Method,
    /// The template of its route.
    Route,
    /// The status of the answer.
    Status,
    /// The id of the request.
    RequestId,
}

impl Attribute {
    /// Its name; OpenTelemetry's where that has one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OrderId => "order_id",
            Self::Topology => "sluice.topology",
            Self::Task => "sluice.task",
            Self::Topic => "messaging.destination.name",
            Self::Partition => "messaging.destination.partition.id",
            Self::Offset => "messaging.kafka.offset",
            Self::Method => "http.request.method",
            Self::Route => "http.route",
            Self::Status => "http.response.status_code",
            Self::RequestId => "request_id",
        }
    }
}

/// Takes spans. Neither call waits or fails: what cannot be taken is dropped.
pub trait SpanSink: Send + Sync {
    /// Whether a trace that begins here is one of those that are followed.
    fn follows(&self, trace: u128) -> bool;

    /// Takes a span.
    fn take(&self, span: Span);
}

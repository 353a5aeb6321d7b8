//! Spans on their way to a collector: OTLP over HTTP, as JSON. The queue is bounded and nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use reqwest::{Client, Response, StatusCode};
use runtime::metric::Metric;
use runtime::span::{Span, SpanKind, SpanSink};
use runtime::tls::{ClientTls, http_client};
use serde_json::{Value, json};
use tokio::runtime::Handle;

/// Spans that wait to be exported. More are dropped, and counted.
const QUEUE_MAX: usize = 4_096;
/// Spans of one request to the collector.
const BATCH_MAX: usize = 512;
/// A batch that is not full is exported after this time.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// The collector answers within this time, or the batch is lost. It is also what a stop waits for at most.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

const SPANS: Metric = Metric::counter(
    "sluice_spans_total",
    &["outcome"],
    "Spans of traces: exported, dropped because the queue was full, failed because the collector did not take them.",
);

/// All of them.
pub(crate) const METRICS: &[Metric] = &[SPANS];

/// Shows what has not happened yet as 0.
pub(super) fn show_from_zero() {
    for outcome in ["exported", "dropped", "failed"] {
        drop(SPANS.count(&[outcome]));
    }
}

/// Where spans go in.
pub(crate) struct Traces {
    queue: SyncSender<Span>,
    /// A trace is followed whose lower half is below this.
    below: u64,
}

impl SpanSink for Traces {
    fn follows(&self, trace: u128) -> bool {
        // The lower half, which is random in every trace id.
        u64::try_from(trace & u128::from(u64::MAX)).is_ok_and(|lower| lower < self.below)
    }

    fn take(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            SPANS.count(&["dropped"]).increment(1);
        }
    }
}

/// The thread that exports.
pub(crate) struct Exporter {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Exporter {
    /// Exports to the collector at `endpoint`, the base of `/v1/traces`, and follows this part of the traces that begin here.
    pub(crate) fn start(
        (endpoint, tls): (&str, Option<&ClientTls>),
        ratio: f64,
        instance: &str,
        on: Handle,
    ) -> anyhow::Result<(Arc<Traces>, Self)> {
        let (queue, spans) = sync_channel(QUEUE_MAX);
        let export = Export {
            url: format!("{}/v1/traces", endpoint.trim_end_matches('/')),
            http: http_client(tls).timeout(EXPORT_TIMEOUT).build()?,
            resource: json!({ "attributes": [
                attribute("service.name", "sluice"),
                attribute("service.version", env!("CARGO_PKG_VERSION")),
                attribute("service.instance.id", instance),
            ]}),
            on,
            stop: Arc::default(),
        };
        let stop = Arc::clone(&export.stop);
        let thread = std::thread::Builder::new()
            .name("traces".to_owned())
            .spawn(move || export.run(&spans))
            .context("cannot start a thread")?;
        let below = below(ratio);
        Ok((Arc::new(Traces { queue, below }), Self { thread, stop }))
    }

    /// Waits until what was taken is exported, or the collector has not taken it in time.
    pub(crate) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that panicked has said so.
        drop(self.thread.join());
    }
}

/// The bound of the ids that are followed.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a ratio is between 0 and 1, and the bound need not be exact"
)]
fn below(ratio: f64) -> u64 {
    (ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64
}

struct Export {
    url: String,
    http: Client,
    resource: Value,
    on: Handle,
    stop: Arc<AtomicBool>,
}

impl Export {
    fn run(&self, spans: &Receiver<Span>) {
        let mut batch = Vec::new();
        loop {
            let next = spans.recv_timeout(BATCH_WAIT);
            let is_over = match next {
                Ok(_) => false,
                // Whoever holds the way in may outlive the process's work.
                Err(RecvTimeoutError::Timeout) => self.stop.load(Ordering::Relaxed),
                Err(RecvTimeoutError::Disconnected) => true,
            };
            let is_due = next.is_err() || batch.len() + 1 >= BATCH_MAX;
            batch.extend(next);
            if is_due && !batch.is_empty() {
                self.send(&std::mem::take(&mut batch));
            }
            if is_over {
                return;
            }
        }
    }

    fn send(&self, batch: &[Span]) {
        let spans: Vec<Value> = batch.iter().map(described).collect();
        let scope = json!({ "scope": { "name": "sluice" }, "spans": spans });
        let body = json!({ "resourceSpans": [{ "resource": self.resource, "scopeSpans": [scope] }] });
        // The client looks for its runtime as soon as it is asked to send.
        let sent = self
            .on
            .block_on(async { self.http.post(&self.url).json(&body).send().await });
        let status = sent.as_ref().map(Response::status);
        let outcome = if status.as_ref().is_ok_and(StatusCode::is_success) {
            "exported"
        } else {
            tracing::debug!(?status, spans = batch.len(), "spans were not taken by the collector");
            "failed"
        };
        SPANS.count(&[outcome]).increment(batch.len() as u64);
    }
}

fn described(span: &Span) -> Value {
    let attributes = span.attributes.iter();
    json!({
        "traceId": format!("{:032x}", span.context.trace()),
        "spanId": format!("{:016x}", span.context.span()),
        "parentSpanId": span.parent.map_or_else(String::new, |parent| format!("{parent:016x}")),
        "name": span.name,
        "kind": kind(span.kind),
        "startTimeUnixNano": nanoseconds(span.began),
        "endTimeUnixNano": nanoseconds(span.ended),
        "attributes": attributes.map(|(name, value)| attribute(name.name(), value)).collect::<Vec<_>>(),
        "status": if span.failed { json!({ "code": 2 }) } else { json!({}) },
    })
}

fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

/// OTLP's numbers.
fn kind(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// As JSON wants a 64-bit number: in a string.
fn nanoseconds(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_part_of_the_traces_that_are_followed() {
        let (queue, _spans) = sync_channel(1);
        for (ratio, low, high) in [(0.0, false, false), (0.5, true, false), (1.0, true, true)] {
            let traces = Traces {
                queue: queue.clone(),
                below: below(ratio),
            };
            let ids = [u128::from(u64::MAX / 4), u128::from(u64::MAX / 4 * 3)];
            assert_eq!(ids.map(|id| traces.follows(id)), [low, high], "{ratio}");
        }
    }
}

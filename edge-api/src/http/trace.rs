//! The trace that a request belongs to (W3C Trace Context).

use std::sync::Arc;
use std::time::SystemTime;

use axum::http::HeaderMap;
use runtime::commands::{Acknowledged, CommandError};
use runtime::span::{Attribute, Span, SpanKind, SpanSink};
use schemas::topics::ORDER_COMMANDS;
use streams::trace::{TRACEPARENT, TraceContext};

/// The id of the caller's trace, or of a new one where the header is missing, comes twice or is no W3C trace context. A new
/// one has the request's own id, which is as long and as random as a trace id has to be.
#[must_use]
pub fn trace_id(headers: &HeaderMap, request_id: &str) -> String {
    only(headers).and_then(parse).unwrap_or(request_id).to_owned()
}

/// The header, if it is there once.
fn only(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let only = given.next().filter(|_| given.next().is_none());
    only?.to_str().ok()
}

/// `version-trace_id-parent_id-flags`, in lower-case hexadecimal digits; ids of zeros are none. Later versions may have more behind
/// the flags.
fn parse(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace_id, parent_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_whole = version != "00" || parts.next().is_none();
    let is_valid = is_whole
        && version != "ff"
        && is_hex(version, 2)
        && is_hex(flags, 2)
        && is_id(trace_id, 32)
        && is_id(parent_id, 16);
    is_valid.then_some(trace_id)
}

fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|byte| byte != b'0')
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A request whose trace is followed.
#[derive(Clone)]
pub(crate) struct Followed {
    sink: Arc<dyn SpanSink>,
    context: TraceContext,
    parent: Option<u64>,
    began: SystemTime,
}

tokio::task_local! {
    /// The trace of the request that the present task answers.
    static FOLLOWED: Option<Followed>;
}

impl Followed {
    /// Follows the caller's trace where the caller follows it, and of those that begin here the part that the sink wants.
    pub(crate) fn begin(sink: Option<&Arc<dyn SpanSink>>, headers: &HeaderMap, request_id: &str) -> Option<Self> {
        let sink = Arc::clone(sink?);
        let id = u128::from_str_radix(request_id, 16).ok()?;
        // The upper half: the lower one decides what is followed.
        let span = u64::try_from(id >> 64).ok()?;
        let (trace, parent) = match only(headers) {
            Some(given) if parse(given).is_some() => {
                let caller = TraceContext::parse(given)?;
                (caller.trace(), Some(caller.span()))
            }
            _ => (Some(id).filter(|id| sink.follows(*id))?, None),
        };
        Some(Self {
            sink,
            context: TraceContext::new(trace, span)?,
            parent,
            began: SystemTime::now(),
        })
    }

    /// The request is answered.
    pub(crate) fn end(self, method: &str, route: &str, status: u16, request_id: &str) {
        self.sink.take(Span {
            context: self.context,
            parent: self.parent,
            name: format!("{method} {route}"),
            kind: SpanKind::Server,
            began: self.began,
            ended: SystemTime::now(),
            attributes: vec![
                (Attribute::Method, method.to_owned()),
                (Attribute::Route, route.to_owned()),
                (Attribute::Status, status.to_string()),
                (Attribute::RequestId, request_id.to_owned()),
            ],
            failed: status >= 500,
        });
    }
}

/// Answers a request within its trace.
pub(crate) async fn within<T>(trace: Option<Followed>, answering: impl Future<Output = T>) -> T {
    FOLLOWED.scope(trace, answering).await
}

/// A command on its way into the log, within a trace that is followed.
pub(crate) struct Produced {
    request: Followed,
    context: TraceContext,
    topic: &'static str,
    order_id: Option<String>,
    began: SystemTime,
}

impl Produced {
    /// `None` outside a trace that is followed.
    pub(crate) fn begin(topic: &'static str, key: &str, timestamp_ms: i64) -> Option<Self> {
        let request = FOLLOWED.try_with(Clone::clone).ok().flatten()?;
        Some(Self {
            context: request.context.step("edge", topic, 0, timestamp_ms),
            request,
            topic,
            order_id: (topic == ORDER_COMMANDS.name).then(|| key.to_owned()),
            began: SystemTime::now(),
        })
    }

    /// The header that the record carries.
    pub(crate) fn header(&self) -> (String, Vec<u8>) {
        (TRACEPARENT.to_owned(), self.context.to_string().into_bytes())
    }

    /// The log has answered.
    pub(crate) fn end(self, appended: &Result<Acknowledged, CommandError>) {
        let mut attributes = vec![(Attribute::Topic, self.topic.to_owned())];
        attributes.extend(self.order_id.map(|order_id| (Attribute::OrderId, order_id)));
        if let Ok(place) = appended {
            attributes.push((Attribute::Partition, place.partition.to_string()));
            attributes.push((Attribute::Offset, place.offset.to_string()));
        }
        self.request.sink.take(Span {
            context: self.context,
            parent: Some(self.request.context.span()),
            name: format!("send {}", self.topic),
            kind: SpanKind::Producer,
            began: self.began,
            ended: SystemTime::now(),
            attributes,
            failed: appended.is_err(),
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn the_trace_of_a_caller_is_kept() {
        for given in [
            format!("00-{TRACE}-b7ad6b7169203331-01"),
            format!("01-{TRACE}-b7ad6b7169203331-01-more"),
        ] {
            let headers = HeaderMap::from_iter([(TRACEPARENT.parse().unwrap(), given.parse().unwrap())]);
            assert_eq!(trace_id(&headers, "own"), TRACE, "{given}");
        }
    }

    #[test]
    fn what_is_no_trace_context_begins_a_trace() {
        let zeros = "0".repeat(32);
        for given in [
            String::new(),
            format!("00-{TRACE}-b7ad6b7169203331"),
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{zeros}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-b7ad6b7169203331-0\u{1}").replace('\u{1}', "x"),
        ] {
            let headers = HeaderMap::from_iter([(TRACEPARENT.parse().unwrap(), given.parse().unwrap())]);
            assert_eq!(trace_id(&headers, "own"), "own", "{given}");
        }
        assert_eq!(trace_id(&HeaderMap::new(), "own"), "own");
    }

    #[test]
    fn a_context_that_comes_twice_is_none() {
        let mut headers = HeaderMap::new();
        for _ in 0..2 {
            headers.append(TRACEPARENT, format!("00-{TRACE}-b7ad6b7169203331-01").parse().unwrap());
        }
        assert_eq!(trace_id(&headers, "own"), "own");
    }
}

//! Trace context: which request a record goes back to, as W3C's `traceparent` says it.
//!
//! It is data of the record. Whatever a task makes of a record carries the context of the step that made it, and the id of a
//! step follows from the record's context and place, so that what is processed again is the same step. A record without a
//! context costs nothing, and its outputs have none; neither have those of a timer, whose cause lies in another request.

use std::fmt;

use crate::record::Headers;

/// The header's name.
pub const TRACEPARENT: &str = "traceparent";

/// A step of a trace that is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceContext {
    trace: u128,
    span: u64,
}

impl TraceContext {
    /// A step of a trace; neither may be 0.
    #[must_use]
    pub fn new(trace: u128, span: u64) -> Option<Self> {
        (trace != 0 && span != 0).then_some(Self { trace, span })
    }

    /// The step that made the record with these headers. `None` where there is none, or its trace is not sampled.
    #[must_use]
    pub fn of(headers: &Headers) -> Option<Self> {
        Self::parse(std::str::from_utf8(headers.last(TRACEPARENT)?).ok()?)
    }

    /// Reads `version-trace_id-span_id-flags`, in lower-case hexadecimal digits. Later versions may have more behind the flags.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let version = number(parts.next()?, 2)?;
        let (trace, span) = (number(parts.next()?, 32)?, number(parts.next()?, 16)?);
        let flags = number(parts.next()?, 2)?;
        let is_whole = version != 0 || parts.next().is_none();
        let is_sampled = flags & 1 == 1;
        let context = Self::new(trace, u64::try_from(span).ok()?)?;
        (is_whole && version != 0xff && is_sampled).then_some(context)
    }

    /// The id of the trace.
    #[must_use]
    pub fn trace(self) -> u128 {
        self.trace
    }

    /// The id of the step.
    #[must_use]
    pub fn span(self) -> u64 {
        self.span
    }

    /// The step in which `who` takes up the record of this context that stands at a place.
    #[must_use]
    pub fn step(self, who: &str, topic: &str, partition: i32, offset: i64) -> Self {
        let mut hash = Hash::new(self.span);
        hash.eat(who.as_bytes());
        hash.eat(topic.as_bytes());
        hash.eat(&partition.to_be_bytes());
        hash.eat(&offset.to_be_bytes());
        Self {
            trace: self.trace,
            span: hash.end(),
        }
    }

    /// Headers that carry this context, and no other.
    #[must_use]
    pub fn carried_by(self, headers: Headers) -> Headers {
        let mut headers = headers.without(TRACEPARENT);
        headers.push(TRACEPARENT, self.to_string().into_bytes());
        headers
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace, self.span)
    }
}

fn number(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex && text.len() == digits).then_some(())?;
    u128::from_str_radix(text, 16).ok()
}

/// FNV-1a, stirred at the end: ids must differ, and nobody guards anything with them.
struct Hash(u64);

impl Hash {
    fn new(seed: u64) -> Self {
        let mut hash = Self(0xcbf2_9ce4_8422_2325);
        hash.eat(&seed.to_be_bytes());
        hash
    }

    fn eat(&mut self, bytes: &[u8]) {
        // A byte that no name has keeps two names apart.
        for byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn end(self) -> u64 {
        let stirred = (self.0 ^ (self.0 >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (stirred ^ (stirred >> 29)).max(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_reads_back_as_it_was_written() {
        assert_eq!(TraceContext::parse(GIVEN).unwrap().to_string(), GIVEN);
    }

    #[test]
    fn what_is_not_sampled_or_no_context_is_none() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        for other in [
            String::new(),
            format!("00-{trace}-b7ad6b7169203331-00"),
            format!("00-{trace}-b7ad6b7169203331"),
            format!("{GIVEN}-more"),
            format!("ff-{trace}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            GIVEN.to_uppercase(),
            GIVEN.replace('7', "+"),
        ] {
            assert_eq!(TraceContext::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn a_step_is_the_same_again_and_differs_from_every_other() {
        let context = TraceContext::parse(GIVEN).unwrap();
        let step = context.step("orders", "order-commands", 1, 2);
        assert_eq!(step, context.step("orders", "order-commands", 1, 2));
        assert_eq!(step.trace(), context.trace());
        let others = [
            context.step("views", "order-commands", 1, 2),
            context.step("order", "sorder-commands", 1, 2),
            context.step("orders", "order-commands", 2, 1),
            step.step("orders", "order-commands", 1, 2),
        ];
        assert!(others.iter().all(|other| *other != step && *other != context));
    }

    #[test]
    fn headers_carry_one_context() {
        let context = TraceContext::parse(GIVEN).unwrap();
        let step = context.step("orders", "order-commands", 1, 2);
        let headers = step.carried_by(context.carried_by(Headers::default()));
        assert_eq!(TraceContext::of(&headers), Some(step));
        assert_eq!(headers.iter().count(), 1);
    }
}

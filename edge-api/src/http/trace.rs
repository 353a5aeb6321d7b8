//! The trace that a request belongs to (W3C Trace Context).

use axum::http::HeaderMap;

/// The name of the header.
const TRACEPARENT: &str = "traceparent";

/// The id of the caller's trace, or of a new one where the header is missing, comes twice or is no W3C trace context. A new
/// one has the request's own id, which is as long and as random as a trace id has to be.
#[must_use]
pub fn trace_id(headers: &HeaderMap, request_id: &str) -> String {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let only = given.next().filter(|_| given.next().is_none());
    let parsed = only.and_then(|value| parse(value.to_str().ok()?));
    parsed.unwrap_or(request_id).to_owned()
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

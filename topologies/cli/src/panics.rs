//! Panics as log lines: with the span that they happened in, so that one of a request has its id.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{PanicHookInfo, set_hook};

/// From now on a panic is one line of the log, and nothing beside it.
pub(crate) fn into_the_log() {
    set_hook(Box::new(tell));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    // Made only where the environment asks for it.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        target: "sluice::panic",
        cause = words(panic.payload()),
        location,
        thread = thread.name(),
        backtrace,
        "a panic: this is a defect, report it"
    );
}

/// What a panic says of itself.
fn words(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let string = || payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(string).unwrap_or("(it says nothing)")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::io;
    use std::panic::{catch_unwind, take_hook};
    use std::sync::mpsc::{Sender, channel};

    use serde_json::Value;
    use tracing_subscriber::fmt::format::JsonFields;

    use super::*;
    use crate::json_lines::JsonLines;

    struct Lines(Sender<Vec<u8>>);

    impl io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.send(line.to_owned()).map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_one_line_that_names_its_request() {
        let (take, taken) = channel();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines)
            .with_writer(move || Lines(take.clone()));
        let before = take_hook();
        into_the_log();
        tracing::subscriber::with_default(log.finish(), || {
            let request = tracing::info_span!("request", request_id = "17");
            let panicking = || request.in_scope(|| panic!("no such thing:\n{}", 1));
            assert!(catch_unwind(std::panic::AssertUnwindSafe(panicking)).is_err());
        });
        set_hook(before);
        let line: Value = serde_json::from_slice(&taken.try_recv().unwrap()).unwrap();
        let field = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!(
            (field("level"), field("request_id")),
            ("ERROR".to_owned(), "17".to_owned())
        );
        assert_eq!(field("cause"), "no such thing:\n1");
        assert!(field("location").contains("panics.rs:"), "{line}");
        assert!(taken.try_recv().is_err(), "one line is enough");
    }
}

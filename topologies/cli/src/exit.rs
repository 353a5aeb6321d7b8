//! Exit codes, the same for every command. They are documented in `sluice --help`.

use std::io::Write;
use std::process::ExitCode;

/// The command did what it was asked, and found nothing wrong.
pub(crate) const SUCCESS: u8 = 0;
/// Something failed.
pub(crate) const FAILURE: u8 = 1;
/// The request was refused before anything was changed: a plan with differences, an unsafe reset, wrong arguments (clap's own code).
pub(crate) const REFUSED: u8 = 2;
/// A service that is needed does not answer.
pub(crate) const UNAVAILABLE: u8 = 3;

/// The paragraph of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done, nothing wrong
  1  failed
  2  refused, nothing was changed (bad arguments, live members, a check that found differences)
  3  a service that is needed does not answer (Kafka, registry, Redis)";

/// An error that has its own exit code.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: u8,
    reason: String,
}

impl Refusal {
    /// A request that was refused, with what the operator does next.
    pub(crate) fn refused(reason: impl Into<String>) -> anyhow::Error {
        Self {
            code: REFUSED,
            reason: reason.into(),
        }
        .into()
    }

    /// A service that does not answer.
    pub(crate) fn unavailable(reason: impl Into<String>) -> anyhow::Error {
        Self {
            code: UNAVAILABLE,
            reason: reason.into(),
        }
        .into()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

/// Whether a service that is needed does not answer, so that the same may succeed later.
pub(crate) fn is_unavailable(error: &anyhow::Error) -> bool {
    code(error) == UNAVAILABLE
}

/// Prints an error with its causes and answers its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    // With standard error gone there is nobody to tell; the code still says it.
    drop(writeln!(std::io::stderr(), "sluice: {error:#}"));
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<Refusal>().map_or(FAILURE, |refusal| refusal.code)
}

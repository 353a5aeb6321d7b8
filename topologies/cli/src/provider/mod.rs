//! Payment providers: the port to them, the worker that carries calls of the payments topology to one, and the sandbox.

mod sandbox;
mod worker;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use clap::ValueEnum;
use commerce::payment::{ProviderCall, ProviderOutcome};

pub(crate) use sandbox::Sandbox;
pub(crate) use worker::{METRICS, ProviderWorker};

/// What a provider says to one call, in the order in which it says it. Nothing, where it does not answer or the answer is lost: then
/// what became of the call is not known, and it comes again. Several, where it tells its answer more than once.
pub(crate) type Said = Pin<Box<dyn Future<Output = Vec<ProviderOutcome>> + Send>>;

/// A payment provider.
///
/// It tells calls apart by their `call_id`, and a call that comes again is answered as before: the money moves once. Calls about
/// one payment come one at a time, each after the answer to the one before. A capture, void or refund names the payment by
/// its order. A payout is one call.
pub(crate) trait PaymentProvider: Send + Sync + 'static {
    /// Carries out a call, or says what has become of it.
    fn carry_out(&self, call: ProviderCall) -> Said;
}

/// The providers that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Provider {
    /// No money moves: what a card does follows from its token. See `sluice up --help`.
    Sandbox,
}

impl Provider {
    /// The way to it.
    pub(crate) fn open(self) -> Arc<dyn PaymentProvider> {
        match self {
            Self::Sandbox => Arc::new(Sandbox),
        }
    }
}

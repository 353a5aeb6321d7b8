//! Carries the calls of the payments topology to the payment provider, and its answers back.

use std::sync::Arc;

use commerce::authority::Actor;
use commerce::ids::RecordId;
use commerce::payment::{PaymentOperation, ProviderCall, ProviderOutcome, ProviderTask};
use commerce::topologies::payments;
use commerce::wire::{Meta, provider};
use runtime::metric::Metric;
use runtime::outside::{Answer, Answers, Call, Worker};
use runtime::{Machine as _, OsMachine};
use schemas::wire::provider::{ProviderAnswer, ProviderCall as WireCall};
use schemas::{AvroSerde, SchemaTable, topics};
use streams::serde::Serde as _;

use super::PaymentProvider;

const ANSWERS: Metric = Metric::counter(
    "sluice_provider_answers_total",
    &["operation", "outcome"],
    "What the payment provider has said: done, declined, or nothing, after which it is asked again.",
);

/// What a provider is asked to do about the payment of an order. Beside that it is asked for payouts.
const OPERATIONS: [PaymentOperation; 4] = [
    PaymentOperation::Authorize,
    PaymentOperation::Capture,
    PaymentOperation::Void,
    PaymentOperation::Refund,
];

const NO_ANSWER: &str = "none";

/// All of them.
pub(crate) const METRICS: &[Metric] = &[ANSWERS];

/// The worker of `provider-calls`.
pub(crate) struct ProviderWorker {
    provider: Arc<dyn PaymentProvider>,
    calls: AvroSerde<WireCall>,
    answers: AvroSerde<ProviderAnswer>,
}

impl ProviderWorker {
    /// Carries calls to `provider`.
    pub(crate) fn new(provider: Arc<dyn PaymentProvider>, schemas: &Arc<SchemaTable>) -> Self {
        let operations = OPERATIONS.iter().map(|operation| operation.word());
        for operation in operations.chain([ProviderTask::PAYOUT]) {
            for outcome in ["done", "declined", NO_ANSWER] {
                drop(ANSWERS.count(&[operation, outcome]));
            }
        }
        Self {
            provider,
            calls: AvroSerde::new(schemas),
            answers: AvroSerde::new(schemas),
        }
    }

    fn read(&self, call: &Call) -> Option<(WireCall, ProviderCall)> {
        let wire = self.calls.deserialize(Some(&call.value));
        let read = wire.map_err(|error| error.to_string()).and_then(|wire| {
            let asked = provider::call(wire.payload.clone()).map_err(|error| error.to_string())?;
            Ok((wire, asked))
        });
        read.inspect_err(|error| tracing::error!(%error, "a call to the payment provider cannot be read"))
            .ok()
    }

    fn answer(&self, wire: &WireCall, call: &ProviderCall, outcome: ProviderOutcome) -> Option<Answer> {
        let meta = Meta {
            id: RecordId(format!("{}.answered", wire.id)),
            seq: 0,
            at: OsMachine.now_ms(),
            actor: Actor::system(payments::NAME),
            causation: wire.id.clone(),
            correlation: wire.correlation.clone(),
        };
        let mut value = Vec::new();
        let answer = meta.envelope(provider::answer_to_wire(call, outcome));
        let written = self.answers.serialize(&answer, &mut value);
        written
            .inspect_err(|error| tracing::error!(%error, call = call.call_id, "an answer cannot be written"))
            .ok()
            .map(|_| Answer::new(value))
    }
}

impl Worker for ProviderWorker {
    fn calls(&self) -> &'static str {
        topics::PROVIDER_CALLS.name
    }

    fn answers(&self) -> &'static str {
        topics::PROVIDER_ANSWERS.name
    }

    /// A call that is under way is not carried out a second time because its answer takes long.
    fn identity(&self, call: &Call) -> Vec<u8> {
        let asked = self.read(call);
        asked.map_or_else(|| call.value.clone(), |(_, asked)| asked.call_id.into_bytes())
    }

    fn carry_out(self: Arc<Self>, call: Call) -> Answers {
        Box::pin(async move {
            let Some((wire, asked)) = self.read(&call) else {
                return Vec::new();
            };
            let said = self.provider.carry_out(asked.clone()).await;
            let operation = asked.task.word();
            if said.is_empty() {
                ANSWERS.count(&[operation, NO_ANSWER]).increment(1);
                warn_of_silence(&asked);
            }
            for outcome in &said {
                ANSWERS.count(&[operation, word(*outcome)]).increment(1);
            }
            let answers = said
                .into_iter()
                .filter_map(|outcome| self.answer(&wire, &asked, outcome));
            answers.collect()
        })
    }
}

fn warn_of_silence(asked: &ProviderCall) {
    let (operation, attempt) = (asked.task.word(), asked.attempt);
    match &asked.task {
        ProviderTask::Step(order_id, _) => tracing::warn!(
            %order_id, operation, attempt,
            "the payment provider does not say what became of a call: it is asked again"
        ),
        ProviderTask::Payout(payout_id) => tracing::warn!(
            %payout_id, attempt,
            "the payment provider does not say what became of a payout: it is asked again"
        ),
    }
}

fn word(outcome: ProviderOutcome) -> &'static str {
    match outcome {
        ProviderOutcome::Done => "done",
        ProviderOutcome::Declined => "declined",
    }
}

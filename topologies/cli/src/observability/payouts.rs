//! What becomes of payouts: metrics and log lines of the events that the payments topology has committed.

use std::sync::Arc;

use runtime::metric::Metric;
use schemas::wire::payment::{PaymentEvent, PaymentEventPayload};
use schemas::{AvroSerde, SchemaTable, topics};
use streams::serde::Serde as _;
use streams::{OutputRecord, TaskId};

const PAYOUTS: Metric = Metric::counter(
    "sluice_payouts_total",
    &["event"],
    "Committed events of payouts to cards: requested, paid, returned, unknown (no answer in time), contradicted (two different ones).",
);

/// All of them.
pub(crate) const METRICS: &[Metric] = &[PAYOUTS];

/// The target of the lines about payouts, for filters.
const TARGET: &str = "sluice::payouts";

/// The outputs of one thread since its last commit.
pub(super) struct Payouts {
    serde: AvroSerde<PaymentEvent>,
    told: Vec<Told>,
}

/// An event of a payout that counts once it is committed.
struct Told {
    task: TaskId,
    event: Event,
    payout_id: String,
    account_id: String,
}

/// What happens to a payout.
#[derive(Debug, Clone, Copy)]
enum Event {
    Requested,
    Paid,
    Returned,
    Unknown,
    Contradicted,
}

impl Event {
    const ALL: [Self; 5] = [
        Self::Requested,
        Self::Paid,
        Self::Returned,
        Self::Unknown,
        Self::Contradicted,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Paid => "paid",
            Self::Returned => "returned",
            Self::Unknown => "unknown",
            Self::Contradicted => "contradicted",
        }
    }
}

impl Payouts {
    pub(super) fn new(schemas: &Arc<SchemaTable>) -> Self {
        for event in Event::ALL {
            drop(PAYOUTS.count(&[event.word()]));
        }
        Self {
            serde: AvroSerde::new(schemas),
            told: Vec::new(),
        }
    }

    pub(super) fn wants(topic: &str) -> bool {
        topic == topics::PAYMENT_EVENTS.name
    }

    pub(super) fn output(&mut self, task: TaskId, record: &OutputRecord<'_>) {
        let event = self.serde.deserialize(record.value);
        let told = event.ok().and_then(|event| of_payout(event.payload));
        self.told.extend(told.map(|(event, payout_id, account_id)| Told {
            task,
            event,
            payout_id,
            account_id,
        }));
    }

    pub(super) fn committed(&mut self) {
        self.told.drain(..).for_each(|told| told.tell());
    }

    pub(super) fn dropped(&mut self) {
        self.told.clear();
    }
}

impl Told {
    fn tell(&self) {
        let Self {
            task,
            event,
            payout_id,
            account_id,
        } = self;
        PAYOUTS.count(&[event.word()]).increment(1);
        match event {
            Event::Requested => tracing::debug!(target: TARGET, payout_id, account_id, %task, "a payout is on its way"),
            Event::Paid => tracing::info!(target: TARGET, payout_id, account_id, %task, "the payout has arrived"),
            Event::Returned => {
                tracing::info!(target: TARGET, payout_id, account_id, %task, "the payout was declined and is back");
            }
            Event::Unknown => {
                tracing::warn!(target: TARGET, payout_id, account_id, %task, "nobody says what became of the payout");
            }
            Event::Contradicted => tracing::error!(
                target: TARGET, payout_id, account_id, %task,
                "the payment provider has said two different things about the payout: the first is in the books"
            ),
        }
    }
}

/// What an event says about a payout: what happened, the payout and the account.
fn of_payout(payload: PaymentEventPayload) -> Option<(Event, String, String)> {
    match payload {
        PaymentEventPayload::PayoutRequested(one) => Some((Event::Requested, one.withdrawal_id, one.account_id)),
        PaymentEventPayload::PayoutPaid(one) => Some((Event::Paid, one.withdrawal_id, one.account_id)),
        PaymentEventPayload::PayoutReturned(one) => Some((Event::Returned, one.withdrawal_id, one.account_id)),
        PaymentEventPayload::PayoutUnknown(one) => {
            let event = if one.contradicted {
                Event::Contradicted
            } else {
                Event::Unknown
            };
            Some((event, one.withdrawal_id, one.account_id))
        }
        _ => None,
    }
}

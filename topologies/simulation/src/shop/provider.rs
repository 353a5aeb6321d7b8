//! The payment provider of the shop's cards and of its payouts, outside of everything that is killed.
//!
//! It carries each call out once, however often it is asked, and keeps books of its own. What it hears, when it answers and how often
//! is up to the seed: a call may be lost on its way, and so may its answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemas::topics::{PROVIDER_ANSWERS, PROVIDER_CALLS};
use schemas::wire::envelope::{Actor, Role};
use schemas::wire::provider::{
    AskProvider, ProviderAnswer, ProviderAnswerPayload, ProviderAnswered, ProviderCall, ProviderCallPayload,
    ProviderOperation, ProviderOutcome,
};
use schemas::{AvroSerde, SchemaTable};
use streams::serde::Serde;

use super::topic::Reader;
use crate::sometimes::Moment;
use crate::workload::Stage;
use crate::world::World;

/// How often it looks for calls.
const LOOK: Duration = Duration::from_millis(20);
/// How long it takes for most answers.
const PROMPT: std::ops::Range<Duration> = Duration::from_millis(1)..Duration::from_millis(400);
/// How long it takes for the others: some calls are sent again meanwhile.
const LATE: std::ops::Range<Duration> = Duration::from_secs(1)..Duration::from_secs(25);
/// Times in a thousand that an answer is late.
const IS_LATE: u64 = 100;
/// Times in a thousand that a call is lost on its way to it.
const UNHEARD: u64 = 60;
/// Times in a thousand that nobody hears its answer.
const UNANSWERED: u64 = 60;
/// A call is lost, or its answer, so many times at most: the next one would be too late for the end of a run.
const LOST_MAX: i32 = 2;
/// Whoever sends a call with a clock that is farther off sends it again when that clock says so, which may be long after a run.
const CLOCK_OFF_MS: u64 = 1_000;
/// Times in a thousand that it answers twice.
const TWICE: u64 = 80;
/// Times in a thousand that it declines a hold, what it has held, a refund, or a payout.
const DECLINES: [(ProviderOperation, u64); 4] = [
    (ProviderOperation::Authorize, 150),
    (ProviderOperation::Capture, 60),
    (ProviderOperation::Refund, 250),
    (ProviderOperation::Payout, 250),
];

/// The provider. Clones are the same.
#[derive(Clone)]
pub(super) struct Provider {
    stage: Stage,
    calls: Arc<AvroSerde<ProviderCall>>,
    answers: Arc<AvroSerde<ProviderAnswer>>,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    reader: Reader,
    carried_out: BTreeMap<String, CarriedOut>,
    found: Vec<String>,
}

/// A call that was carried out.
#[derive(Debug, Clone)]
pub(super) struct CarriedOut {
    pub(super) account_id: String,
    /// The order, or the withdrawal of a payout.
    pub(super) order_id: String,
    pub(super) operation: ProviderOperation,
    pub(super) amount: i64,
    pub(super) outcome: ProviderOutcome,
}

impl CarriedOut {
    /// Whether money was to go to a card, and is the wallet's because it did not.
    pub(super) fn is_left_to_the_wallet(&self) -> bool {
        let is_for_a_card = matches!(self.operation, ProviderOperation::Refund | ProviderOperation::Payout);
        is_for_a_card && self.outcome == ProviderOutcome::Declined
    }
}

impl Provider {
    /// Opens for business.
    pub(super) fn open(stage: &Stage, schemas: &Arc<SchemaTable>) -> Self {
        let provider = Self {
            stage: stage.clone(),
            calls: Arc::new(AvroSerde::new(schemas)),
            answers: Arc::new(AvroSerde::new(schemas)),
            books: Arc::default(),
        };
        let looking = provider.clone();
        stage.kafka.world.after(LOOK, move |_| looking.look());
        provider
    }

    /// Everything that was carried out.
    pub(super) fn carried_out(&self) -> Vec<CarriedOut> {
        self.books().carried_out.values().cloned().collect()
    }

    /// What is wrong with what it was asked since the last call.
    pub(super) fn observe(&self) -> Vec<String> {
        std::mem::take(&mut self.books().found)
    }

    fn look(self) {
        let calls = self.books().reader.records(&self.stage, PROVIDER_CALLS.name);
        for (_, record) in calls {
            let account = record.key.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            match self.calls.deserialize(record.value.as_deref()) {
                Ok(call) => self.hear(&account, &call),
                Err(error) => self.books().found.push(format!("a call to the provider: {error}")),
            }
        }
        let world = self.stage.kafka.world.clone();
        world.after(LOOK, move |_| self.look());
    }

    fn hear(&self, account: &str, call: &ProviderCall) {
        let ProviderCallPayload::AskProvider(asked) = &call.payload;
        let world = &self.stage.kafka.world;
        let happens = |times| world.draw(|random| random.permille(times));
        let off_ms = call.at.abs_diff(world.clock_ms(self.stage.outside));
        let may_be_lost = asked.attempt <= LOST_MAX && off_ms < CLOCK_OFF_MS;
        if may_be_lost && happens(UNHEARD) {
            world.reached(Moment::ProviderSilent);
            return;
        }
        let outcome = self.carry_out(account, call);
        if may_be_lost && happens(UNANSWERED) {
            world.reached(Moment::ProviderSilent);
            return;
        }
        for _ in 0..=u32::from(happens(TWICE)) {
            let after = if happens(IS_LATE) { LATE } else { PROMPT };
            self.answer(account, call, outcome, world.draw(|random| random.time(after)));
        }
    }

    /// What becomes of a call, and became of it the first time.
    fn carry_out(&self, account: &str, call: &ProviderCall) -> ProviderOutcome {
        let ProviderCallPayload::AskProvider(asked) = &call.payload;
        let world = &self.stage.kafka.world;
        let mut books = self.books();
        if let Some(known) = books.carried_out.get(&asked.call_id).cloned() {
            if (known.operation, known.amount) != (asked.operation, asked.amount.amount) {
                books.found.push(format!("{asked:?} was {known:?} before"));
            }
            return known.outcome;
        }
        let wrong = books.objection(asked);
        books.found.extend(wrong);
        let declined = DECLINES
            .iter()
            .find(|(operation, _)| *operation == asked.operation)
            .is_some_and(|(_, times)| world.draw(|random| random.permille(*times)));
        let outcome = if declined {
            note_declined(world, asked.operation);
            ProviderOutcome::Declined
        } else {
            ProviderOutcome::Done
        };
        let carried_out = CarriedOut {
            account_id: account.to_owned(),
            order_id: asked.order_id.clone(),
            operation: asked.operation,
            amount: asked.amount.amount,
            outcome,
        };
        books.carried_out.insert(asked.call_id.clone(), carried_out);
        outcome
    }

    fn answer(&self, account: &str, call: &ProviderCall, outcome: ProviderOutcome, after: Duration) {
        let ProviderCallPayload::AskProvider(asked) = &call.payload;
        let (world, process) = (self.stage.kafka.world.clone(), self.stage.outside);
        let answer = ProviderAnswer {
            id: format!("{}.answered", call.id),
            seq: 0,
            at: world.clock_ms(process),
            actor: Actor {
                account_id: "payments".to_owned(),
                role: Role::System,
            },
            causation: call.id.clone(),
            correlation: call.correlation.clone(),
            payload: ProviderAnswerPayload::ProviderAnswered(ProviderAnswered {
                call_id: asked.call_id.clone(),
                order_id: asked.order_id.clone(),
                operation: asked.operation,
                outcome,
            }),
        };
        let mut value = Vec::new();
        if let Err(error) = self.answers.serialize(&answer, &mut value) {
            self.books().found.push(format!("an answer of the provider: {error}"));
            return;
        }
        let (stage, key) = (self.stage.clone(), account.as_bytes().to_vec());
        let work = move || {
            stage.kafka.world.sleep(after);
            stage.put(&stage.commands(), PROVIDER_ANSWERS.name, key, value);
        };
        world.spawn(process, Box::new(work));
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// Why a provider would not understand what it is asked for the first time.
    fn objection(&self, asked: &AskProvider) -> Option<String> {
        let of_order = || self.carried_out.values().filter(|one| one.order_id == asked.order_id);
        let total = |operation| -> i64 {
            let done = |one: &&CarriedOut| one.operation == operation && one.outcome == ProviderOutcome::Done;
            of_order().filter(done).map(|one| one.amount).sum()
        };
        let (held, taken) = (total(ProviderOperation::Authorize), total(ProviderOperation::Capture));
        let open = held - taken - total(ProviderOperation::Void);
        let amount = asked.amount.amount;
        let is_right = match asked.operation {
            ProviderOperation::Authorize | ProviderOperation::Payout => of_order().next().is_none() && amount > 0,
            ProviderOperation::Capture | ProviderOperation::Void => amount == open,
            ProviderOperation::Refund => amount > 0 && amount <= taken - total(ProviderOperation::Refund),
            ProviderOperation::Unknown => false,
        };
        (!is_right).then(|| {
            let before: Vec<_> = of_order().collect();
            format!("I2: the provider is asked {asked:?} after {before:?}")
        })
    }
}

fn note_declined(world: &World, operation: ProviderOperation) {
    world.reached(match operation {
        ProviderOperation::Refund => Moment::CardRefundDeclined,
        ProviderOperation::Payout => Moment::PayoutDeclined,
        ProviderOperation::Authorize
        | ProviderOperation::Capture
        | ProviderOperation::Void
        | ProviderOperation::Unknown => Moment::CardDeclined,
    });
}

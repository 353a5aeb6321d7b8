//! Puts commands into the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use planted::Bug;
use runtime::commands::{Acknowledged, CommandError, CommandLog, CommandRecord};
use runtime::queries::Freshness;
use schemas::topics::{ACCOUNT_COMMANDS, ORDER_COMMANDS, PAYMENT_COMMANDS, PRODUCT_COMMANDS, REVOCATIONS, TopicSpec};
use schemas::wire::Wire;
use schemas::wire::account::AccountCommand;
use schemas::wire::envelope::Envelope;
use schemas::wire::order::OrderCommand;
use schemas::wire::payment::PaymentCommand;
use schemas::wire::product::ProductCommand;
use schemas::wire::revocation::Revocation;
use schemas::{AvroSerde, SchemaTable};
use streams::partition::partition_for_key;
use streams::serde::{Serde, SharedSerde};

use crate::http::trace;
use crate::lately::Lately;
use crate::limits::ACCEPTED_MAX;
use crate::metrics;
use crate::problem::{Code, Problem};

/// How each kind of command becomes bytes.
#[derive(Clone)]
pub struct CommandSerdes {
    /// For `account-commands`.
    pub account: SharedSerde<AccountCommand>,
    /// For `product-commands`.
    pub product: SharedSerde<ProductCommand>,
    /// For `payment-commands`.
    pub payment: SharedSerde<PaymentCommand>,
    /// For `order-commands`.
    pub order: SharedSerde<OrderCommand>,
    /// For `revocations`.
    pub revocation: SharedSerde<Revocation>,
}

impl CommandSerdes {
    /// The topics that a gateway writes.
    pub const TOPICS: [&'static TopicSpec; 5] = [
        &ACCOUNT_COMMANDS,
        &ORDER_COMMANDS,
        &PAYMENT_COMMANDS,
        &PRODUCT_COMMANDS,
        &REVOCATIONS,
    ];

    /// Avro, with the schema ids that `table` knows.
    #[must_use]
    pub fn avro(table: &Arc<SchemaTable>) -> Self {
        Self {
            account: Arc::new(AvroSerde::new(table)),
            product: Arc::new(AvroSerde::new(table)),
            payment: Arc::new(AvroSerde::new(table)),
            order: Arc::new(AvroSerde::new(table)),
            revocation: Arc::new(AvroSerde::new(table)),
        }
    }
}

/// What a gateway appends: its topic, and its serde among [`CommandSerdes`].
pub trait Command: Wire {
    /// The serde of this kind.
    fn serde(serdes: &CommandSerdes) -> &SharedSerde<Self>;

    /// When it was given, in milliseconds since the epoch.
    fn at(&self) -> i64;
}

macro_rules! command {
    ($kind:ident, $serde:ident) => {
        impl Command for $kind {
            fn serde(serdes: &CommandSerdes) -> &SharedSerde<Self> {
                &serdes.$serde
            }

            fn at(&self) -> i64 {
                at(self)
            }
        }
    };
}

command!(AccountCommand, account);
command!(ProductCommand, product);
command!(PaymentCommand, payment);
command!(OrderCommand, order);

impl Command for Revocation {
    fn serde(serdes: &CommandSerdes) -> &SharedSerde<Self> {
        &serdes.revocation
    }

    fn at(&self) -> i64 {
        self.revoked_at
    }
}

fn at<P>(envelope: &Envelope<P>) -> i64 {
    envelope.at
}

/// Where a stored command stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    topic: &'static str,
    acknowledged: Acknowledged,
}

impl Receipt {
    /// A read with this freshness has seen the command.
    #[must_use]
    pub fn seen(&self) -> Freshness {
        Freshness::After {
            topic: self.topic.to_owned(),
            partition: self.acknowledged.partition,
            next: self.acknowledged.offset.saturating_add(1),
        }
    }
}

/// Where the last command for each key stands that went through this gateway. A read that follows its own write needs no other
/// answer, and the log is not asked.
#[derive(Debug)]
pub struct Accepted(Mutex<Lately<Receipt>>);

impl Default for Accepted {
    fn default() -> Self {
        Self(Mutex::new(Lately::new(ACCEPTED_MAX)))
    }
}

impl Accepted {
    /// Remembers the command for `key`.
    pub fn note(&self, key: &str, receipt: &Receipt) {
        self.lock().insert(key, receipt.clone());
    }

    /// The freshness that has seen the last command for `key` in `topic`, if it went through here lately.
    #[must_use]
    pub fn seen(&self, topic: &str, key: &str) -> Option<Freshness> {
        let accepted = self.lock();
        accepted
            .get(key)
            .filter(|receipt| receipt.topic == topic)
            .map(Receipt::seen)
    }

    fn lock(&self) -> MutexGuard<'_, Lately<Receipt>> {
        // Each change leaves the memory whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Appends `command` under `key`. The receipt means that it is durable; without one nothing may be claimed.
pub async fn append<C: Command>(
    log: &dyn CommandLog,
    serdes: &CommandSerdes,
    key: &str,
    command: &C,
) -> Result<Receipt, Problem> {
    let value = encode(C::serde(serdes), command)?;
    store(log, C::topic().name, key, Some(value), command.at()).await
}

/// Appends the end of `key` in the topic of `C`.
pub async fn remove<C: Command>(log: &dyn CommandLog, key: &str, now_ms: i64) -> Result<Receipt, Problem> {
    store(log, C::topic().name, key, None, now_ms).await
}

async fn store(
    log: &dyn CommandLog,
    topic: &'static str,
    key: &str,
    value: Option<Vec<u8>>,
    timestamp_ms: i64,
) -> Result<Receipt, Problem> {
    let produced = trace::Produced::begin(topic, key, timestamp_ms);
    let record = CommandRecord {
        topic: topic.to_owned(),
        key: key.as_bytes().to_vec(),
        value,
        headers: produced.iter().map(trace::Produced::header).collect(),
        timestamp_ms,
    };
    let started = Instant::now();
    let mut appended = log.append(record).await;
    if planted::is(Bug::AcceptedUnstored) {
        appended = Ok(appended.unwrap_or(Acknowledged {
            partition: 0,
            offset: 0,
        }));
    }
    metrics::command_appended(topic, outcome(&appended), started.elapsed());
    if let Some(produced) = produced {
        produced.end(&appended);
    }
    if topic == ORDER_COMMANDS.name {
        tracing::info!(target: "sluice::orders", order_id = key, topic, outcome = outcome(&appended), "a command of an order");
    }
    appended
        .map(|acknowledged| Receipt { topic, acknowledged })
        .map_err(|error| refuse(topic, &error))
}

/// The freshness that has seen everything that stands in the partition of `key` by now.
pub async fn everything_by_now(log: &dyn CommandLog, topic: &'static str, key: &str) -> Result<Freshness, Problem> {
    let partitions = log.partitions(topic).map_err(|error| refuse(topic, &error))?;
    let partition = partition_for_key(key.as_bytes(), partitions);
    let next = log
        .end_offset(topic, partition)
        .await
        .map_err(|error| refuse(topic, &error))?;
    // An empty partition has no position to wait for.
    Ok(if next > 0 {
        Freshness::After {
            topic: topic.to_owned(),
            partition,
            next,
        }
    } else {
        Freshness::Committed
    })
}

fn encode<C: Command>(serde: &SharedSerde<C>, command: &C) -> Result<Vec<u8>, Problem> {
    let mut value = Vec::new();
    Serde::serialize(serde.as_ref(), command, &mut value).map_err(|error| {
        tracing::error!(topic = C::topic().name, %error, "a command cannot be encoded");
        Problem::new(
            Code::Unavailable,
            "The schema registry has not answered yet. Nothing was stored.",
        )
    })?;
    Ok(value)
}

fn outcome(appended: &Result<Acknowledged, CommandError>) -> &'static str {
    match appended {
        Ok(_) => "stored",
        Err(CommandError::Unavailable(_)) => "unavailable",
        Err(CommandError::Refused(_)) => "refused",
    }
}

fn refuse(topic: &str, error: &CommandError) -> Problem {
    match error {
        CommandError::Unavailable(_) => {
            tracing::warn!(topic, %error, "the log does not answer");
            Problem::new(
                Code::Unavailable,
                "The log does not answer now. Send the same request again.",
            )
        }
        CommandError::Refused(_) => Problem::internal(format!("{topic}: {error}")),
    }
}

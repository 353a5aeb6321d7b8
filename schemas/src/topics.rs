//! The one page of topics: everything that anybody outside may read or write.
//!
//! Internal topics (changelogs, repartitions, task topics, dead letters) follow from the application
//! id and are not listed: their contents are private to the topology.

use std::sync::OnceLock;

use crate::evolution::Level;

/// Partitions of a topic unless the operator says otherwise. Topics that are joined by key need equal
/// numbers, so all have the same.
pub const PARTITIONS_DEFAULT: i32 = 6;

/// Seven days, in milliseconds: how long a command or a reply stays readable.
pub const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Thirty days, in milliseconds: how long what was given up stays readable.
pub const MONTH_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The `retention.ms` of a topic from which nothing is ever removed.
pub const FOREVER_MS: i64 = -1;

/// What a record of a topic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asks for something, in the imperative.
    Command,
    /// Says that something happened, in the past tense.
    Event,
    /// The newest snapshot of its key; a null is the end of the key.
    State,
    /// Answers a command, keyed by who asked.
    Reply,
}

/// What Kafka may remove from a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Records older than this many milliseconds; [`FOREVER_MS`] keeps all.
    Delete {
        /// `retention.ms` of the topic.
        retention_ms: i64,
    },
    /// Every record but the newest of its key.
    Compact,
}

/// One topic.
#[derive(Debug)]
pub struct TopicSpec {
    /// Its name in Kafka.
    pub name: &'static str,
    /// Its subject in the schema registry.
    pub subject: &'static str,
    /// What the key of a record is.
    pub key: &'static str,
    /// What a record is.
    pub kind: Kind,
    /// What Kafka may remove.
    pub cleanup: Cleanup,
    /// Full name of the record type, `sluice.OrderEvent`.
    pub record: &'static str,
    /// The current schema as Avro JSON.
    pub schema: &'static str,
    /// Every version that was ever released, oldest first; the last equals `schema`.
    pub history: &'static [&'static str],
    parsed: OnceLock<serde_avro_fast::Schema>,
}

impl TopicSpec {
    /// What a new version of the schema has to keep.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self.kind {
            Kind::Command | Kind::Event | Kind::Reply => Level::BackwardTransitive,
            Kind::State => Level::Full,
        }
    }

    /// The current schema, parsed once per process.
    #[expect(clippy::expect_used, reason = "the text is compiled in, and a test parses every one")]
    pub(crate) fn parsed(&'static self) -> &'static serde_avro_fast::Schema {
        self.parsed
            .get_or_init(|| self.schema.parse().expect("a compiled-in schema parses"))
    }
}

/// Every topic, by name.
#[must_use]
pub fn topics() -> &'static [&'static TopicSpec] {
    &TOPICS
}

/// The topics that exist only where webhooks are wanted.
#[must_use]
pub fn webhooks() -> [&'static TopicSpec; 3] {
    [&WEBHOOK_ANSWERS, &WEBHOOK_CALLS, &WEBHOOK_DEAD_LETTERS]
}

/// The topic with this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static TopicSpec> {
    TOPICS.iter().copied().find(|topic| topic.name == name)
}

/// The topic with this registry subject.
#[must_use]
pub fn by_subject(subject: &str) -> Option<&'static TopicSpec> {
    TOPICS.iter().copied().find(|topic| topic.subject == subject)
}

static TOPICS: [&TopicSpec; 21] = [
    &ACCOUNT_COMMANDS,
    &ACCOUNT_EVENTS,
    &ACCOUNTS,
    &CREDENTIALS,
    &LEDGER_ENTRIES,
    &ORDER_COMMANDS,
    &ORDER_EVENTS,
    &ORDERS,
    &PAYMENT_COMMANDS,
    &PAYMENT_EVENTS,
    &PRODUCT_COMMANDS,
    &PRODUCTS,
    &PROVIDER_ANSWERS,
    &PROVIDER_CALLS,
    &REVOCATIONS,
    &STOCK_COMMANDS,
    &STOCK_EVENTS,
    &STOCK_REPLIES,
    &WEBHOOK_ANSWERS,
    &WEBHOOK_CALLS,
    &WEBHOOK_DEAD_LETTERS,
];

const WEEK: Cleanup = Cleanup::Delete { retention_ms: WEEK_MS };
const MONTH: Cleanup = Cleanup::Delete { retention_ms: MONTH_MS };
const FOREVER: Cleanup = Cleanup::Delete {
    retention_ms: FOREVER_MS,
};

/// Declares a topic: constant, name, record, key, kind, cleanup, released versions.
macro_rules! topic {
    ($(#[$doc:meta])* $constant:ident, $name:literal, $record:literal, key $key:literal, $kind:ident, $cleanup:expr, [$($version:literal),+]) => {
        $(#[$doc])*
        pub static $constant: TopicSpec = TopicSpec {
            name: $name,
            subject: concat!($name, "-value"),
            key: $key,
            kind: Kind::$kind,
            cleanup: $cleanup,
            record: concat!("sluice.", $record),
            schema: include_str!(concat!("../avro/", $name, ".avsc")),
            history: &[$(include_str!(concat!("../avro/history/", $name, "/", $version, ".avsc"))),+],
            parsed: OnceLock::new(),
        };
    };
}

topic!(
    /// Commands to the accounts topology.
    ACCOUNT_COMMANDS, "account-commands", "AccountCommand", key "login key", Command, WEEK, ["v1", "v2", "v3", "v4"]
);
topic!(
    /// What happened to accounts.
    ACCOUNT_EVENTS, "account-events", "AccountEvent", key "account id", Event, FOREVER, ["v1"]
);
topic!(
    /// Accounts as other topologies may see them.
    ACCOUNTS, "accounts", "Account", key "account id", State, Cleanup::Compact, ["v1"]
);
topic!(
    /// What logins are checked against. Readable by the accounts topology and the edge only.
    CREDENTIALS, "credentials", "Credential", key "login key", State, Cleanup::Compact, ["v1", "v2", "v3"]
);
topic!(
    /// Double-entry postings.
    LEDGER_ENTRIES, "ledger-entries", "LedgerEntry", key "account id", Event, FOREVER, ["v1", "v2", "v3"]
);
topic!(
    /// Commands of buyers.
    ORDER_COMMANDS, "order-commands", "OrderCommand", key "order id", Command, WEEK, ["v1", "v2", "v3"]
);
topic!(
    /// What happened to orders: the record of truth.
    ORDER_EVENTS, "order-events", "OrderEvent", key "order id", Event, FOREVER, ["v1", "v2", "v3", "v4"]
);
topic!(
    /// Orders as views and consumers read them.
    ORDERS, "orders", "Order", key "order id", State, Cleanup::Compact, ["v1", "v2", "v3"]
);
topic!(
    /// Commands to wallets.
    PAYMENT_COMMANDS, "payment-commands", "PaymentCommand", key "account id of the owner", Command, WEEK, ["v1", "v2", "v3", "v4"]
);
topic!(
    /// What happened to payments; deposits and withdrawals are keyed by account id.
    PAYMENT_EVENTS, "payment-events", "PaymentEvent", key "order id", Event, FOREVER, ["v1", "v2", "v3", "v4"]
);
topic!(
    /// Commands of sellers.
    PRODUCT_COMMANDS, "product-commands", "ProductCommand", key "product id", Command, WEEK, ["v1", "v2"]
);
topic!(
    /// Products with price and stock.
    PRODUCTS, "products", "Product", key "product id", State, Cleanup::Compact, ["v1"]
);
topic!(
    /// What the payment provider has said, for the payments topology.
    PROVIDER_ANSWERS, "provider-answers", "ProviderAnswer", key "account id of the owner", Reply, WEEK, ["v1", "v2"]
);
topic!(
    /// What the payments topology asks of the payment provider.
    PROVIDER_CALLS, "provider-calls", "ProviderCall", key "account id of the owner", Command, WEEK, ["v1", "v2"]
);
topic!(
    /// Sessions that ended before their time.
    REVOCATIONS, "revocations", "Revocation", key "session id or account id", State, Cleanup::Compact, ["v1", "v2"]
);
topic!(
    /// Commands of the orders topology to the stock.
    STOCK_COMMANDS, "stock-commands", "StockCommand", key "product id", Command, WEEK, ["v1", "v2"]
);
topic!(
    /// The stock ledger.
    STOCK_EVENTS, "stock-events", "StockEvent", key "product id", Event, FOREVER, ["v1", "v2", "v3"]
);
topic!(
    /// Answers of the stock to the orders topology.
    STOCK_REPLIES, "stock-replies", "StockReply", key "order id", Reply, WEEK, ["v1", "v2"]
);
topic!(
    /// What the webhooks' worker and operators say about deliveries.
    WEBHOOK_ANSWERS, "webhook-answers", "WebhookAnswer", key "order id", Reply, WEEK, ["v1"]
);
topic!(
    /// What the webhooks topology asks its worker to deliver.
    WEBHOOK_CALLS, "webhook-calls", "WebhookCall", key "order id", Command, WEEK, ["v1"]
);
topic!(
    /// Deliveries that were given up.
    WEBHOOK_DEAD_LETTERS, "webhook-dead-letters", "WebhookDeadLetter", key "order id", Event, MONTH, ["v1"]
);

#[cfg(test)]
impl TopicSpec {
    /// The same topic with another current schema.
    pub(crate) const fn with_schema(&self, schema: &'static str) -> Self {
        Self {
            name: self.name,
            subject: self.subject,
            key: self.key,
            kind: self.kind,
            cleanup: self.cleanup,
            record: self.record,
            schema,
            history: self.history,
            parsed: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn parsed(topic: &TopicSpec) -> Value {
        serde_json::from_str(topic.schema).unwrap()
    }

    /// Calls `visit` with every record, enum and field of a schema.
    fn walk(node: &Value, visit: &mut dyn FnMut(&Value)) {
        if let Value::Object(object) = node {
            if object.contains_key("name") {
                visit(node);
            }
            for child in ["type", "fields", "items"] {
                object.get(child).into_iter().for_each(|child| walk(child, visit));
            }
        }
        node.as_array()
            .into_iter()
            .flatten()
            .for_each(|child| walk(child, visit));
    }

    #[test]
    fn every_topic_parses_and_its_record_is_the_root_of_its_schema() {
        for topic in topics() {
            let schema = parsed(topic);
            let (namespace, name) = (schema["namespace"].as_str().unwrap(), schema["name"].as_str().unwrap());
            assert_eq!(format!("{namespace}.{name}"), topic.record);
            assert_eq!(
                topic.parsed().json(),
                topic.schema.parse::<serde_avro_fast::Schema>().unwrap().json()
            );
        }
    }

    #[test]
    fn topics_are_sorted_and_their_subjects_follow_their_names() {
        let names: Vec<_> = topics().iter().map(|topic| topic.name).collect();
        assert!(names.is_sorted());
        for topic in topics() {
            assert_eq!(topic.subject, format!("{}-value", topic.name));
            assert!(std::ptr::eq(by_name(topic.name).unwrap(), *topic));
            assert!(std::ptr::eq(by_subject(topic.subject).unwrap(), *topic));
        }
    }

    #[test]
    fn only_state_is_compacted() {
        for topic in topics() {
            assert_eq!(
                topic.kind == Kind::State,
                topic.cleanup == Cleanup::Compact,
                "{}",
                topic.name
            );
        }
    }

    #[test]
    fn every_type_and_field_is_documented_and_every_enum_can_grow() {
        for topic in topics() {
            walk(&parsed(topic), &mut |node| {
                assert!(
                    node["doc"].as_str().is_some_and(|doc| doc.ends_with('.')),
                    "{}: {node}",
                    topic.name
                );
                if node["type"] == "enum" {
                    assert_eq!(node["default"], "UNKNOWN", "{}: {node}", topic.name);
                    assert_eq!(node["symbols"].as_array().unwrap().last().unwrap(), "UNKNOWN");
                }
            });
        }
    }

    /// A consumer that generates classes from several topics gets one class per name.
    #[test]
    fn a_name_stands_for_the_same_type_in_every_topic() {
        let mut types: BTreeMap<String, serde_json::Map<String, Value>> = BTreeMap::new();
        for topic in topics() {
            let whole = crate::inline::inline(&apache_avro::Schema::parse_str(topic.schema).unwrap()).unwrap();
            collect(&whole, &mut types);
        }
        assert!(types.contains_key("StockReserved"));
    }

    fn collect(schema: &apache_avro::Schema, types: &mut BTreeMap<String, serde_json::Map<String, Value>>) {
        use apache_avro::Schema;
        match schema {
            Schema::Record(record) => {
                let fields = record.fields.iter();
                let shape = fields
                    .clone()
                    .map(|field| (field.name.clone(), format!("{:?}", field.schema).into()));
                let shape: serde_json::Map<String, Value> = shape.collect();
                let known = types
                    .entry(record.name.name().to_owned())
                    .or_insert_with(|| shape.clone());
                assert_eq!(*known, shape, "{}", record.name);
                fields.for_each(|field| collect(&field.schema, types));
            }
            Schema::Array(array) => collect(&array.items, types),
            Schema::Union(union) => union.variants().iter().for_each(|variant| collect(variant, types)),
            _ => {}
        }
    }

    #[test]
    fn every_file_below_avro_is_listed_on_this_page() {
        let avro = Path::new("avro");
        let files = |folder: &Path| -> BTreeSet<String> {
            let entries = std::fs::read_dir(folder).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        let mut expected: BTreeSet<_> = topics().iter().map(|topic| format!("{}.avsc", topic.name)).collect();
        expected.insert("history".into());
        assert_eq!(files(avro), expected);
        for topic in topics() {
            let versions: BTreeSet<_> = (1..=topic.history.len())
                .map(|version| format!("v{version}.avsc"))
                .collect();
            assert_eq!(
                files(&avro.join("history").join(topic.name)),
                versions,
                "{}",
                topic.name
            );
        }
    }
}

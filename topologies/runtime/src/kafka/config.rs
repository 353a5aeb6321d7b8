//! How a stream thread reaches Kafka, and which settings are refused because exactly-once would be void with them.

use std::collections::BTreeMap;
use std::time::Duration;

use planted::Bug;
use rdkafka::ClientConfig;
use streams::LogError;

use super::port::Settings;

/// Shortest session that brokers accept by default (`group.min.session.timeout.ms`).
const SESSION_TIMEOUT_MS_MIN: u32 = 6_000;
/// Longest session that brokers accept by default (`group.max.session.timeout.ms`).
const SESSION_TIMEOUT_MS_MAX: u32 = 1_800_000;
/// A transaction must outlive a garbage collection of the broker and a few lost requests.
const TRANSACTION_TIMEOUT_MS_MIN: u32 = 2_000;
/// Longest transaction that brokers accept by default (`transaction.max.timeout.ms`).
const TRANSACTION_TIMEOUT_MS_MAX: u32 = 900_000;
/// No request waits longer for its answer, so that a lost one is known as lost well inside its transaction.
const REQUEST_TIMEOUT_MS_MAX: u32 = 10_000;
/// Transactional producers of one thread. More than three have shown no gain.
const PRODUCERS_MAX: usize = 3;
/// The group waits this long for a member that does not poll; a restore must not run on the polling thread for longer.
const POLL_INTERVAL_MS: u32 = 300_000;
/// A broker answers a fetch after this time at the latest, so a partition that was just added waits no longer to be asked for.
const FETCH_WAIT_MS: u32 = 100;
/// A fetch that may wait for more records is answered as soon as there are so many bytes of them.
const FETCH_ENOUGH_BYTES: usize = 64 << 10;
/// Bytes that one fetch answer of one broker may have. A single record may be larger; it is then fetched alone.
const FETCH_ANSWER_BYTES: usize = 8 << 20;
/// Bytes of one partition in one fetch answer.
const FETCH_PARTITION_BYTES: usize = 1 << 20;
/// Records that one thread fetches ahead, shared by its inputs. The client spends about 340 bytes on each beside its data.
const FETCH_AHEAD_RECORDS: usize = 100_000;
/// Every input may have so many records fetched ahead, however many inputs there are.
const FETCH_AHEAD_RECORDS_MIN: usize = 1_000;
/// Every input may have so many bytes fetched ahead, however many inputs there are.
const FETCH_AHEAD_BYTES_MIN: usize = 256 << 10;
/// A broker answers a reader after this time at the latest. A reader reads up to an end that is there already, so there is
/// nothing to wait for; where markers stand last, it learns so from an answer without records.
const READER_FETCH_WAIT_MS: u32 = 10;
/// A broker answers a fetch for a global table after this time at the latest, and at once when there is a record.
const GLOBAL_FETCH_WAIT_MS: u32 = 500;
/// Bytes of one fetch answer to a reader, which reads one partition at a time.
const READER_FETCH_BYTES: usize = 8 << 20;
/// Bytes that one reader fetches ahead.
const READER_QUEUE_BYTES: usize = 16 << 20;
/// Bytes of the largest record that is sent. The topic's own `max.message.bytes` decides below that.
const RECORD_BYTES_MAX: usize = 8 << 20;
/// A commit hands all its records over at once and then flushes, which ends this wait. Without it the client sends what little
/// it finds when it wakes, in many more requests. Milliseconds.
const PRODUCE_LINGER_MS: u32 = 5;
/// Bytes of one produced batch.
const PRODUCE_BATCH_BYTES: usize = 1_000_000;
/// Bytes that wait in one producer to be sent.
const PRODUCE_QUEUE_BYTES: usize = 32 << 20;
/// Records that wait in one producer to be acknowledged.
const PRODUCE_QUEUE_RECORDS: usize = 100_000;
/// First wait before a request is repeated, in milliseconds. The client's own 100 ms is what a hop would cost.
const RETRY_BACKOFF_MS: u32 = 5;

/// Settings that decide whether exactly-once holds, or that this crate derives from its own fields.
const OWN_SETTINGS: [&str; 40] = [
    "acks",
    "allow.auto.create.topics",
    "api.version.request",
    "auto.commit.enable",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "enabled_events",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "log.connection.close",
    "log.queue",
    "log_level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "max.poll.interval.ms",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "queuing.strategy",
    "request.required.acks",
    "request.timeout.ms",
    "retries",
    "session.timeout.ms",
    "socket.max.fails",
    "socket.timeout.ms",
    "transaction.timeout.ms",
];

/// One stream thread's access to Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Brokers to begin with: `host:port`, separated by commas.
    pub bootstrap: String,
    /// Consumer group and prefix of transactional ids.
    pub application_id: String,
    /// Names this process among those of the application, the same after every restart; no two live processes share one.
    pub instance_id: String,
    /// Number of the thread in the process.
    pub thread: u16,
    /// `host:port` where this process answers queries; other processes find it in the group.
    pub endpoint: String,
    /// The group takes the tasks of a thread that was silent for so long. Milliseconds, 6,000 to 1,800,000.
    pub session_timeout_ms: u32,
    /// The broker ends a transaction that has been open for so long, and a commit is given up by then. Milliseconds, 2,000 to 900,000.
    pub transaction_timeout_ms: u32,
    /// Transactional producers that take turns, 1 to 3. With one, a transaction waits for the markers of the one before.
    pub producers: usize,
    /// Whether closing leaves the group at once, so that the tasks move. Otherwise they wait for a restart of this instance
    /// until the session ends.
    pub leave_on_close: bool,
    /// Bytes of keys and values fetched ahead of processing. The client's own overhead comes on top: about 340 bytes a record.
    pub fetch_bytes_max: usize,
    /// Whether a fetch waits for more records than the first, and how long: for a topology whose readers do not wait for it. Each
    /// record would otherwise cost an answer and a wake-up of its own. Milliseconds, at most 100.
    pub fetch_linger_ms: u32,
    /// Whether every output says which one of its task it is ([`crate::origin`]), so that an audit can count them. Costs two to
    /// three microseconds of processor time for each, most of them in the C client.
    pub number_outputs: bool,
    /// Further settings of the C client, by its own names: security, compression, buffers. Settings that the engine decides are refused.
    pub extra: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// The defaults: sessions and transactions of 10 s, three producers, 16 MiB fetched ahead.
    #[must_use]
    pub fn new(bootstrap: &str, application_id: &str, instance_id: &str, thread: u16) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            application_id: application_id.to_owned(),
            instance_id: instance_id.to_owned(),
            thread,
            endpoint: String::new(),
            session_timeout_ms: 10_000,
            transaction_timeout_ms: 10_000,
            producers: PRODUCERS_MAX,
            leave_on_close: false,
            fetch_bytes_max: 16 << 20,
            fetch_linger_ms: 0,
            number_outputs: false,
            extra: BTreeMap::new(),
        }
    }

    /// Refuses what would make exactly-once void or what no broker accepts.
    pub fn check(&self) -> Result<(), LogError> {
        let (session, transaction) = (self.session_timeout_ms, self.transaction_timeout_ms);
        if !(SESSION_TIMEOUT_MS_MIN..=SESSION_TIMEOUT_MS_MAX).contains(&session) {
            return refuse(format!(
                "the session timeout of {session} ms is not between 6 s and 30 min"
            ));
        }
        if !(TRANSACTION_TIMEOUT_MS_MIN..=TRANSACTION_TIMEOUT_MS_MAX).contains(&transaction) {
            return refuse(format!(
                "the transaction timeout of {transaction} ms is not between 2 s and 15 min"
            ));
        }
        if transaction >= POLL_INTERVAL_MS {
            return refuse(format!(
                "a commit may take the transaction timeout of {transaction} ms, which must be below the poll interval of {POLL_INTERVAL_MS} ms"
            ));
        }
        if !(1..=PRODUCERS_MAX).contains(&self.producers) {
            return refuse(format!("{} producers per thread; choose 1, 2 or 3", self.producers));
        }
        if self.instance_id.is_empty() {
            return refuse(
                "the instance id is empty; give every process a name that it keeps across restarts".to_owned(),
            );
        }
        self.check_extra()
    }

    /// A transaction's every call ends by this time.
    pub(super) fn transaction_deadline(&self) -> Duration {
        Duration::from_millis(self.transaction_timeout_ms.into())
    }

    /// A request without an answer counts as lost after this time. Half a transaction, so that the loss is known inside it.
    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis((self.transaction_timeout_ms / 2).min(REQUEST_TIMEOUT_MS_MAX).into())
    }

    /// How often the group hears of a live thread, and the thread of the group.
    pub(super) fn heartbeat_interval(&self) -> Duration {
        Duration::from_millis((self.session_timeout_ms / 5).min(3_000).into())
    }

    /// The ids that the thread's producers take turns with. All of them are initialised before any offset is read.
    pub(super) fn transactional_ids(&self) -> Vec<String> {
        (0..self.producers)
            .map(|turn| format!("{}-{turn}", self.member()))
            .collect()
    }

    /// Settings for a thread that reads `inputs` partitions at most. What is fetched ahead is limited for each of them.
    pub(super) fn consumer_settings(&self, inputs: usize) -> Settings {
        let inputs = inputs.max(1);
        let kib = (self.fetch_bytes_max / inputs).max(FETCH_AHEAD_BYTES_MIN) / 1024;
        let records = (FETCH_AHEAD_RECORDS / inputs).max(FETCH_AHEAD_RECORDS_MIN);
        let (fetch_wait_ms, fetch_bytes) = self.fetch_patience();
        let isolation = if planted::is(Bug::UncommittedRead) {
            "read_uncommitted"
        } else {
            "read_committed"
        };
        self.settings(&[
            ("group.id", &self.application_id),
            ("group.instance.id", &self.member_of_group()),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("session.timeout.ms", &self.session_timeout_ms.to_string()),
            (
                "heartbeat.interval.ms",
                &self.heartbeat_interval().as_millis().to_string(),
            ),
            ("max.poll.interval.ms", &POLL_INTERVAL_MS.to_string()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "error"),
            ("isolation.level", isolation),
            ("allow.auto.create.topics", "false"),
            ("fetch.queue.backoff.ms", "1"),
            ("fetch.wait.max.ms", &fetch_wait_ms.to_string()),
            ("fetch.min.bytes", &fetch_bytes.to_string()),
            ("fetch.message.max.bytes", &FETCH_PARTITION_BYTES.to_string()),
            ("fetch.max.bytes", &FETCH_ANSWER_BYTES.to_string()),
            ("queued.min.messages", &records.to_string()),
            ("queued.max.messages.kbytes", &kib.to_string()),
        ])
    }

    /// How long a fetch waits, and for how many bytes.
    fn fetch_patience(&self) -> (u32, usize) {
        match self.fetch_linger_ms {
            0 => (FETCH_WAIT_MS, 1),
            linger_ms => (linger_ms.min(FETCH_WAIT_MS), FETCH_ENOUGH_BYTES),
        }
    }

    /// Large fetches and the end of a partition as an event: what a restore needs.
    pub(super) fn reader_settings(&self) -> Settings {
        let fetching = [
            ("fetch.queue.backoff.ms", "1"),
            ("fetch.wait.max.ms", &READER_FETCH_WAIT_MS.to_string()),
            ("fetch.message.max.bytes", &READER_FETCH_BYTES.to_string()),
            ("fetch.max.bytes", &READER_FETCH_BYTES.to_string()),
            ("queued.min.messages", "100000"),
        ];
        self.groupless_settings("reader", &fetching)
    }

    /// A global table is small and changes rarely: fetches wait long for what comes.
    pub(super) fn global_settings(&self) -> Settings {
        self.groupless_settings("global", &[("fetch.wait.max.ms", &GLOBAL_FETCH_WAIT_MS.to_string())])
    }

    /// For a consumer that joins no group and reads committed records at positions of its own; the client wants a group named all
    /// the same.
    fn groupless_settings(&self, purpose: &str, fetching: &[(&str, &str)]) -> Settings {
        let group = format!("{}-{purpose}", self.application_id);
        let queue_kib = (READER_QUEUE_BYTES / 1024).to_string();
        let common = [
            ("group.id", group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_committed"),
            ("allow.auto.create.topics", "false"),
            ("queued.max.messages.kbytes", &queue_kib),
        ];
        self.settings(&[&common, fetching].concat())
    }

    /// For the wrapper crate's clients, which serve what is not on the hot path.
    pub(super) fn plain_settings(&self) -> ClientConfig {
        self.settings(&[("allow.auto.create.topics", "false")])
            .into_iter()
            .collect()
    }

    /// A producer tells of every record that was delivered when `reports` is set, and otherwise only of those that were not.
    pub(super) fn producer_settings(&self, transactional_id: &str, reports: bool) -> Settings {
        let transaction_ms = self.transaction_timeout_ms.to_string();
        let errors_only = (!reports).to_string();
        self.settings(&[
            ("delivery.report.only.error", &errors_only),
            ("transactional.id", transactional_id),
            ("transaction.timeout.ms", &transaction_ms),
            ("message.timeout.ms", &transaction_ms),
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("linger.ms", &PRODUCE_LINGER_MS.to_string()),
            ("batch.size", &PRODUCE_BATCH_BYTES.to_string()),
            ("message.max.bytes", &RECORD_BYTES_MAX.to_string()),
            ("queue.buffering.max.kbytes", &(PRODUCE_QUEUE_BYTES / 1024).to_string()),
            ("queue.buffering.max.messages", &PRODUCE_QUEUE_RECORDS.to_string()),
        ])
    }

    /// The engine's settings come after the user's, which may not name them; defaults that a user may change come before.
    fn settings(&self, own: &[(&str, &str)]) -> Settings {
        let request_ms = self.request_timeout().as_millis().to_string();
        let client_id = format!("sluice@{}", self.endpoint);
        let common = [
            ("bootstrap.servers", self.bootstrap.as_str()),
            ("client.id", &client_id),
            ("socket.timeout.ms", &request_ms),
            ("socket.nagle.disable", "true"),
            ("retry.backoff.ms", &RETRY_BACKOFF_MS.to_string()),
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "1000"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = own
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let extra = self.extra.clone().into_iter();
        common.into_iter().chain(own).chain(extra).collect()
    }

    fn member(&self) -> String {
        if planted::is(Bug::SharedTransactionalId) {
            return format!("{}-{}", self.application_id, self.thread);
        }
        format!("{}-{}-{}", self.application_id, self.instance_id, self.thread)
    }

    /// The name of the thread among the members of its group.
    pub(super) fn member_of_group(&self) -> String {
        format!("{}-{}", self.instance_id, self.thread)
    }

    fn check_extra(&self) -> Result<(), LogError> {
        match self.extra.keys().find(|name| is_own(name)) {
            Some(name) => refuse(format!(
                "the Kafka setting {name} is decided by the engine; leave it out"
            )),
            None => Ok(()),
        }
    }
}

fn is_own(name: &str) -> bool {
    name.starts_with("transactional.") || OWN_SETTINGS.contains(&name)
}

#[allow(clippy::needless_pass_by_value, reason = "every caller makes its sentence")]
fn refuse(reason: String) -> Result<(), LogError> {
    Err(LogError::Fatal(format!("the Kafka configuration is refused: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> KafkaConfig {
        KafkaConfig::new("localhost:9092", "sluice-orders", "a", 0)
    }

    #[test]
    fn the_defaults_are_accepted() {
        assert_eq!(config().check(), Ok(()));
    }

    #[test]
    fn settings_that_would_void_exactly_once_are_refused() {
        for name in [
            "enable.auto.commit",
            "isolation.level",
            "acks",
            "transactional.id",
            "socket.timeout.ms",
            "log_level",
        ] {
            let extra = BTreeMap::from([(name.to_owned(), "1".to_owned())]);
            let answer = KafkaConfig { extra, ..config() }.check();
            assert!(
                matches!(answer, Err(LogError::Fatal(reason)) if reason.contains(name)),
                "{name}"
            );
        }
    }

    #[test]
    fn timeouts_that_no_broker_accepts_or_that_hide_a_lost_request_are_refused() {
        let cases = [(5_999, 10_000), (10_000, 1_000), (10_000, 300_000)];
        for (session_timeout_ms, transaction_timeout_ms) in cases {
            let config = KafkaConfig {
                session_timeout_ms,
                transaction_timeout_ms,
                ..config()
            };
            assert!(config.check().is_err(), "{session_timeout_ms} {transaction_timeout_ms}");
        }
    }

    #[test]
    fn a_lost_request_is_known_inside_its_transaction() {
        for transaction_timeout_ms in [2_000, 10_000, 60_000, 200_000] {
            let config = KafkaConfig {
                transaction_timeout_ms,
                ..config()
            };
            assert!(config.request_timeout() * 2 <= config.transaction_deadline());
        }
    }

    #[test]
    fn only_a_thread_that_may_gather_records_waits_for_more_than_one() {
        let patience = |fetch_linger_ms| {
            KafkaConfig {
                fetch_linger_ms,
                ..config()
            }
            .fetch_patience()
        };
        assert_eq!(patience(0), (FETCH_WAIT_MS, 1));
        assert_eq!(patience(50), (50, FETCH_ENOUGH_BYTES));
        assert_eq!(patience(5_000), (FETCH_WAIT_MS, FETCH_ENOUGH_BYTES));
    }

    #[test]
    fn every_thread_of_every_instance_has_transactional_ids_of_its_own() {
        assert_eq!(
            config().transactional_ids(),
            ["sluice-orders-a-0-0", "sluice-orders-a-0-1", "sluice-orders-a-0-2"]
        );
    }
}

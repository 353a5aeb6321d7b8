//! Sends records at a rate to a counting engine, and sees when each count is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::feed::{Feed, key_number};
use crate::topics::PARTITIONS;

/// Keys that the records go round.
pub(crate) const KEYS: u64 = 1_000;
/// The consumer waits so long for one record before it looks whether it is to stop.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// A consumer stands at the end of every partition by then.
const WATCH_WAIT: Duration = Duration::from_secs(10);

/// Time between two looks at the journal.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// When each record was sent and when its count was seen, in nanoseconds after the beginning; 0 for not yet.
pub(crate) struct Journal {
    is_closed: AtomicBool,
    began: Instant,
    sent: Vec<AtomicU64>,
    seen: Vec<AtomicU64>,
}

impl Journal {
    /// A journal for this many records.
    pub(crate) fn new(records: usize) -> Arc<Self> {
        let empty = || (0..records).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            is_closed: AtomicBool::new(false),
            began: Instant::now(),
            sent: empty(),
            seen: empty(),
        })
    }

    fn note(&self, entries: &[AtomicU64], number: u64) {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(entry) = usize::try_from(number).ok().and_then(|number| entries.get(number)) {
            entry.store(now, Ordering::Relaxed);
        }
    }

    /// From send to sight, for all records that were seen.
    pub(crate) fn latencies(&self) -> Vec<Duration> {
        let pairs = self.sent.iter().zip(&self.seen);
        let times = pairs.map(|(sent, seen)| (sent.load(Ordering::Relaxed), seen.load(Ordering::Relaxed)));
        times
            .filter(|(_, seen)| *seen > 0)
            .map(|(sent, seen)| Duration::from_nanos(seen.saturating_sub(sent)))
            .collect()
    }

    /// When the first record that was sent after `moment` was seen.
    pub(crate) fn first_seen_of_those_after(&self, moment: Instant) -> Option<Instant> {
        let after = u64::try_from((moment - self.began).as_nanos()).unwrap_or(u64::MAX);
        let pairs = self.sent.iter().zip(&self.seen);
        let times = pairs.map(|(sent, seen)| (sent.load(Ordering::Relaxed), seen.load(Ordering::Relaxed)));
        let seen = times
            .filter(|(sent, seen)| *sent > after && *seen > 0)
            .map(|(_, seen)| seen)
            .min()?;
        Some(self.began + Duration::from_nanos(seen))
    }

    /// Nothing more is sent.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Number of records that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.iter().filter(|sent| sent.load(Ordering::Relaxed) > 0).count() as u64
    }

    /// Waits until every record that was sent is seen, and says whether that came in time.
    pub(crate) fn wait_until_seen(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let pairs = || self.sent.iter().zip(&self.seen);
        let is_missing = |(sent, seen): (&AtomicU64, &AtomicU64)| {
            sent.load(Ordering::Relaxed) > 0 && seen.load(Ordering::Relaxed) == 0
        };
        while pairs().any(is_missing) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        true
    }
}

/// Sends one record after the other, `rate` in a second, until the journal is full or closed.
pub(crate) fn send(bootstrap: &str, topic: &str, rate: u32, journal: &Journal) -> Result<()> {
    let feed = Feed::live(bootstrap, topic)?;
    let (interval, begin) = (Duration::from_secs(1) / rate, Instant::now());
    for (turn, number) in (0u32..).zip(0..u64::try_from(journal.sent.len())?) {
        std::thread::sleep((begin + interval * turn).saturating_duration_since(Instant::now()));
        if journal.is_closed.load(Ordering::Relaxed) {
            break;
        }
        journal.note(&journal.sent, number);
        feed.send(topic, number % KEYS)?;
    }
    feed.finish()
}

/// A consumer that reads committed counts and enters them in the journal.
pub(crate) struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Watches the output from its present end on. The counts of the journal's first round are `first_count`.
    pub(crate) fn start(bootstrap: &str, topic: &str, first_count: i64, journal: Arc<Journal>) -> Result<Self> {
        let mut settings = ClientConfig::new();
        settings
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "benchmark-watch")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("fetch.queue.backoff.ms", "1")
            .set("fetch.wait.max.ms", "100");
        let consumer: BaseConsumer = settings.create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            let (_, end) = consumer.fetch_watermarks(topic, partition, Duration::from_secs(10))?;
            list.add_partition_offset(topic, partition, Offset::Offset(end))?;
        }
        consumer.assign(&list)?;
        wait_until_watching(&consumer)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                if let Some(Ok(message)) = consumer.poll(POLL_WAIT) {
                    enter(&journal, message.key(), message.payload(), first_count);
                }
            }
        });
        Ok(Self { stop, thread })
    }

    /// Ends the watch.
    pub(crate) fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the watching thread has failed"))
    }
}

/// A consumer that was just made connects and asks first, which takes half a second; what was sent before that would seem late.
fn wait_until_watching(consumer: &BaseConsumer) -> Result<()> {
    let (mut at_their_end, deadline) = (0, Instant::now() + WATCH_WAIT);
    while at_their_end < PARTITIONS {
        ensure!(
            Instant::now() < deadline,
            "the output cannot be watched within {WATCH_WAIT:?}"
        );
        if let Some(Err(KafkaError::PartitionEOF(_))) = consumer.poll(POLL_WAIT) {
            at_their_end += 1;
        }
    }
    Ok(())
}

/// The n-th record of a key is the one whose count is `first_count + n`.
fn enter(journal: &Journal, key: Option<&[u8]>, value: Option<&[u8]>, first_count: i64) {
    let key = key.and_then(key_number);
    let count = value.and_then(|value| value.try_into().ok()).map(i64::from_be_bytes);
    let round = count.and_then(|count| u64::try_from(count - first_count).ok());
    if let (Some(key), Some(round)) = (key, round) {
        journal.note(&journal.seen, round * KEYS + key);
    }
}

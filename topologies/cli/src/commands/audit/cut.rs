//! How far each topic is read, so that what is read later is never older than what it is held against.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use commerce::audit::Place;
use schemas::topics::{LEDGER_ENTRIES, ORDER_COMMANDS, ORDER_EVENTS, ORDERS, PAYMENT_EVENTS, PRODUCTS, STOCK_EVENTS};
use streams::LogError;
use streams::log::LogReader;

use crate::exit::Refusal;
use crate::platform::Platform;
use crate::settings::Settings;

/// A topic of the books. Its number is its place in the scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Book {
    OrderCommands,
    OrderEvents,
    Orders,
    StockEvents,
    Products,
    PaymentEvents,
    LedgerEntries,
}

impl Book {
    /// All, in the order in which they are read.
    pub(super) const ALL: [Self; 7] = [
        Self::OrderCommands,
        Self::OrderEvents,
        Self::Orders,
        Self::StockEvents,
        Self::Products,
        Self::PaymentEvents,
        Self::LedgerEntries,
    ];

    /// The topic's name.
    pub(super) fn topic(self) -> &'static str {
        match self {
            Self::OrderCommands => ORDER_COMMANDS.name,
            Self::OrderEvents => ORDER_EVENTS.name,
            Self::Orders => ORDERS.name,
            Self::StockEvents => STOCK_EVENTS.name,
            Self::Products => PRODUCTS.name,
            Self::PaymentEvents => PAYMENT_EVENTS.name,
            Self::LedgerEntries => LEDGER_ENTRIES.name,
        }
    }

    /// Whether only the newest record of a key counts.
    pub(super) fn is_state(self) -> bool {
        matches!(self, Self::Orders | Self::Products)
    }
}

/// First and end offsets of a topic, by partition.
type Ranges = Vec<(i64, i64)>;

/// One look at the ends of all topics, in an order that makes later ends cover earlier ones.
///
/// First come the ends of everything: whatever stands behind them is *in motion*. Then the snapshots are read up to their
/// ends, then the entries of stock and money, then the events of orders. So an order whose snapshot says that it has ended
/// has all its entries, and an order that went on meanwhile shows by an event in motion.
pub(super) struct Cut {
    settled: BTreeMap<Book, Vec<i64>>,
    ranges: BTreeMap<Book, Ranges>,
}

impl Cut {
    pub(super) fn take(
        platform: &dyn Platform,
        reader: &mut dyn LogReader,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let mut settled = BTreeMap::new();
        for book in Book::ALL {
            let ends = ranges(platform, reader, book)?.into_iter().map(|(_, end)| end);
            settled.insert(book, ends.collect());
        }
        let mut taken = BTreeMap::new();
        taken.insert(Book::OrderCommands, processed(platform, reader, settings)?);
        for book in [
            Book::Orders,
            Book::Products,
            Book::StockEvents,
            Book::LedgerEntries,
            Book::PaymentEvents,
            Book::OrderEvents,
        ] {
            taken.insert(book, ranges(platform, reader, book)?);
        }
        Ok(Self { settled, ranges: taken })
    }

    /// Offsets to read, at most as many records.
    pub(super) fn records(&self) -> u64 {
        let all = self.ranges.values().flatten();
        all.map(|(first, end)| u64::try_from(end - first).unwrap_or(0)).sum()
    }

    /// The offsets to read of a topic, by partition.
    pub(super) fn ranges(&self, book: Book) -> impl Iterator<Item = (i32, i64, i64)> {
        let ranges = self.ranges.get(&book).into_iter().flatten();
        (0..)
            .zip(ranges)
            .map(|(partition, (first, end))| (partition, *first, *end))
    }

    /// Whether a record came after the first look.
    pub(super) fn is_in_motion(&self, book: Book, place: Place) -> bool {
        let ends = self.settled.get(&book);
        let end = usize::try_from(place.partition).ok().and_then(|at| ends?.get(at));
        end.is_none_or(|end| place.offset >= *end)
    }

    /// Whether the beginning of a partition is gone, so that what began there cannot be told.
    pub(super) fn has_lost_its_beginning(&self, book: Book) -> bool {
        self.ranges(book).any(|(_, first, _)| first > 0)
    }
}

fn ranges(platform: &dyn Platform, reader: &mut dyn LogReader, book: Book) -> anyhow::Result<Ranges> {
    let Some(count) = reader.partitions(book.topic())? else {
        return Err(Refusal::refused(format!(
            "{} has no topic {}: there are no books to audit (`sluice topics plan`)",
            platform.describe(),
            book.topic()
        )));
    };
    (0..count)
        .map(|partition| ends(reader, book.topic(), partition))
        .collect()
}

/// Longest wait for the transaction of an instance that died: until its timeout, nobody knows what is committed behind it.
const OPEN_TRANSACTION_WAIT_MAX: Duration = Duration::from_mins(1);

/// The first offset, and the one below which everything is that was committed before the call.
pub(super) fn ends(reader: &mut dyn LogReader, topic: &str, partition: i32) -> anyhow::Result<(i64, i64)> {
    let deadline = Instant::now() + OPEN_TRANSACTION_WAIT_MAX;
    let mut told = false;
    loop {
        match reader.offsets(topic, partition) {
            Err(LogError::Retriable(cause)) if Instant::now() < deadline => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!(cause, "waiting for its end or its timeout");
                }
            }
            Err(LogError::Retriable(cause)) => {
                return Err(Refusal::unavailable(format!(
                    "{cause}: what is committed behind it cannot be told; if it stays, find its producer with \
                     kafka-transactions.sh find-hanging"
                )));
            }
            answer => return Ok(answer?),
        }
    }
}

/// Commands up to where the saga has committed them.
fn processed(platform: &dyn Platform, reader: &mut dyn LogReader, settings: &Settings) -> anyhow::Result<Ranges> {
    let ranges = ranges(platform, reader, Book::OrderCommands)?;
    let partition = |at: usize| (ORDER_COMMANDS.name.to_owned(), i32::try_from(at).unwrap_or(i32::MAX));
    let partitions: Vec<_> = (0..ranges.len()).map(partition).collect();
    let group = settings.application(commerce::topologies::orders::NAME);
    let committed = platform.group_offsets(&group, &partitions)?;
    let read = partitions.iter().map(|partition| committed.get(partition).copied());
    let until =
        |((first, end), read): ((i64, i64), Option<i64>)| (first, read.unwrap_or(first).clamp(first, end.max(first)));
    Ok(ranges.into_iter().zip(read).map(until).collect())
}

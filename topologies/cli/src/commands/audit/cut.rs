//! How far each topic is read, so that what is read later is never older than what it is held against.

use std::collections::BTreeMap;

use commerce::audit::Place;
use schemas::topics::{
    LEDGER_ENTRIES, ORDER_COMMANDS, ORDER_EVENTS, ORDERS, PAYMENT_EVENTS, PRODUCTS, STOCK_EVENTS, TopicSpec,
};
use streams::log::LogReader;

use crate::exit::Refusal;
use crate::platform::Platform;
use crate::settings::Settings;

/// The topics of the books. A topic's place in this list is its number in the scratch.
pub(super) static BOOKS: [&TopicSpec; 7] = [
    &ORDER_COMMANDS,
    &ORDER_EVENTS,
    &ORDERS,
    &STOCK_EVENTS,
    &PRODUCTS,
    &PAYMENT_EVENTS,
    &LEDGER_ENTRIES,
];

/// First and end offsets of a topic, by partition.
type Ranges = Vec<(i64, i64)>;

/// One look at the ends of all topics, in an order that makes later ends cover earlier ones.
///
/// First come the ends of everything: whatever stands behind them is *in motion*. Then the snapshots are read up to their
/// ends, then the entries of stock and money, then the events of orders. So an order whose snapshot says that it has ended
/// has all its entries, and an order that went on meanwhile shows by an event in motion.
pub(super) struct Cut {
    settled: BTreeMap<&'static str, Vec<i64>>,
    ranges: BTreeMap<&'static str, Ranges>,
}

impl Cut {
    pub(super) fn take(
        platform: &dyn Platform,
        reader: &mut dyn LogReader,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let mut settled = BTreeMap::new();
        for topic in BOOKS {
            let ends = ranges(platform, reader, topic)?.into_iter().map(|(_, end)| end);
            settled.insert(topic.name, ends.collect());
        }
        let mut taken = BTreeMap::new();
        taken.insert(ORDER_COMMANDS.name, processed(platform, reader, settings)?);
        for topic in [
            &ORDERS,
            &PRODUCTS,
            &STOCK_EVENTS,
            &LEDGER_ENTRIES,
            &PAYMENT_EVENTS,
            &ORDER_EVENTS,
        ] {
            taken.insert(topic.name, ranges(platform, reader, topic)?);
        }
        Ok(Self { settled, ranges: taken })
    }

    /// Offsets to read, at most as many records.
    pub(super) fn records(&self) -> u64 {
        let all = self.ranges.values().flatten();
        all.map(|(first, end)| u64::try_from(end - first).unwrap_or(0)).sum()
    }

    /// The offsets to read of a topic, by partition.
    pub(super) fn ranges(&self, topic: &TopicSpec) -> impl Iterator<Item = (i32, i64, i64)> {
        let ranges = self.ranges.get(topic.name).into_iter().flatten();
        (0..)
            .zip(ranges)
            .map(|(partition, (first, end))| (partition, *first, *end))
    }

    /// Whether a record came after the first look.
    pub(super) fn is_in_motion(&self, topic: &TopicSpec, place: Place) -> bool {
        let ends = self.settled.get(topic.name);
        let end = usize::try_from(place.partition).ok().and_then(|at| ends?.get(at));
        end.is_none_or(|end| place.offset >= *end)
    }

    /// Whether the beginning of a partition is gone, so that what began there cannot be told.
    pub(super) fn has_lost_its_beginning(&self, topic: &TopicSpec) -> bool {
        self.ranges(topic).any(|(_, first, _)| first > 0)
    }
}

fn ranges(platform: &dyn Platform, reader: &mut dyn LogReader, topic: &TopicSpec) -> anyhow::Result<Ranges> {
    let Some(count) = reader.partitions(topic.name)? else {
        return Err(Refusal::refused(format!(
            "{} has no topic {}: there are no books to audit (`sluice topics plan`)",
            platform.describe(),
            topic.name
        )));
    };
    (0..count)
        .map(|partition| Ok(reader.offsets(topic.name, partition)?))
        .collect()
}

/// Commands up to where the saga has committed them.
fn processed(platform: &dyn Platform, reader: &mut dyn LogReader, settings: &Settings) -> anyhow::Result<Ranges> {
    let ranges = ranges(platform, reader, &ORDER_COMMANDS)?;
    let partition = |at: usize| (ORDER_COMMANDS.name.to_owned(), i32::try_from(at).unwrap_or(i32::MAX));
    let partitions: Vec<_> = (0..ranges.len()).map(partition).collect();
    let group = settings.application(commerce::topologies::orders::NAME);
    let committed = platform.group_offsets(&group, &partitions)?;
    let read = partitions.iter().map(|partition| committed.get(partition).copied());
    let until =
        |((first, end), read): ((i64, i64), Option<i64>)| (first, read.unwrap_or(first).clamp(first, end.max(first)));
    Ok(ranges.into_iter().zip(read).map(until).collect())
}

//! The first pass: every record of the books goes where what it is about is judged.

use std::ops::ControlFlow;

use commerce::audit::Place;
use commerce::stock::StockEventKind;
use schemas::topics::{
    LEDGER_ENTRIES, ORDER_COMMANDS, ORDER_EVENTS, ORDERS, PAYMENT_EVENTS, PRODUCTS, STOCK_EVENTS, TopicSpec,
};
use streams::log::{LogReader, StoredRecord};

use super::cut::{BOOKS, Cut};
use super::reading::{Read, Reading, id};
use super::report::Report;
use super::scratch::{About, Entry, Scratch};
use crate::progress::Progress;

/// Sorts records by what they are about.
pub(super) struct Keeper<'a> {
    reading: &'a Reading,
    scratch: Scratch,
    progress: &'a Progress,
}

/// One record on its way.
struct Incoming<'a> {
    number: u8,
    topic: &'static TopicSpec,
    place: Place,
    key: &'a str,
    value: &'a [u8],
}

impl<'a> Keeper<'a> {
    pub(super) fn new(reading: &'a Reading, scratch: Scratch, progress: &'a Progress) -> Self {
        Self {
            reading,
            scratch,
            progress,
        }
    }

    /// Reads all books up to their ends.
    pub(super) fn read(&mut self, reader: &mut dyn LogReader, cut: &Cut, report: &mut Report) -> anyhow::Result<()> {
        for (number, topic) in (0..).zip(BOOKS) {
            for (partition, first, end) in cut.ranges(topic) {
                let mut failure = Ok(());
                reader.read(topic.name, partition, first, end, &mut |record| {
                    let place = Place {
                        partition,
                        offset: record.offset,
                    };
                    failure = self.take(number, topic, place, &record, report);
                    if failure.is_ok() {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                })?;
                failure?;
            }
        }
        Ok(())
    }

    /// The sorted books.
    pub(super) fn into_scratch(mut self) -> anyhow::Result<Scratch> {
        self.scratch.finish()?;
        Ok(self.scratch)
    }

    fn take(
        &mut self,
        number: u8,
        topic: &'static TopicSpec,
        place: Place,
        record: &StoredRecord<'_>,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        self.progress.advance();
        report.records += 1;
        let kept = match (id(record.key), record.value) {
            (Ok(key), Some(value)) => self.sort(&Incoming {
                number,
                topic,
                place,
                key,
                value,
            })?,
            // A snapshot of null is the end of its key; nothing of these topics ends.
            (Ok(_), None) => Err("it has no value".to_owned()),
            (Err(cause), _) => Err(cause),
        };
        // Commands come from anybody, and what cannot be read of them is in the dead letters.
        if let Err(cause) = kept
            && topic.name != ORDER_COMMANDS.name
        {
            report.unreadable(topic.name, place, record.key, &cause);
        }
        Ok(())
    }

    fn sort(&mut self, record: &Incoming<'_>) -> anyhow::Result<Read<()>> {
        let name = record.topic.name;
        Ok(if name == ORDER_COMMANDS.name {
            match self.reading.places_an_order(record.value)? {
                Ok(true) => Ok(self.keep(About::Order, record.key, record)?),
                other => other.map(|_| ()),
            }
        } else if name == ORDER_EVENTS.name {
            match self.reading.order_event(record.value)? {
                // What was refused has no number, and comes as often as its command does.
                Ok((id, event)) if event.seq > 0 => Ok(self.keep_with_id(About::Order, record.key, &id, record)?),
                other => other.map(|_| ()),
            }
        } else if name == STOCK_EVENTS.name {
            match self.reading.stock_event(record.value)? {
                Ok(event) => Ok(self.stock_event(&event.id, event.seq, &event.kind, record)?),
                Err(cause) => Err(cause),
            }
        } else if name == PAYMENT_EVENTS.name {
            match self.reading.payment_event(record.value)? {
                Ok((id, seq)) if seq > 0 => Ok(self.keep(About::Id, &id, record)?),
                other => other.map(|_| ()),
            }
        } else if name == LEDGER_ENTRIES.name {
            match self.reading.ledger_entry(record.value)? {
                Ok(entry) => {
                    if let Some(order) = &entry.order_id {
                        self.keep(About::Order, order.as_str(), record)?;
                    }
                    Ok(self.keep_with_id(About::Wallet, record.key, &entry.entry_id, record)?)
                }
                Err(cause) => Err(cause),
            }
        } else if name == ORDERS.name {
            match self.reading.order(record.value)? {
                Ok(_) => Ok(self.keep(About::Order, record.key, record)?),
                Err(cause) => Err(cause),
            }
        } else {
            match self.reading.product(record.value)? {
                Ok(_) => Ok(self.keep(About::Product, record.key, record)?),
                Err(cause) => Err(cause),
            }
        })
    }

    fn stock_event(&mut self, id: &str, seq: u64, kind: &StockEventKind, record: &Incoming<'_>) -> anyhow::Result<()> {
        if let StockEventKind::Changed(change) = kind
            && let Some((order, _)) = &change.hold
        {
            self.keep(About::Order, order.as_str(), record)?;
        }
        if seq > 0 {
            self.keep(About::Id, id, record)?;
        }
        self.keep(About::Product, record.key, record)
    }

    fn keep_with_id(&mut self, about: About, subject: &str, id: &str, record: &Incoming<'_>) -> anyhow::Result<()> {
        self.keep(About::Id, id, record)?;
        self.keep(about, subject, record)
    }

    fn keep(&mut self, about: About, subject: &str, record: &Incoming<'_>) -> anyhow::Result<()> {
        let entry = Entry {
            subject,
            topic: record.number,
            place: record.place,
            key: record.key,
            // An id is compared, not read.
            value: if about == About::Id { &[] } else { record.value },
        };
        let newest_only = record.topic.name == ORDERS.name || record.topic.name == PRODUCTS.name;
        let (key, value) = entry.encode(about, newest_only);
        self.scratch.put(key, Some(value))
    }
}

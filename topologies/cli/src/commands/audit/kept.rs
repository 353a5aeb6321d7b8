//! The first pass: every record of the books goes where what it is about is judged.

use commerce::audit::Place;
use commerce::payment::LedgerEntry;
use commerce::stock::StockEventKind;
use streams::log::{LogReader, StoredRecord};

use super::cut::{Book, Cut};
use super::go_on;
use super::reading::{Read, Reading, StockRecord, id};
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
    book: Book,
    place: Place,
    key: &'a str,
    value: &'a [u8],
}

/// What a record is about, each with its id; or in words why it cannot be read.
type Subjects = Read<Vec<(About, String)>>;

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
        for book in Book::ALL {
            for (partition, first, end) in cut.ranges(book) {
                let mut failed = Ok(());
                reader.read(book.topic(), partition, first, end, &mut |record| {
                    go_on(self.take(book, partition, &record, report), &mut failed)
                })?;
                failed?;
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
        book: Book,
        partition: i32,
        record: &StoredRecord<'_>,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        self.progress.advance();
        report.records += 1;
        let place = Place {
            partition,
            offset: record.offset,
        };
        let kept = match (id(record.key), record.value) {
            (Ok(key), Some(value)) => self.sort(&Incoming {
                book,
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
            && book != Book::OrderCommands
        {
            report.unreadable(book.topic(), place, record.key, &cause);
        }
        Ok(())
    }

    fn sort(&mut self, record: &Incoming<'_>) -> anyhow::Result<Read<()>> {
        let subjects = match self.subjects(record)? {
            Ok(subjects) => subjects,
            Err(cause) => return Ok(Err(cause)),
        };
        for (about, subject) in subjects {
            // A zero byte separates the parts of the scratch's keys.
            if subject.contains('\0') {
                return Ok(Err("an id in it has a zero byte".to_owned()));
            }
            self.keep(about, &subject, record)?;
        }
        Ok(Ok(()))
    }

    /// What was refused has no number, and comes as often as its command does.
    fn subjects(&self, record: &Incoming<'_>) -> anyhow::Result<Subjects> {
        let (key, value) = (|| record.key.to_owned(), record.value);
        Ok(match record.book {
            Book::OrderCommands => {
                let places = self.reading.places_an_order(value)?;
                places.map(|places| places.then(|| (About::Order, key())).into_iter().collect())
            }
            Book::OrderEvents => self.reading.order_event(value)?.map(|(id, event)| {
                let id = (event.seq > 0).then_some((About::Id, id));
                id.into_iter().chain([(About::Order, key())]).collect()
            }),
            Book::Orders => self.reading.order(value)?.map(|_| vec![(About::Order, key())]),
            Book::StockEvents => self.reading.stock_event(value)?.map(|event| stock_event(event, key())),
            Book::Products => self.reading.product(value)?.map(|_| vec![(About::Product, key())]),
            Book::PaymentEvents => self.reading.payment_event(value)?.map(|(id, seq)| match seq {
                0 => Vec::new(),
                _ => vec![(About::Id, id)],
            }),
            Book::LedgerEntries => self
                .reading
                .ledger_entry(value)?
                .map(|entry| ledger_entry(entry, key())),
        })
    }

    fn keep(&mut self, about: About, subject: &str, record: &Incoming<'_>) -> anyhow::Result<()> {
        let entry = Entry {
            subject,
            book: record.book,
            place: record.place,
            key: record.key,
            // An id is compared, not read.
            value: if about == About::Id { &[] } else { record.value },
        };
        let (key, value) = entry.encode(about);
        self.scratch.put(key, Some(value))
    }
}

fn stock_event(event: StockRecord, product: String) -> Vec<(About, String)> {
    let order = match event.kind {
        StockEventKind::Changed(change) => change.hold.map(|(order, _)| (About::Order, order.0)),
        StockEventKind::Refused(_) => None,
    };
    let id = (event.seq > 0).then_some((About::Id, event.id));
    [Some((About::Product, product)), order, id]
        .into_iter()
        .flatten()
        .collect()
}

fn ledger_entry(entry: LedgerEntry, account: String) -> Vec<(About, String)> {
    let order = entry.order_id.map(|order| (About::Order, order.0));
    let (wallet, id) = ((About::Wallet, account), (About::Id, entry.entry_id));
    [Some(wallet), order, Some(id)].into_iter().flatten().collect()
}

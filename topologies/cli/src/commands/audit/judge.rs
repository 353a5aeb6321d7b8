//! The second pass: what the sorted books say about each order, product, wallet and id.

use commerce::audit::{Finding, OrderBook, Place, ProductBook, Seen, WalletBook, once};
use commerce::ids::OrderId;
use commerce::stock::{StockChange, StockEventKind};
use schemas::wire::product as wire;

use super::cut::{Book, Cut};
use super::reading::{Read, Reading, StockRecord};
use super::report::Report;
use super::scratch::{About, Entry, Scratch};

/// Records of one order that are judged; an order has some dozens, and each refused command of its buyer is one more.
const ORDER_RECORDS_MAX: usize = 100_000;
/// Places of one id that are counted.
const PLACES_MAX: usize = 1_000;

/// Judges everything at `now` (milliseconds since the epoch).
pub(super) fn judge(
    reading: &Reading,
    scratch: &Scratch,
    cut: &Cut,
    now: i64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let judge = Judge { reading, cut, now };
    each(scratch, About::Order, report, |subject| judge.order(subject))?;
    each(scratch, About::Product, report, |subject| judge.product(subject))?;
    each(scratch, About::Wallet, report, |subject| judge.wallet(subject))?;
    each(scratch, About::Id, report, IdOf::new)
}

struct Judge<'a> {
    reading: &'a Reading,
    cut: &'a Cut,
    now: i64,
}

/// Is told the entries about one thing, one by one, and then its verdict is asked for.
trait Verdict {
    fn add(&mut self, entry: &Entry<'_>, report: &mut Report) -> anyhow::Result<()>;
    fn close(&mut self, report: &mut Report);
}

/// Opens a book for each thing that the sorted entries are about.
fn each<B: Verdict>(
    scratch: &Scratch,
    about: About,
    report: &mut Report,
    open: impl Fn(&str) -> B,
) -> anyhow::Result<()> {
    let mut present: Option<(String, B)> = None;
    scratch.scan(&[about as u8], |key, value| {
        let Some(entry) = Entry::decode(key, value) else {
            anyhow::bail!("the scratch directory is damaged");
        };
        let book = match &mut present {
            Some((subject, book)) if subject == entry.subject => book,
            other => {
                if let Some((_, mut ended)) = other.take() {
                    ended.close(report);
                }
                &mut other.insert((entry.subject.to_owned(), open(entry.subject))).1
            }
        };
        book.add(&entry, report)
    })?;
    if let Some((_, mut ended)) = present {
        ended.close(report);
    }
    Ok(())
}

impl<'a> Judge<'a> {
    fn order(&self, order_id: &str) -> OrderOf<'a> {
        OrderOf {
            reading: self.reading,
            cut: self.cut,
            now: self.now,
            book: OrderBook::new(OrderId::from(order_id)),
            records: 0,
        }
    }

    fn product(&self, product_id: &str) -> ProductOf<'a> {
        ProductOf {
            reading: self.reading,
            cut: self.cut,
            book: ProductBook::new(product_id.into()),
            snapshot: None,
            last: None,
        }
    }

    fn wallet(&self, account_id: &str) -> WalletOf<'a> {
        WalletOf {
            reading: self.reading,
            cut: self.cut,
            book: WalletBook::new(account_id.into()),
        }
    }
}

struct OrderOf<'a> {
    reading: &'a Reading,
    cut: &'a Cut,
    now: i64,
    book: OrderBook,
    records: usize,
}

impl Verdict for OrderOf<'_> {
    fn add(&mut self, entry: &Entry<'_>, _: &mut Report) -> anyhow::Result<()> {
        self.records += 1;
        if self.records > ORDER_RECORDS_MAX {
            return Ok(());
        }
        let (book, place) = (&mut self.book, entry.place);
        book.in_motion |= !entry.book.is_state() && self.cut.is_in_motion(entry.book, place);
        match entry.book {
            Book::OrderCommands => {
                book.placed.get_or_insert(place);
            }
            Book::OrderEvents => {
                let event = self.reading.order_event(entry.value)?.map(|(_, event)| event);
                match again(event, place) {
                    Some(event) if event.record.seq > 0 => book.events.push(event),
                    // What was refused has no number.
                    refused => book.refused |= refused.is_some(),
                }
            }
            Book::Orders => book.snapshot = again(self.reading.order(entry.value)?, place),
            Book::StockEvents => {
                if let Some(record) = change(self.reading.stock_event(entry.value)?) {
                    book.changes.push((entry.key.into(), Seen { place, record }));
                }
            }
            Book::LedgerEntries => book
                .entries
                .extend(again(self.reading.ledger_entry(entry.value)?, place)),
            Book::Products | Book::PaymentEvents => {}
        }
        Ok(())
    }

    fn close(&mut self, report: &mut Report) {
        if self.records > ORDER_RECORDS_MAX {
            return report.unchecked(format!("an order has more than {ORDER_RECORDS_MAX} records"));
        }
        let begins = self.book.events.first().is_none_or(|event| event.record.seq == 1);
        if !begins && self.cut.has_lost_its_beginning(Book::OrderEvents) {
            return report.unchecked(format!(
                "{} does not reach back to the beginning of an order",
                Book::OrderEvents.topic()
            ));
        }
        if self.book.in_motion {
            report.unchecked("an order went on while the audit read it: its snapshot was not compared");
        }
        report.orders += 1;
        report.note(self.book.judge(self.now));
    }
}

struct ProductOf<'a> {
    reading: &'a Reading,
    cut: &'a Cut,
    book: ProductBook,
    snapshot: Option<Seen<wire::Product>>,
    last: Option<Place>,
}

impl Verdict for ProductOf<'_> {
    fn add(&mut self, entry: &Entry<'_>, report: &mut Report) -> anyhow::Result<()> {
        let place = entry.place;
        if entry.book == Book::Products {
            self.snapshot = again(self.reading.product(entry.value)?, place);
        } else if let Ok(event) = self.reading.stock_event(entry.value)? {
            self.last = Some(place);
            let seen = Seen {
                place,
                record: event.kind,
            };
            let findings = self.book.event(event.seq, &seen);
            if !self.cut.has_lost_its_beginning(Book::StockEvents) {
                report.note(findings);
            }
        }
        Ok(())
    }

    fn close(&mut self, report: &mut Report) {
        if self.cut.has_lost_its_beginning(Book::StockEvents) {
            return report.unchecked(format!(
                "{} does not reach back to its beginning",
                Book::StockEvents.topic()
            ));
        }
        report.products += 1;
        if self
            .last
            .is_some_and(|last| self.cut.is_in_motion(Book::StockEvents, last))
        {
            return report
                .unchecked("a product's stock went on while the audit read it: its snapshot was not compared");
        }
        report.note(self.book.settle(self.snapshot.as_ref(), self.last));
    }
}

struct WalletOf<'a> {
    reading: &'a Reading,
    cut: &'a Cut,
    book: WalletBook,
}

impl Verdict for WalletOf<'_> {
    fn add(&mut self, entry: &Entry<'_>, report: &mut Report) -> anyhow::Result<()> {
        if let Some(seen) = again(self.reading.ledger_entry(entry.value)?, entry.place) {
            let findings = self.book.entry(&seen);
            if !self.cut.has_lost_its_beginning(Book::LedgerEntries) {
                report.note(findings);
            }
        }
        Ok(())
    }

    fn close(&mut self, report: &mut Report) {
        if self.cut.has_lost_its_beginning(Book::LedgerEntries) {
            return report.unchecked(format!(
                "{} does not reach back to its beginning",
                Book::LedgerEntries.topic()
            ));
        }
        report.wallets += 1;
        report.payouts_on_their_way += self.book.payouts_on_their_way() as u64;
    }
}

/// The records of one id, topic by topic.
struct IdOf {
    id: String,
    book: Book,
    places: Vec<Place>,
}

impl IdOf {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            book: Book::OrderEvents,
            places: Vec::new(),
        }
    }

    fn once(&self) -> Option<Finding> {
        once(self.book.topic(), &self.id, &self.places)
    }
}

impl Verdict for IdOf {
    fn add(&mut self, entry: &Entry<'_>, report: &mut Report) -> anyhow::Result<()> {
        if entry.book != self.book {
            report.note(self.once());
            self.book = entry.book;
            self.places.clear();
        }
        if self.places.len() < PLACES_MAX {
            self.places.push(entry.place);
        }
        Ok(())
    }

    fn close(&mut self, report: &mut Report) {
        report.note(self.once());
    }
}

fn change(event: Read<StockRecord>) -> Option<StockChange> {
    match event.ok()?.kind {
        StockEventKind::Changed(change) => Some(change),
        StockEventKind::Refused(_) => None,
    }
}

/// What was read before and is read again. What could not be read was reported then.
fn again<T>(read: Read<T>, place: Place) -> Option<Seen<T>> {
    read.ok().map(|record| Seen { place, record })
}

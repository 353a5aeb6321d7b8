//! A sorted copy of the books on disk, so that an audit takes the same memory whatever their size.

use anyhow::Context;
use commerce::audit::Place;
use state_stores::{RocksDbStore, StateDirectory, StoreBudget, StoreMemory};
use streams::store::{KeyRange, KeyValueStore, Positions, StoreError, StoreWrite, prefix_end};
use streams::{StoreIndex, TaskId};
use tempfile::TempDir;

use super::cut::Book;
use super::{AuditArguments, go_on};

const TASK: TaskId = TaskId {
    subtopology: 0,
    partition: 0,
};
const STORE: StoreIndex = StoreIndex(0);
/// Bytes of entries that are sorted in memory before they become a file.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Keys and values in the byte order of the keys. It is gone when it is dropped.
pub(super) struct Scratch {
    batch: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    batch_bytes: usize,
    store: RocksDbStore,
    // Removed after the store is closed.
    _directory: TempDir,
}

impl Scratch {
    pub(super) fn open(arguments: &AuditArguments) -> anyhow::Result<Self> {
        let parent = arguments.scratch_dir.clone().unwrap_or_else(std::env::temp_dir);
        let place = || {
            format!(
                "cannot sort the books in {}; name another --scratch-dir",
                parent.display()
            )
        };
        let directory = TempDir::with_prefix_in("sluice-audit-", &parent).with_context(place)?;
        let bytes = usize::try_from(arguments.memory << 20).unwrap_or(usize::MAX);
        let memory = StoreMemory::new(StoreBudget::with_memory(bytes))?;
        let states = StateDirectory::new(directory.path(), "audit", memory)?;
        Ok(Self {
            batch: Vec::new(),
            batch_bytes: 0,
            store: states.open(TASK, &[(STORE, "books".to_owned())])?,
            _directory: directory,
        })
    }

    /// Sets a key; `None` takes it away. It shows after [`finish`](Self::finish).
    pub(super) fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> anyhow::Result<()> {
        self.batch_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.batch.push((key, value));
        if self.batch_bytes >= BATCH_BYTES_MAX {
            self.finish()?;
        }
        Ok(())
    }

    /// Writes what waits.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        let mut writes = self.batch.iter().map(|(key, value)| StoreWrite {
            store: STORE,
            key,
            value: value.as_deref(),
        });
        self.store
            .restore(&mut writes, &Positions::default())
            .map_err(unusable)?;
        self.batch.clear();
        self.batch_bytes = 0;
        Ok(())
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        let mut found = None;
        self.store
            .get(STORE, key, &mut |value| found = Some(value.to_vec()))
            .map_err(unusable)?;
        Ok(found)
    }

    /// Visits all entries whose keys begin with `prefix`, in the order of their keys.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let end = prefix_end(prefix);
        let range = KeyRange {
            from: prefix,
            to: end.as_deref(),
        };
        let mut failed = Ok(());
        self.store
            .range(STORE, range, false, &mut |key, value| {
                go_on(visit(key, value), &mut failed)
            })
            .map_err(unusable)?;
        failed
    }
}

/// The end of the audit, and nothing about the stores that it looks at.
#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn unusable(error: StoreError) -> anyhow::Error {
    anyhow::anyhow!("the books cannot be sorted: {error}; or name another --scratch-dir")
}

/// What an entry of the sorted books is about. The numbers lead their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// An order.
    Order = 1,
    /// A product.
    Product = 2,
    /// A wallet.
    Wallet = 3,
    /// Something that happens once.
    Id = 4,
    /// An entry of a store, as its changelog has it up to the store's position.
    Logged = 5,
    /// A key of a store that its changelog has again behind the position.
    LoggedAgain = 6,
    /// An output, by topic, task and number.
    Output = 7,
}

/// An entry of the sorted books, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// The id of what it is about.
    pub(super) subject: &'a str,
    /// The topic.
    pub(super) book: Book,
    /// Where the record stands.
    pub(super) place: Place,
    /// The key of the record.
    pub(super) key: &'a str,
    /// The value of the record.
    pub(super) value: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The key and the value under which it is kept. Of a topic of which only the newest record counts, the next one takes the place.
    pub(super) fn encode(&self, about: About) -> (Vec<u8>, Vec<u8>) {
        let place = [
            &self.place.partition.to_be_bytes()[..],
            &self.place.offset.to_be_bytes()[..],
        ]
        .concat();
        let order = if self.book.is_state() { &[][..] } else { &place[..] };
        let key = [&[about as u8], self.subject.as_bytes(), &[0, self.book as u8], order].concat();
        let key_bytes = u16::try_from(self.key.len()).unwrap_or(u16::MAX).to_be_bytes();
        let value = [&place[..], &key_bytes[..], self.key.as_bytes(), self.value].concat();
        (key, value)
    }

    /// The reverse of [`encode`](Self::encode).
    pub(super) fn decode(key: &'a [u8], value: &'a [u8]) -> Option<Self> {
        let (subject, rest) = key
            .get(1..)?
            .split_at_checked(key.get(1..)?.iter().position(|byte| *byte == 0)?)?;
        let (partition, value) = value.split_first_chunk()?;
        let (offset, value) = value.split_first_chunk()?;
        let (key_bytes, value) = value.split_first_chunk()?;
        let (key, value) = value.split_at_checked(usize::from(u16::from_be_bytes(*key_bytes)))?;
        Some(Self {
            subject: std::str::from_utf8(subject).ok()?,
            book: *Book::ALL.get(usize::from(*rest.get(1)?))?,
            place: Place {
                partition: i32::from_be_bytes(*partition),
                offset: i64::from_be_bytes(*offset),
            },
            key: std::str::from_utf8(key).ok()?,
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_as_it_was_kept() {
        for book in Book::ALL {
            let entry = Entry {
                subject: "order-1",
                book,
                place: Place {
                    partition: 5,
                    offset: 77,
                },
                key: "product-1",
                value: b"\0\0\0\0\x01avro",
            };
            let (key, value) = entry.encode(About::Order);
            assert_eq!(Entry::decode(&key, &value), Some(entry));
        }
    }
}

//! The log of one partition: offsets, markers, and what a reader may see of it.

use super::error::KafkaError;
use super::ids::{Policy, StoredRecord};
use super::marker::Marker;
use super::producers::{Producers, Sequenced};
use super::request::OffsetSpec;
use super::response::Fetched;

/// A partition. Replication takes no time, so its high watermark is its end.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) policy: Policy,
    remembered_batches: usize,
    pub(super) start: i64,
    end: i64,
    /// What is left of the log, by ascending offset.
    pub(super) entries: Vec<Entry>,
    /// What was deleted, for the oracles alone.
    pub(super) deleted: Vec<Entry>,
    producers: Producers,
}

/// What one offset holds.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) offset: i64,
    /// The producer id and whether the record belongs to a transaction.
    producer: (i64, bool),
    pub(super) aborted: bool,
    /// None for a marker.
    pub(super) record: Option<StoredRecord>,
}

impl Partition {
    pub(super) fn new(policy: Policy, remembered_batches: usize) -> Self {
        Self {
            policy,
            remembered_batches,
            start: 0,
            end: 0,
            entries: Vec::new(),
            deleted: Vec::new(),
            producers: Producers::default(),
        }
    }

    /// Appends a batch and answers its first offset. `verify` asks the transaction's coordinator whether the partition belongs
    /// to the transaction. Real brokers ask only before the first batch of a transaction in the partition (KIP-890, part 1):
    /// a late batch of an earlier transaction gets in behind the first one of the next if its sequence number fits.
    pub(super) fn produce(
        &mut self,
        batch: Sequenced,
        records: Vec<StoredRecord>,
        verify: impl FnOnce() -> Result<(), KafkaError>,
    ) -> Result<i64, KafkaError> {
        if batch.transactional && !self.producers.is_in_transaction(batch.producer) {
            self.producers.begin_verification(batch);
            verify()?;
        }
        let is_valid = |record: &StoredRecord| self.policy == Policy::Delete || record.key.is_some();
        if records.is_empty() || !records.iter().all(is_valid) {
            return Err(KafkaError::InvalidRecord);
        }
        let base_offset = self.end;
        if batch.producer.id >= 0 {
            if let Some(old) = self.producers.check(batch)? {
                return Ok(old);
            }
            self.producers.appended(batch, base_offset, self.remembered_batches);
        }
        for record in records {
            self.append((batch.producer.id, batch.transactional), Some(record));
        }
        Ok(base_offset)
    }

    /// Ends the producer's transaction in this partition. A marker takes an offset even where the transaction wrote nothing.
    pub(super) fn write_marker(&mut self, marker: &Marker) -> Result<(), KafkaError> {
        let first = self.producers.end(marker.producer, marker.coordinator_epoch)?;
        if let Some(first) = first.filter(|_| !marker.commit) {
            let from = self.position(first);
            let written = self.entries.iter_mut().skip(from);
            for entry in written.filter(|entry| entry.producer == (marker.producer.id, true)) {
                entry.aborted = true;
            }
        }
        self.append((marker.producer.id, true), None);
        Ok(())
    }

    /// Behind the last record.
    pub(super) fn high_watermark(&self) -> i64 {
        self.end
    }

    /// The end for readers of committed records.
    pub(super) fn last_stable_offset(&self) -> i64 {
        self.producers
            .first_open()
            .map_or(self.end, |first| first.max(self.start))
    }

    /// What a fetch from `offset` answers.
    pub(super) fn fetch(&self, offset: i64, committed: bool, max_records: usize) -> Result<Fetched, KafkaError> {
        if offset < self.start || offset > self.end {
            return Err(KafkaError::OffsetOutOfRange);
        }
        let end = if committed { self.last_stable_offset() } else { self.end };
        let mut fetched = Fetched {
            records: Vec::new(),
            next: offset,
            last_stable_offset: self.last_stable_offset(),
            high_watermark: self.end,
            log_start: self.start,
        };
        let entries = self.entries.iter().skip(self.position(offset));
        for entry in entries.take_while(|entry| entry.offset < end) {
            if fetched.records.len() >= max_records {
                return Ok(fetched);
            }
            let record = entry.record.as_ref().filter(|_| !(committed && entry.aborted));
            fetched
                .records
                .extend(record.map(|record| (entry.offset, record.clone())));
            fetched.next = entry.offset + 1;
        }
        fetched.next = offset.max(end);
        Ok(fetched)
    }

    /// The offset that `which` means.
    pub(super) fn offset(&self, which: OffsetSpec) -> i64 {
        match which {
            OffsetSpec::Earliest => self.start,
            OffsetSpec::Latest { committed: true } => self.last_stable_offset(),
            OffsetSpec::Latest { committed: false } => self.end,
        }
    }

    /// Records that readers of committed records can see, or could see before they were deleted.
    pub(super) fn committed(&self) -> impl Iterator<Item = (i64, &StoredRecord)> {
        self.committed_since(0)
    }

    /// Those of them at `offset` and behind it.
    pub(super) fn committed_since(&self, offset: i64) -> impl Iterator<Item = (i64, &StoredRecord)> {
        let end = self.last_stable_offset();
        let gone = self.deleted.partition_point(|entry| entry.offset < offset);
        let entries = self.entries.iter().skip(self.position(offset));
        let all = self.deleted.iter().skip(gone).chain(entries);
        let stable = all.take_while(move |entry| entry.offset < end);
        let visible = stable.filter(|entry| !entry.aborted);
        visible.filter_map(|entry| entry.record.as_ref().map(|record| (entry.offset, record)))
    }

    fn append(&mut self, producer: (i64, bool), record: Option<StoredRecord>) {
        self.entries.push(Entry {
            offset: self.end,
            producer,
            aborted: false,
            record,
        });
        self.end += 1;
    }

    /// Where the first entry at or after the offset stands.
    fn position(&self, offset: i64) -> usize {
        self.entries.partition_point(|entry| entry.offset < offset)
    }
}

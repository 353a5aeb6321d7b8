//! What brokers do to old records: compaction and retention.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::partition::Partition;

impl Partition {
    /// Keeps, below the last stable offset, the newest committed record of each key. Aborted records go, offsets and markers
    /// stay, and so do tombstones: a real broker drops them at a time of its own, which no reader may rely on.
    pub(super) fn compact(&mut self) {
        let stable = self.last_stable_offset();
        let mut newest: BTreeMap<Bytes, i64> = BTreeMap::new();
        for (offset, record) in self.committed() {
            newest.extend(record.key.clone().map(|key| (key, offset)));
        }
        self.entries.retain(|entry| {
            let Some(record) = entry.record.as_ref().filter(|_| entry.offset < stable) else {
                return true;
            };
            let is_newest = |key| newest.get(key) == Some(&entry.offset);
            record.key.as_ref().is_some_and(is_newest)
        });
    }

    /// Moves the log's start to `offset`, at most to its end, and never back.
    pub(super) fn delete_before(&mut self, offset: i64) {
        self.start = self.start.max(offset.min(self.high_watermark()));
        let gone = self.entries.partition_point(|entry| entry.offset < self.start);
        self.deleted.extend(self.entries.drain(..gone));
    }
}

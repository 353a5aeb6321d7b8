//! A bounded cache of decoded, committed values in front of a store.

use std::collections::HashMap;
use std::mem;

/// Two generations: an entry that is not read while a whole generation fills is dropped with the old one.
/// This is the second-chance idea with one bit per generation instead of one per entry; every operation is O(1).
#[derive(Debug)]
pub(crate) struct Cache<V> {
    young: HashMap<Box<[u8]>, Entry<V>>,
    old: HashMap<Box<[u8]>, Entry<V>>,
    young_bytes: usize,
    old_bytes: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
}

/// What a map slot costs beside its key and value, measured roughly: hash table slack and two headers.
const ENTRY_OVERHEAD_BYTES: usize = 64;

impl<V> Cache<V> {
    /// A cache that holds at most about `bytes_max` bytes; 0 switches it off.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
            old_bytes: 0,
            bytes_max,
        }
    }

    pub(crate) fn get(&mut self, key: &[u8]) -> Option<&V> {
        if !self.young.contains_key(key) {
            let (key, entry) = self.old.remove_entry(key)?;
            self.old_bytes -= entry.bytes;
            self.insert_young(key, entry);
        }
        self.young.get(key).map(|entry| &entry.value)
    }

    /// Remembers a committed value whose encoding has `encoded_bytes`.
    pub(crate) fn insert(&mut self, key: Box<[u8]>, value: V, encoded_bytes: usize) {
        if self.bytes_max == 0 {
            return;
        }
        self.remove(&key);
        let bytes = key.len() + encoded_bytes + size_of::<V>() + ENTRY_OVERHEAD_BYTES;
        self.insert_young(key, Entry { value, bytes });
    }

    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Some(entry) = self.young.remove(key) {
            self.young_bytes -= entry.bytes;
        }
        if let Some(entry) = self.old.remove(key) {
            self.old_bytes -= entry.bytes;
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.young_bytes + self.old_bytes
    }

    fn insert_young(&mut self, key: Box<[u8]>, entry: Entry<V>) {
        if self.young_bytes + entry.bytes > self.bytes_max / 2 {
            self.old = mem::take(&mut self.young);
            self.old_bytes = mem::take(&mut self.young_bytes);
        }
        self.young_bytes += entry.bytes;
        self.young.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> Box<[u8]> {
        Box::from(n.to_be_bytes())
    }

    #[test]
    fn the_cache_stays_within_its_bytes_and_keeps_what_is_read() {
        let mut cache = Cache::new(10_000);
        cache.insert(key(0), 0u32, 4);
        for n in 1..10_000 {
            cache.insert(key(n), n, 4);
            assert!(cache.get(&key(0)).is_some(), "a key that is read all the time stays");
            assert!(cache.bytes() <= 10_000 + 200);
        }
        assert!(cache.get(&key(1)).is_none(), "a key that nobody reads goes");
    }

    #[test]
    fn a_removed_key_is_gone_from_both_generations() {
        let mut cache = Cache::new(1_000);
        cache.insert(key(1), 1u32, 4);
        cache.remove(&key(1));
        assert!(cache.get(&key(1)).is_none());
        assert_eq!(cache.bytes(), 0);
    }
}

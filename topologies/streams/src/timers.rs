//! Timers are state: entries of a store whose keys begin with the time, so that due ones stand first.

use std::sync::Arc;

use crate::record::StoreIndex;
use crate::serde::{Encoded, Serde, SerdeError, SharedSerde};

/// Which time a timer or a punctuation goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PunctuationType {
    /// The largest event time seen by the task: stands still when no record comes.
    StreamTime,
    /// The clock of the machine, as the shell passes it in.
    WallClockTime,
}

/// A declared timer store with keys of type `K`. Made by [`TopologyBuilder::timers`](crate::TopologyBuilder::timers).
pub struct TimerRef<K> {
    pub(crate) store: StoreIndex,
    pub(crate) key: SharedSerde<K>,
}

impl<K> Clone for TimerRef<K> {
    fn clone(&self) -> Self {
        Self {
            store: self.store,
            key: Arc::clone(&self.key),
        }
    }
}

/// A timer that has come due. It is no longer set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredTimer {
    pub(crate) store: StoreIndex,
    pub(crate) key: Vec<u8>,
    /// The time it was set for, in milliseconds since the epoch; firing may be later, never earlier.
    pub at_ms: i64,
}

impl FiredTimer {
    /// Whether it was set on `timers`.
    #[must_use]
    pub fn is<K>(&self, timers: &TimerRef<K>) -> bool {
        self.store == timers.store
    }

    /// The key it was set with.
    pub fn key<K>(&self, timers: &TimerRef<K>) -> Result<K, SerdeError> {
        timers.key.deserialize(Some(&self.key))
    }
}

/// The key of a timer entry: time first, in an order-preserving encoding, then the user's key bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimerKey {
    pub(crate) at_ms: i64,
    pub(crate) key: Vec<u8>,
}

/// Flipping the sign bit makes unsigned byte order equal to signed number order.
const SIGN: u64 = 1 << 63;

/// The encoded bound before which (exclusive) every timer due at `at_ms` or earlier stands.
pub(crate) fn due_bound(at_ms: i64) -> Vec<u8> {
    let after = at_ms.saturating_add(1);
    (after.cast_unsigned() ^ SIGN).to_be_bytes().to_vec()
}

/// The time and the user's key bytes of an entry of a timer store, for whoever reads the store from outside.
pub fn entry(key: &[u8]) -> Result<(i64, &[u8]), SerdeError> {
    let (at, key) = key
        .split_first_chunk::<8>()
        .ok_or_else(|| SerdeError::malformed("a timer key has at least 8 bytes"))?;
    Ok(((u64::from_be_bytes(*at) ^ SIGN).cast_signed(), key))
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct TimerKeySerde;

impl Serde<TimerKey> for TimerKeySerde {
    fn serialize(&self, value: &TimerKey, out: &mut Vec<u8>) -> Result<Encoded, SerdeError> {
        out.extend_from_slice(&(value.at_ms.cast_unsigned() ^ SIGN).to_be_bytes());
        out.extend_from_slice(&value.key);
        Ok(Encoded::Bytes)
    }

    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<TimerKey, SerdeError> {
        let (at_ms, key) = entry(bytes.ok_or(SerdeError::Null)?)?;
        Ok(TimerKey {
            at_ms,
            key: key.to_vec(),
        })
    }
}

/// Timers carry no value; the entry's presence is the timer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnitSerde;

impl Serde<()> for UnitSerde {
    fn serialize(&self, (): &(), _out: &mut Vec<u8>) -> Result<Encoded, SerdeError> {
        Ok(Encoded::Bytes)
    }

    fn deserialize(&self, _bytes: Option<&[u8]>) -> Result<(), SerdeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn encoded(at_ms: i64) -> Vec<u8> {
        let mut out = Vec::new();
        TimerKeySerde
            .serialize(
                &TimerKey {
                    at_ms,
                    key: b"k".to_vec(),
                },
                &mut out,
            )
            .unwrap();
        out
    }

    #[test]
    fn timer_keys_sort_by_time_also_before_the_epoch() {
        assert!(encoded(-5) < encoded(-1) && encoded(-1) < encoded(0) && encoded(0) < encoded(7));
    }

    #[test]
    fn the_due_bound_takes_in_its_own_millisecond_and_no_later_one() {
        assert!(encoded(7) < due_bound(7));
        assert!(encoded(8) >= due_bound(7));
    }
}

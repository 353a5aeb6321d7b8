//! Committed state in memory: for the test driver and the simulation, and the reference the `RocksDB` store is checked against.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::record::StoreIndex;
use crate::store::{KeyRange, KeyValueStore, Positions, StoreError, StoreWrite, Visitor};

/// A [`KeyValueStore`] in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<StoreIndex, Entries>,
    positions: Positions,
}

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

impl MemoryStore {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic in another reader leaves the data whole: writes happen under one guard.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValueStore for MemoryStore {
    fn get(&self, store: StoreIndex, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        let state = self.read();
        let value = state.entries.get(&store).and_then(|entries| entries.get(key));
        if let Some(value) = value {
            read(value);
        }
        Ok(value.is_some())
    }

    fn range(
        &self,
        store: StoreIndex,
        range: KeyRange<'_>,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        let state = self.read();
        let bounds = (
            Bound::Included(range.from),
            range.to.map_or(Bound::Unbounded, Bound::Excluded),
        );
        if range.to.is_some_and(|to| to <= range.from) {
            return Ok(());
        }
        let Some(entries) = state.entries.get(&store) else {
            return Ok(());
        };
        let mut entries = entries.range::<[u8], _>(bounds);
        while let Some((key, value)) = if reverse { entries.next_back() } else { entries.next() } {
            if let ControlFlow::Break(()) = visit(key, value) {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, writes: &mut dyn Iterator<Item = StoreWrite<'_>>, positions: &Positions) -> Result<(), StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            let entries = state.entries.entry(write.store).or_default();
            match write.value {
                Some(value) => entries.insert(write.key.to_vec(), value.to_vec()),
                None => entries.remove(write.key),
            };
        }
        state.positions.clone_from(positions);
        Ok(())
    }

    fn positions(&self) -> Positions {
        self.read().positions.clone()
    }
}

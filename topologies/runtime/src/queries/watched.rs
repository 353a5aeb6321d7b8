//! Who waits for which key of a task: a commit wakes those whose key it has written, and nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streams::StoreIndex;
use streams::store::{KeyRange, KeyValueStore, Positions, StoreError, StoreWrite, Visitor};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::local::fingerprint;

/// A task's store that tells of writes. A thousand clients that follow an order each cost a commit of other orders one look into a
/// map for each of its writes, and no read.
pub(crate) struct WatchedStore {
    store: Arc<dyn KeyValueStore>,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    /// By the fingerprint of store and key: those of two keys with one fingerprint are woken in vain.
    waiters: HashMap<u64, Waiters>,
    is_over: bool,
}

#[derive(Default)]
struct Waiters {
    count: usize,
    written: Arc<Notify>,
}

/// Somebody who waits for writes of a key, until this is dropped.
pub(crate) struct Watch {
    store: Arc<WatchedStore>,
    key: u64,
    written: Arc<Notify>,
}

impl WatchedStore {
    pub(crate) fn new(store: Arc<dyn KeyValueStore>) -> Self {
        Self {
            store,
            watched: Mutex::default(),
        }
    }

    /// Waits for writes of `key`.
    pub(crate) fn watch(self: &Arc<Self>, store: StoreIndex, key: &[u8]) -> Watch {
        let key = fingerprint((store, key));
        let mut watched = self.watched();
        let waiters = watched.waiters.entry(key).or_default();
        waiters.count += 1;
        Watch {
            store: Arc::clone(self),
            key,
            written: Arc::clone(&waiters.written),
        }
    }

    /// The task does not run here any more: wakes everybody, so that nobody keeps its store open.
    pub(crate) fn end(&self) {
        let mut watched = self.watched();
        watched.is_over = true;
        watched
            .waiters
            .values()
            .for_each(|waiters| waiters.written.notify_waiters());
    }

    fn wake(&self, keys: &[u64]) {
        let watched = self.watched();
        if watched.waiters.is_empty() {
            return;
        }
        let woken = keys.iter().filter_map(|key| watched.waiters.get(key));
        woken.for_each(|waiters| waiters.written.notify_waiters());
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        // Each change leaves the map whole, so a panic elsewhere does not spoil it.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValueStore for WatchedStore {
    fn get(&self, store: StoreIndex, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        self.store.get(store, key, read)
    }

    fn range(
        &self,
        store: StoreIndex,
        range: KeyRange<'_>,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        self.store.range(store, range, reverse, visit)
    }

    fn write(&self, writes: &mut dyn Iterator<Item = StoreWrite<'_>>, positions: &Positions) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        let mut noted = writes.inspect(|write| keys.push(fingerprint((write.store, write.key))));
        self.store.write(&mut noted, positions)?;
        // Whoever has read the value before this write waits already.
        self.wake(&keys);
        Ok(())
    }

    fn restore(
        &self,
        writes: &mut dyn Iterator<Item = StoreWrite<'_>>,
        positions: &Positions,
    ) -> Result<(), StoreError> {
        self.store.restore(writes, positions)
    }

    fn positions(&self) -> Positions {
        self.store.positions()
    }
}

impl Watch {
    /// Resolves with the next write of the key, or when the task ends here. What happens after this call is not missed.
    pub(crate) fn written(&self) -> Notified<'_> {
        self.written.notified()
    }

    /// Whether the task does not run here any more.
    pub(crate) fn is_over(&self) -> bool {
        self.store.watched().is_over
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.store.watched();
        if let Some(waiters) = watched.waiters.get_mut(&self.key) {
            waiters.count -= 1;
            if waiters.count == 0 {
                watched.waiters.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use streams::MemoryStore;

    use super::*;

    const STORE: StoreIndex = StoreIndex(1);

    fn store() -> Arc<WatchedStore> {
        Arc::new(WatchedStore::new(Arc::new(MemoryStore::default())))
    }

    fn write(store: &WatchedStore, key: &[u8]) {
        let write = StoreWrite {
            store: STORE,
            key,
            value: Some(b"value"),
        };
        store.write(&mut std::iter::once(write), &Positions::default()).unwrap();
    }

    fn is_woken(written: std::pin::Pin<&mut Notified<'_>>) -> bool {
        written.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn a_write_wakes_those_who_wait_for_its_key_and_nobody_else() {
        let store = store();
        let (own, other) = (store.watch(STORE, b"a"), store.watch(STORE, b"b"));
        let elsewhere = store.watch(StoreIndex(2), b"a");
        let (mut own, mut other, mut elsewhere) =
            (pin!(own.written()), pin!(other.written()), pin!(elsewhere.written()));
        assert!(!is_woken(own.as_mut()));
        write(&store, b"a");
        assert!(is_woken(own.as_mut()));
        assert!(!is_woken(other.as_mut()) && !is_woken(elsewhere.as_mut()));
    }

    #[test]
    fn a_write_between_the_wish_to_wait_and_the_first_look_is_not_missed() {
        let store = store();
        let watch = store.watch(STORE, b"a");
        let mut written = pin!(watch.written());
        write(&store, b"a");
        assert!(is_woken(written.as_mut()));
    }

    #[test]
    fn the_end_of_the_task_wakes_everybody() {
        let store = store();
        let watch = store.watch(STORE, b"a");
        let mut written = pin!(watch.written());
        assert!(!is_woken(written.as_mut()) && !watch.is_over());
        store.end();
        assert!(is_woken(written.as_mut()) && watch.is_over());
    }

    #[test]
    fn nothing_is_kept_of_those_who_have_left() {
        let store = store();
        let (first, second) = (store.watch(STORE, b"a"), store.watch(STORE, b"a"));
        drop(first);
        assert_eq!(store.watched().waiters.len(), 1);
        drop(second);
        assert!(store.watched().waiters.is_empty());
    }
}

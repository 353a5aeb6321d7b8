//! The port through which handlers read committed state.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use runtime::queries::{Entries, EntryRange, Freshness, Queries, QueryError, StoreAddress};

/// The future of a read.
pub type Read<'a, T> = Pin<Box<dyn Future<Output = Result<T, QueryError>> + Send + 'a>>;

/// Whether a value is the one that is waited for.
pub type Done<'a> = &'a (dyn Fn(Option<&[u8]>) -> bool + Sync);

/// Interactive queries as the gateway uses them. In production this is the runtime's `Queries`.
pub trait Views: Send + Sync {
    /// The value of a key.
    fn get<'a>(
        &'a self,
        at: StoreAddress<'a>,
        key: &'a [u8],
        fresh: &'a Freshness,
        timeout: Duration,
    ) -> Read<'a, Option<Vec<u8>>>;

    /// The values of keys that are their own routing keys, as far as they are committed, in the order of the keys.
    fn get_many<'a>(
        &'a self,
        topology: &'a str,
        store: &'a str,
        keys: &'a [Vec<u8>],
        timeout: Duration,
    ) -> Read<'a, Vec<Option<Vec<u8>>>>;

    /// The entries of a range in one partition.
    fn range<'a>(
        &'a self,
        at: StoreAddress<'a>,
        range: &'a EntryRange,
        fresh: &'a Freshness,
        timeout: Duration,
    ) -> Read<'a, Entries>;

    /// The entries of a range in all partitions, in key order.
    fn scan<'a>(
        &'a self,
        topology: &'a str,
        store: &'a str,
        range: &'a EntryRange,
        timeout: Duration,
    ) -> Read<'a, Entries>;

    /// Reads until `done` says so or the timeout passes; the last value that was read.
    fn wait<'a>(
        &'a self,
        at: StoreAddress<'a>,
        key: &'a [u8],
        timeout: Duration,
        done: Done<'a>,
    ) -> Read<'a, Option<Vec<u8>>>;

    /// Why some state that this process owns cannot be read or does not follow now, in words; empty when all is well.
    fn obstacles(&self) -> Vec<String>;
}

impl Views for Queries {
    fn get<'a>(
        &'a self,
        at: StoreAddress<'a>,
        key: &'a [u8],
        fresh: &'a Freshness,
        timeout: Duration,
    ) -> Read<'a, Option<Vec<u8>>> {
        Box::pin(self.get(at, key, fresh, timeout))
    }

    fn get_many<'a>(
        &'a self,
        topology: &'a str,
        store: &'a str,
        keys: &'a [Vec<u8>],
        timeout: Duration,
    ) -> Read<'a, Vec<Option<Vec<u8>>>> {
        Box::pin(self.get_many(topology, store, keys, timeout))
    }

    fn range<'a>(
        &'a self,
        at: StoreAddress<'a>,
        range: &'a EntryRange,
        fresh: &'a Freshness,
        timeout: Duration,
    ) -> Read<'a, Entries> {
        Box::pin(self.range(at, range, fresh, timeout))
    }

    fn scan<'a>(
        &'a self,
        topology: &'a str,
        store: &'a str,
        range: &'a EntryRange,
        timeout: Duration,
    ) -> Read<'a, Entries> {
        Box::pin(self.scan(topology, store, range, timeout))
    }

    fn wait<'a>(
        &'a self,
        at: StoreAddress<'a>,
        key: &'a [u8],
        timeout: Duration,
        done: Done<'a>,
    ) -> Read<'a, Option<Vec<u8>>> {
        Box::pin(self.wait(at, key, timeout, done))
    }

    fn obstacles(&self) -> Vec<String> {
        self.obstacles()
    }
}

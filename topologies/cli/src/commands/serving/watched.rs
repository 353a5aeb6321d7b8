//! Queries that count as ready only while the log can be reached.

use std::sync::Arc;
use std::time::Duration;

use edge_api::views::{Done, Read, Views};
use runtime::queries::{EntryRange, Freshness, Queries, StoreAddress};

use crate::platform::Platform;

/// Queries, with the platform's own obstacles in their readiness: a thread that waits for a broker runs all its tasks and does
/// no work.
pub(super) struct WatchedViews {
    pub(super) queries: Queries,
    pub(super) platform: Arc<dyn Platform>,
}

impl Views for WatchedViews {
    fn get<'a>(
        &'a self,
        at: StoreAddress<'a>,
        key: &'a [u8],
        fresh: &'a Freshness,
        timeout: Duration,
    ) -> Read<'a, Option<Vec<u8>>> {
        Views::get(&self.queries, at, key, fresh, timeout)
    }

    fn get_many<'a>(
        &'a self,
        topology: &'a str,
        store: &'a str,
        keys: &'a [Vec<u8>],
        timeout: Duration,
    ) -> Read<'a, Vec<Option<Vec<u8>>>> {
        Views::get_many(&self.queries, topology, store, keys, timeout)
    }

    fn range<'a>(
        &'a self,
        at: StoreAddress<'a>,
        range: &'a EntryRange,
        fresh: &'a Freshness,
        timeout: Duration,
    ) -> Read<'a, runtime::queries::Entries> {
        Views::range(&self.queries, at, range, fresh, timeout)
    }

    fn scan<'a>(
        &'a self,
        topology: &'a str,
        store: &'a str,
        range: &'a EntryRange,
        timeout: Duration,
    ) -> Read<'a, runtime::queries::Entries> {
        Views::scan(&self.queries, topology, store, range, timeout)
    }

    fn wait<'a>(
        &'a self,
        at: StoreAddress<'a>,
        key: &'a [u8],
        timeout: Duration,
        done: Done<'a>,
    ) -> Read<'a, Option<Vec<u8>>> {
        Views::wait(&self.queries, at, key, timeout, done)
    }

    fn obstacles(&self) -> Vec<String> {
        [self.queries.obstacles(), self.platform.obstacles()].concat()
    }
}

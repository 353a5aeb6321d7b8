//! Reads of tasks that run in this process, with a hand-over to the owner for those that do not.

use std::collections::BTreeMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use streams::store::{KeyRange, KeyValueStore as _, StoreError};
use streams::{Layout, StoreIndex, TaskId};
use tokio::time::{Instant, timeout_at};

use super::hosting::{HostedTask, Hosting};
use super::remote::RemoteQueries;
use super::{Entries, EntryRange, Freshness, QueryError, StoreAddress};

/// Entries that one range read answers at most, whatever was asked.
pub const RANGE_ENTRIES_MAX: usize = 1_000;

/// Keys that one question may be about.
pub const KEYS_MAX: usize = 1_000;

/// Answers for any key of any known topology: from here when its task runs here, from its owner otherwise.
#[derive(Clone)]
pub struct Queries {
    hosting: Arc<Hosting>,
    remote: Option<Arc<RemoteQueries>>,
}

/// Where a query leads.
pub(crate) struct Route {
    pub(crate) layout: Arc<Layout>,
    pub(crate) store: StoreIndex,
    pub(crate) task: TaskId,
    local: Option<HostedTask>,
}

impl Queries {
    /// Queries over the tasks in `hosting`; `remote` asks other instances, `None` means there are none.
    #[must_use]
    pub fn new(hosting: Arc<Hosting>, remote: Option<RemoteQueries>) -> Self {
        Self {
            hosting,
            remote: remote.map(Arc::new),
        }
    }

    /// The same queries without other instances: what an instance answers to another one.
    #[must_use]
    pub fn local_only(&self) -> Self {
        Self {
            hosting: Arc::clone(&self.hosting),
            remote: None,
        }
    }

    /// What this process hosts.
    #[must_use]
    pub fn hosting(&self) -> &Arc<Hosting> {
        &self.hosting
    }

    /// Why some stream thread of this process does not run all its tasks now; empty when all do.
    #[must_use]
    pub fn obstacles(&self) -> Vec<String> {
        self.hosting.obstacles()
    }

    /// Whether every stream thread of this process runs all its tasks.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.obstacles().is_empty()
    }

    /// The committed value of `key`.
    pub async fn get(
        &self,
        at: StoreAddress<'_>,
        key: &[u8],
        fresh: &Freshness,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, QueryError> {
        let route = self.route(at)?;
        self.get_of(&route, at, key, fresh, timeout).await
    }

    /// The committed values of keys that are their own routing keys, in the order of the keys; refused beyond [`KEYS_MAX`]. However many
    /// there are, each owner is asked once for each of its tasks.
    pub async fn get_many(
        &self,
        topology: &str,
        store: &str,
        keys: &[Vec<u8>],
        timeout: Duration,
    ) -> Result<Vec<Option<Vec<u8>>>, QueryError> {
        let at = |routing_key| StoreAddress {
            topology,
            store,
            routing_key,
        };
        let mut tasks = BTreeMap::new();
        for (place, key) in keys.iter().enumerate() {
            let route = self.route(at(key))?;
            let (_, places, keys) = tasks.entry(route.task).or_insert((route, Vec::new(), Vec::new()));
            places.push(place);
            keys.push(key.clone());
        }
        let asked = tasks.into_values().map(async |(route, places, keys)| {
            let values = self.get_many_of(&route, at(&[]), keys, timeout).await?;
            if values.len() == places.len() {
                Ok(places.into_iter().zip(values))
            } else {
                let other = "an owner has answered for other keys".to_owned();
                Err(QueryError::Unavailable(other))
            }
        });
        let mut values: Vec<_> = try_join_all(asked).await?.into_iter().flatten().collect();
        values.sort_unstable_by_key(|(place, _)| *place);
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }

    /// Entries of a range, all of the task that owns the routing key. At most [`RANGE_ENTRIES_MAX`].
    pub async fn range(
        &self,
        at: StoreAddress<'_>,
        range: &EntryRange,
        fresh: &Freshness,
        timeout: Duration,
    ) -> Result<Entries, QueryError> {
        let route = self.route(at)?;
        self.range_of(&route, at, range, fresh, timeout).await
    }

    /// Entries of a range across all tasks of a store, merged in key order. At most [`RANGE_ENTRIES_MAX`].
    pub async fn scan(
        &self,
        topology: &str,
        store: &str,
        range: &EntryRange,
        timeout: Duration,
    ) -> Result<Entries, QueryError> {
        let at = StoreAddress {
            topology,
            store,
            routing_key: &[],
        };
        let (layout, index) = self.store(at)?;
        let mut entries = Entries::new();
        let owners = layout.tasks.iter().filter(|task| task.stores.contains(&index));
        for task in owners {
            let local = self.hosting.task(topology, task.id);
            let route = Route {
                layout: Arc::clone(&layout),
                store: index,
                task: task.id,
                local,
            };
            entries.extend(self.range_of(&route, at, range, &Freshness::Committed, timeout).await?);
        }
        entries.sort();
        if range.reverse {
            entries.reverse();
        }
        entries.truncate(range.limit.min(RANGE_ENTRIES_MAX));
        Ok(entries)
    }

    /// Reads, and reads again after each change, until `done` holds or the timeout; answers the last value read.
    /// The waiter is registered before the first read, so that no change is missed.
    pub async fn wait(
        &self,
        at: StoreAddress<'_>,
        key: &[u8],
        timeout: Duration,
        done: &(dyn Fn(Option<&[u8]>) -> bool + Sync),
    ) -> Result<Option<Vec<u8>>, QueryError> {
        let deadline = Instant::now() + timeout;
        let mut value = self.get(at, key, &Freshness::Committed, timeout).await?;
        while !done(value.as_deref()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            value = self.changed(at, key, fingerprint(value.as_deref()), left).await?;
        }
        Ok(value)
    }

    /// The value of `key` as soon as it is another one than the value with the fingerprint `seen`, or after the timeout.
    pub async fn changed(
        &self,
        at: StoreAddress<'_>,
        key: &[u8],
        seen: u64,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, QueryError> {
        let route = self.route(at)?;
        self.changed_of(&route, at, key, seen, timeout).await
    }

    async fn get_of(
        &self,
        route: &Route,
        at: StoreAddress<'_>,
        key: &[u8],
        fresh: &Freshness,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, QueryError> {
        match &route.local {
            Some(task) => bounded(timeout, caught_up(route, task, fresh))
                .await
                .and_then(|()| read(route, task, key)),
            None => {
                self.remote(route)?
                    .get(&route.layout, route.task, at, key, fresh, None, timeout)
                    .await
            }
        }
    }

    async fn get_many_of(
        &self,
        route: &Route,
        at: StoreAddress<'_>,
        keys: Vec<Vec<u8>>,
        timeout: Duration,
    ) -> Result<Vec<Option<Vec<u8>>>, QueryError> {
        if keys.len() > KEYS_MAX {
            let refused = format!(
                "{} keys of {} in one question; ask for {KEYS_MAX} at most",
                keys.len(),
                at.store
            );
            return Err(QueryError::UnknownStore(refused));
        }
        if let Some(task) = &route.local {
            return keys.iter().map(|key| read(route, task, key)).collect();
        }
        let remote = self.remote(route)?;
        remote.get_many(&route.layout, route.task, at, keys, timeout).await
    }

    async fn changed_of(
        &self,
        route: &Route,
        at: StoreAddress<'_>,
        key: &[u8],
        seen: u64,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, QueryError> {
        let Some(task) = &route.local else {
            let fresh = Freshness::Committed;
            return self
                .remote(route)?
                .get(&route.layout, route.task, at, key, &fresh, Some(seen), timeout)
                .await;
        };
        let deadline = Instant::now() + timeout;
        let watch = task.store.watch(route.store, key);
        loop {
            // Waits from before the read, so that no change is missed.
            let written = watch.written();
            if watch.is_over() {
                return Err(moved(route));
            }
            let value = read(route, task, key)?;
            let is_another = fingerprint(value.as_deref()) != seen;
            if is_another || timeout_at(deadline, written).await.is_err() {
                return Ok(value);
            }
        }
    }

    async fn range_of(
        &self,
        route: &Route,
        at: StoreAddress<'_>,
        range: &EntryRange,
        fresh: &Freshness,
        timeout: Duration,
    ) -> Result<Entries, QueryError> {
        match &route.local {
            Some(task) => bounded(timeout, caught_up(route, task, fresh))
                .await
                .and_then(|()| entries(route, task, range)),
            None => {
                self.remote(route)?
                    .range(&route.layout, route.task, at, range, fresh, timeout)
                    .await
            }
        }
    }

    pub(crate) fn route(&self, at: StoreAddress<'_>) -> Result<Route, QueryError> {
        let (layout, store) = self.store(at)?;
        let task = layout.task_for_key(store, at.routing_key);
        let task = task.ok_or_else(|| QueryError::UnknownStore(format!("{}/{}", at.topology, at.store)))?;
        let local = self.hosting.task(at.topology, task);
        Ok(Route {
            layout,
            store,
            task,
            local,
        })
    }

    /// Reads a value of a named task that must run here; with `seen`, as soon as it is another one.
    pub(crate) async fn get_here(
        &self,
        at: StoreAddress<'_>,
        task: TaskId,
        key: &[u8],
        fresh: &Freshness,
        seen: Option<u64>,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, QueryError> {
        let route = self.route_to(at, task)?;
        match seen {
            Some(seen) => self.changed_of(&route, at, key, seen, timeout).await,
            None => self.get_of(&route, at, key, fresh, timeout).await,
        }
    }

    /// Reads values of a named task that must run here.
    pub(crate) async fn get_many_here(
        &self,
        at: StoreAddress<'_>,
        task: TaskId,
        keys: Vec<Vec<u8>>,
        timeout: Duration,
    ) -> Result<Vec<Option<Vec<u8>>>, QueryError> {
        let route = self.route_to(at, task)?;
        self.get_many_of(&route, at, keys, timeout).await
    }

    /// Reads a range of a named task that must run here.
    pub(crate) async fn range_here(
        &self,
        at: StoreAddress<'_>,
        task: TaskId,
        range: &EntryRange,
        fresh: &Freshness,
        timeout: Duration,
    ) -> Result<Entries, QueryError> {
        let route = self.route_to(at, task)?;
        self.range_of(&route, at, range, fresh, timeout).await
    }

    fn route_to(&self, at: StoreAddress<'_>, task: TaskId) -> Result<Route, QueryError> {
        let (layout, store) = self.store(at)?;
        let local = self.hosting.task(at.topology, task);
        Ok(Route {
            layout,
            store,
            task,
            local,
        })
    }

    fn store(&self, at: StoreAddress<'_>) -> Result<(Arc<Layout>, StoreIndex), QueryError> {
        let unknown = || QueryError::UnknownStore(format!("{}/{}", at.topology, at.store));
        let layout = self.hosting.layout(at.topology).ok_or_else(unknown)?;
        let store = layout.store_named(at.store).ok_or_else(unknown)?;
        Ok((layout, store))
    }

    fn remote(&self, route: &Route) -> Result<&RemoteQueries, QueryError> {
        self.remote.as_deref().ok_or_else(|| moved(route))
    }
}

/// A fingerprint of a value, to tell whether it changed. Equal in all processes of one build.
#[must_use]
pub(super) fn fingerprint(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn moved(route: &Route) -> QueryError {
    QueryError::Unavailable(format!(
        "task {} of {} is not running here",
        route.task, route.layout.application_id
    ))
}

async fn bounded(timeout: Duration, wait: impl Future<Output = Result<(), QueryError>>) -> Result<(), QueryError> {
    tokio::time::timeout(timeout, wait)
        .await
        .unwrap_or(Err(QueryError::TimedOut(timeout)))
}

async fn caught_up(route: &Route, task: &HostedTask, fresh: &Freshness) -> Result<(), QueryError> {
    let Freshness::After { topic, partition, next } = fresh else {
        return Ok(());
    };
    let input = route
        .layout
        .topic_named(topic)
        .filter(|_| *partition == route.task.partition);
    let input =
        input.ok_or_else(|| QueryError::UnknownStore(format!("{topic}/{partition} is no input of the task")))?;
    let mut committed = task.committed.clone();
    let reached = committed
        .wait_for(|inputs| inputs.get(&input).is_some_and(|at| at >= next))
        .await;
    reached.map(drop).map_err(|_| moved(route))
}

fn read(route: &Route, task: &HostedTask, key: &[u8]) -> Result<Option<Vec<u8>>, QueryError> {
    let mut value = None;
    task.store
        .get(route.store, key, &mut |bytes| value = Some(bytes.to_vec()))
        .map_err(|error| failed(&error))?;
    Ok(value)
}

fn entries(route: &Route, task: &HostedTask, range: &EntryRange) -> Result<Entries, QueryError> {
    let limit = range.limit.min(RANGE_ENTRIES_MAX);
    let mut entries = Entries::new();
    if limit == 0 {
        return Ok(entries);
    }
    let bounds = KeyRange {
        from: &range.from,
        to: range.to.as_deref(),
    };
    let mut visit = |key: &[u8], value: &[u8]| {
        entries.push((key.to_vec(), value.to_vec()));
        if entries.len() < limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    task.store
        .range(route.store, bounds, range.reverse, &mut visit)
        .map_err(|error| failed(&error))?;
    Ok(entries)
}

fn failed(error: &StoreError) -> QueryError {
    QueryError::Unavailable(error.to_string())
}

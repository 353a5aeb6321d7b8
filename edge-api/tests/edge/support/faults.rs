//! The ports with a switch to take them away.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edge_api::Views;
use edge_api::views::{Done, Read};
use runtime::commands::{Append, CommandError, CommandLog, CommandRecord};
use runtime::queries::{Entries, EntryRange, Freshness, Queries, QueryError, StoreAddress};
use tokio::sync::Semaphore;

/// A log that can be away, and counts what it is given.
pub struct FaultyLog {
    log: Arc<dyn CommandLog>,
    pub down: AtomicBool,
    pub appended: AtomicUsize,
}

impl FaultyLog {
    pub fn new(log: Arc<dyn CommandLog>) -> Self {
        Self {
            log,
            down: AtomicBool::new(false),
            appended: AtomicUsize::new(0),
        }
    }

    fn check(&self) -> Result<(), CommandError> {
        if self.down.load(Ordering::SeqCst) {
            Err(CommandError::Unavailable("away".to_owned()))
        } else {
            Ok(())
        }
    }
}

impl CommandLog for FaultyLog {
    fn append(&self, record: CommandRecord) -> Append<'_> {
        if let Err(error) = self.check() {
            return Box::pin(ready(Err(error)));
        }
        self.appended.fetch_add(1, Ordering::SeqCst);
        self.log.append(record)
    }

    fn end_offset(
        &self,
        topic: &str,
        partition: i32,
    ) -> Pin<Box<dyn Future<Output = Result<i64, CommandError>> + Send + '_>> {
        match self.check() {
            Ok(()) => self.log.end_offset(topic, partition),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn partitions(&self, topic: &str) -> Result<i32, CommandError> {
        self.log.partitions(topic)
    }
}

/// Views that can be away, not catch up, or not show yet what is committed.
pub struct FaultyViews {
    queries: Queries,
    pub down: AtomicBool,
    pub behind: AtomicBool,
    pub blind: AtomicBool,
    /// Has a defect.
    pub broken: AtomicBool,
    /// How many keys each question for several asked for.
    pub questions: Mutex<Vec<usize>>,
    /// Held by a test that holds those questions up.
    pub turnstile: Semaphore,
}

impl FaultyViews {
    pub fn new(queries: Queries) -> Self {
        Self {
            queries,
            down: AtomicBool::new(false),
            behind: AtomicBool::new(false),
            blind: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            questions: Mutex::default(),
            turnstile: Semaphore::new(1),
        }
    }

    fn check(&self, fresh: &Freshness) -> Result<(), QueryError> {
        assert!(!self.broken.load(Ordering::SeqCst), "a defect that a test wants");
        if self.down.load(Ordering::SeqCst) {
            return Err(QueryError::Unavailable("away".to_owned()));
        }
        if self.behind.load(Ordering::SeqCst) && *fresh != Freshness::Committed {
            return Err(QueryError::TimedOut(Duration::from_secs(5)));
        }
        Ok(())
    }
}

impl Views for FaultyViews {
    fn get<'a>(
        &'a self,
        at: StoreAddress<'a>,
        key: &'a [u8],
        fresh: &'a Freshness,
        timeout: Duration,
    ) -> Read<'a, Option<Vec<u8>>> {
        match self.check(fresh) {
            Ok(()) if self.blind.load(Ordering::SeqCst) && *fresh == Freshness::Committed => Box::pin(ready(Ok(None))),
            Ok(()) => Box::pin(self.queries.get(at, key, fresh, timeout)),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn get_many<'a>(
        &'a self,
        topology: &'a str,
        store: &'a str,
        keys: &'a [Vec<u8>],
        timeout: Duration,
    ) -> Read<'a, Vec<Option<Vec<u8>>>> {
        self.questions.lock().unwrap().push(keys.len());
        match self.check(&Freshness::Committed) {
            Ok(()) => Box::pin(async move {
                drop(self.turnstile.acquire().await);
                self.queries.get_many(topology, store, keys, timeout).await
            }),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn range<'a>(
        &'a self,
        at: StoreAddress<'a>,
        range: &'a EntryRange,
        fresh: &'a Freshness,
        timeout: Duration,
    ) -> Read<'a, Entries> {
        match self.check(fresh) {
            Ok(()) => Box::pin(self.queries.range(at, range, fresh, timeout)),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn scan<'a>(
        &'a self,
        topology: &'a str,
        store: &'a str,
        range: &'a EntryRange,
        timeout: Duration,
    ) -> Read<'a, Entries> {
        match self.check(&Freshness::Committed) {
            Ok(()) => Box::pin(self.queries.scan(topology, store, range, timeout)),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn wait<'a>(
        &'a self,
        at: StoreAddress<'a>,
        key: &'a [u8],
        timeout: Duration,
        done: Done<'a>,
    ) -> Read<'a, Option<Vec<u8>>> {
        match self.check(&Freshness::Committed) {
            Ok(()) => Box::pin(self.queries.wait(at, key, timeout, done)),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn obstacles(&self) -> Vec<String> {
        let fault = self.check(&Freshness::Committed).err();
        fault
            .map(|fault| fault.to_string())
            .into_iter()
            .chain(self.queries.obstacles())
            .collect()
    }
}

//! Whole topics that every process holds for itself, as global tables of Kafka Streams are: no group, no tasks, every partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use streams::LogError;
use streams::log::StoredRecord;

use crate::limits::{GLOBAL_POLL_WAIT_MAX, GLOBAL_RETRY_WAIT};
use crate::machine::Machine;

/// Reads every partition of one topic from its first record, and goes on with what comes.
pub trait GlobalConsumer: Send {
    /// Waits at most `wait` for records and hands over what there is. Answers whether everything was handed over by now that stood
    /// in the topic when the consumer was made.
    ///
    /// [`LogError::Retriable`]: the same call may be made again. After any other error another consumer is needed.
    fn poll(&mut self, wait: Duration, take: &mut dyn FnMut(StoredRecord<'_>)) -> Result<bool, LogError>;
}

/// What a process makes of a whole topic. A topic may be read again from its beginning at any time, so a record that is known
/// already must change nothing.
pub trait GlobalTable: Send + Sync {
    /// Takes one record; without a value the key is at its end.
    fn take(&self, record: &StoredRecord<'_>);

    /// Everything was taken that stood in the topic when the process began.
    fn caught_up(&self);
}

/// Makes a consumer of the topic; blocks.
pub type MakeGlobalConsumer = Arc<dyn Fn() -> Result<Box<dyn GlobalConsumer>, LogError> + Send + Sync>;

/// The thread that fills a [`GlobalTable`], with a new consumer whenever one fails. When this is dropped it ends soon, and nobody waits.
#[derive(Debug)]
pub struct GlobalStreamThread(Arc<AtomicBool>);

impl GlobalStreamThread {
    /// Begins to read. `name` names the thread.
    pub fn start(
        name: &str,
        machine: &Arc<dyn Machine>,
        make_consumer: MakeGlobalConsumer,
        table: Arc<dyn GlobalTable>,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, waiting) = (Arc::clone(&stop), Arc::clone(machine));
        let live = move || {
            while !asked.load(Ordering::Relaxed) {
                let Err(error) = fill(&make_consumer, table.as_ref(), &asked) else {
                    return;
                };
                tracing::warn!(%error, "a global table is read again with a new client");
                waiting.sleep(GLOBAL_RETRY_WAIT);
            }
        };
        machine.spawn(name.to_owned(), Box::new(live))?;
        Ok(Self(stop))
    }
}

impl Drop for GlobalStreamThread {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn fill(make_consumer: &MakeGlobalConsumer, table: &dyn GlobalTable, stop: &AtomicBool) -> Result<(), LogError> {
    let mut consumer = make_consumer()?;
    let mut is_told = false;
    while !stop.load(Ordering::Relaxed) {
        let polled = consumer.poll(GLOBAL_POLL_WAIT_MAX, &mut |record| table.take(&record));
        // A log that is closed together with the process is no failure.
        let is_caught_up = match polled {
            Err(_) if stop.load(Ordering::Relaxed) => return Ok(()),
            polled => polled?,
        };
        if is_caught_up && !is_told {
            table.caught_up();
            is_told = true;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use streams::Headers;

    use super::*;
    use crate::machine::{OsMachine, Work};

    /// Waits for nothing.
    struct Hurried;

    impl Machine for Hurried {
        fn now_ms(&self) -> i64 {
            0
        }

        fn instant(&self) -> Instant {
            OsMachine.instant()
        }

        fn sleep(&self, _: Duration) {}

        fn spawn(&self, name: String, work: Work) -> std::io::Result<()> {
            OsMachine.spawn(name, work)
        }

        fn unique(&self) -> u128 {
            0
        }
    }

    /// Does what the test says, and waits for it to say so.
    struct Scripted(Receiver<Result<bool, LogError>>);

    impl GlobalConsumer for Scripted {
        fn poll(&mut self, _: Duration, take: &mut dyn FnMut(StoredRecord<'_>)) -> Result<bool, LogError> {
            let said = self
                .0
                .recv()
                .map_err(|_| LogError::Migrated("the script is over".to_owned()))?;
            take(StoredRecord {
                offset: 0,
                timestamp_ms: 0,
                key: Some(b"k"),
                value: None,
                headers: Headers::default(),
            });
            said
        }
    }

    /// Tells the test what it was told.
    struct Telling(Mutex<Sender<&'static str>>);

    impl GlobalTable for Telling {
        fn take(&self, _: &StoredRecord<'_>) {
            self.0.lock().unwrap().send("record").unwrap();
        }

        fn caught_up(&self) {
            self.0.lock().unwrap().send("caught up").unwrap();
        }
    }

    #[test]
    fn a_table_is_filled_by_one_consumer_after_the_other_until_nobody_wants_it() {
        let (told, hear) = channel();
        let (scripts, made) = channel::<Scripted>();
        let mut say = Vec::new();
        for _ in 0..2 {
            let (sender, script) = channel();
            scripts.send(Scripted(script)).unwrap();
            say.push(sender);
        }
        drop(scripts);
        let made = Mutex::new(made);
        let (ended, end) = channel::<()>();
        let make_consumer: MakeGlobalConsumer = Arc::new(move || {
            let _ended = &ended;
            let next = made.lock().unwrap().recv();
            next.map(|consumer| Box::new(consumer) as Box<dyn GlobalConsumer>)
                .map_err(|_| LogError::Retriable("no broker answers".to_owned()))
        });
        let machine: Arc<dyn Machine> = Arc::new(Hurried);
        let table = Arc::new(Telling(Mutex::new(told)));
        let thread = GlobalStreamThread::start("table", &machine, make_consumer, table).unwrap();
        say[0].send(Ok(false)).unwrap();
        say[0]
            .send(Err(LogError::Migrated("the client is of no use".to_owned())))
            .unwrap();
        say[1].send(Ok(true)).unwrap();
        say[1].send(Ok(true)).unwrap();
        let heard: Vec<_> = hear.iter().take(5).collect();
        assert_eq!(heard, ["record", "record", "record", "caught up", "record"]);
        drop((thread, say));
        assert!(end.recv().is_err(), "the thread has let go of everything");
    }
}

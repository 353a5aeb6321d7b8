//! The port to a log: Kafka, the embedded log, or a simulated cluster.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::commit::{ChangelogEnd, Commit, InputOffset, TaskId};
use crate::error::LogError;
use crate::record::{Headers, InputRecord, OutputBuffer};

/// What happened in the log since the last poll. A closed set: everything that a stream thread reacts to is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Records wait; take them with [`Log::drain`].
    Records,
    /// These tasks are this thread's from here on. Nothing is read for them before [`Log::start`]. No task at all, once, when the
    /// thread is in its group and the others have every task.
    Assigned(Vec<TaskId>),
    /// These tasks go to another thread: commit, close them, then call [`Log::stop`] with them. The rebalance waits for that call.
    Revoked(Vec<TaskId>),
    /// These tasks went to another thread without waiting: close them, commit nothing, then call [`Log::stop`] with them.
    Lost(Vec<TaskId>),
    /// Nothing came within the timeout: every started input is drained.
    Idle,
}

/// One stream thread's end of a log: membership, input, and the only place where transactions are.
pub trait Log: Send {
    /// Waits at most `timeout` for something to happen. [`Event::Idle`] is answered when nothing did.
    fn poll(&mut self, timeout: Duration) -> Result<Event, LogError>;

    /// Hands the waiting records over in order per partition, until there is no more or `take` breaks.
    /// A record at which `take` breaks counts as taken; records after it stay and are handed over by a later call.
    fn drain(&mut self, take: &mut dyn FnMut(InputRecord<'_>) -> ControlFlow<()>) -> Result<(), LogError>;

    /// The group's committed offset of each of the task's inputs, the first offset where there is none. Waits until no
    /// transaction of an earlier owner can change the answer, so it is asked before the changelogs' ends are:
    /// a restore that began earlier could miss what that transaction wrote. Retriable while such a transaction is open.
    fn committed(&mut self, task: TaskId) -> Result<Vec<InputOffset>, LogError>;

    /// Begins to read the task's inputs at `from`, once its state is restored.
    fn start(&mut self, task: TaskId, from: &[InputOffset]) -> Result<(), LogError>;

    /// For each started input, the offset up to which (exclusive) everything readable was handed over. It is past offsets that
    /// hold no record (transaction markers, aborted records), which the offset after the last record is not, so that a reader
    /// of committed state can tell that nothing is left to wait for. Asked after [`Event::Idle`], when no record waits.
    fn positions(&mut self) -> Result<Vec<(TaskId, InputOffset)>, LogError>;

    /// Reads nothing more for a task that stays this thread's, until it is started again. Waiting records of it are dropped.
    fn pause(&mut self, task: TaskId) -> Result<(), LogError>;

    /// Gives tasks up after [`Event::Revoked`] or [`Event::Lost`]: reads nothing more for them and lets the rebalance go on.
    fn stop(&mut self, tasks: &[TaskId]) -> Result<(), LogError>;

    /// Takes outputs of a started task ahead of the commit that they belong to, so that a large commit is on its way before
    /// it is asked for. They become true with the next [`commit`](Self::commit), which has the task among its own, and are
    /// forgotten by an [`abort`](Self::abort). Answers whether they were taken; a log that sends nothing before a commit
    /// takes none. [`LogError::Retriable`]: none was taken, and the caller keeps them.
    fn send(&mut self, _task: TaskId, _outputs: &OutputBuffer) -> Result<bool, LogError> {
        Ok(false)
    }

    /// Makes all commits true in one transaction, or none. Answers, in the order of `commits`, the ends of their changelogs.
    ///
    /// On [`LogError::Abortable`] the caller drops its overlays and calls [`abort`](Self::abort).
    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<ChangelogEnd>, LogError>;

    /// Ends whatever transaction is open without effect and rewinds every started input to its committed offset.
    fn abort(&mut self) -> Result<(), LogError>;

    /// Leaves the group and closes. Open work is aborted.
    fn close(&mut self);
}

/// A changelog record, borrowed.
#[derive(Debug, Clone)]
pub struct StoredRecord<'a> {
    /// Its offset.
    pub offset: i64,
    /// Create time in milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Key bytes, or null.
    pub key: Option<&'a [u8]>,
    /// Value bytes, or null.
    pub value: Option<&'a [u8]>,
    /// Headers.
    pub headers: Headers,
}

/// Reads ranges of any partition without a group: restore, queries of ends, and operator tools.
/// Committed records only.
pub trait LogReader: Send {
    /// Number of partitions, or `None` when the topic does not exist.
    fn partitions(&mut self, topic: &str) -> Result<Option<i32>, LogError>;

    /// The first offset that is still there, and the offset after the last committed record: everything that was committed
    /// before the call is below it. Retriable while a transaction is open that hides whether that is so.
    fn offsets(&mut self, topic: &str, partition: i32) -> Result<(i64, i64), LogError>;

    /// The first offset, and the offset up to which records can be read at this moment, for people who look. While a transaction
    /// is open, it may be before records that others have committed behind that transaction's beginning.
    fn readable(&mut self, topic: &str, partition: i32) -> Result<(i64, i64), LogError> {
        self.offsets(topic, partition)
    }

    /// Reads from offset `from` up to `to` (exclusive), in order, until `to` is reached or `visit` breaks.
    /// Answers the position after what was read: `to` when the end was reached, even where the last offsets hold no record
    /// (transaction markers, compaction). [`LogError::Fatal`] when `from` is before the first offset.
    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(StoredRecord<'_>) -> ControlFlow<()>,
    ) -> Result<i64, LogError>;
}

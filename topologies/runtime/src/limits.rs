//! The one page of the engine's limits: every wait, retry, batch and interval of a stream thread.

use std::time::Duration;

use streams::TaskLimits;

/// Longest wait of a stream thread for records when nothing is due; bounds how late a wall-clock timer fires.
pub const POLL_WAIT_MAX: Duration = Duration::from_millis(50);

/// Records taken from one drain before the thread looks at commits and timers again.
pub const RECORDS_PER_TURN_MAX: usize = 2_000;

/// Times that a retriable log call is made before its error counts as one to rebuild the client for.
pub const LOG_CALL_ATTEMPTS_MAX: u32 = 5;

/// Wait between two attempts of a log call, and before a thread rejoins after it lost its client.
pub const LOG_RETRY_WAIT: Duration = Duration::from_millis(200);

/// A thread that is driven out of its group joins again, unless it was driven out before within this time. The first may have been
/// a request to join of its own that arrived late; the second is another process under its name.
pub const FENCED_AGAIN_WITHIN: Duration = Duration::from_mins(5);

/// Wait before a record whose schema the registry could not tell is read again.
pub const SCHEMA_RETRY_WAIT: Duration = Duration::from_millis(500);

/// Wait before a task whose state could not be opened or restored is tried again.
pub const RESTORE_RETRY_WAIT: Duration = Duration::from_secs(1);

/// Records of one restore batch.
pub const RESTORE_BATCH_RECORDS_MAX: usize = 200_000;

/// Bytes of one restore batch.
pub const RESTORE_BATCH_BYTES_MAX: usize = 32 << 20;

/// A stream thread that ends waits so long for its cancelled restores to let go of their state directories.
pub const RESTORE_END_WAIT_MAX: Duration = Duration::from_secs(5);

/// Between two looks whether cancelled restores have ended.
pub const RESTORE_END_LOOK: Duration = Duration::from_millis(1);

/// Longest wait of a global table's thread for records. Whoever drops the thread does not wait for it.
pub const GLOBAL_POLL_WAIT_MAX: Duration = Duration::from_secs(1);

/// Wait before a global table whose client has failed is read again.
pub const GLOBAL_RETRY_WAIT: Duration = Duration::from_secs(1);

/// Restores of one stream thread that run at the same time.
pub const RESTORES_AT_ONCE_MAX: usize = 2;

/// Waiting time for the running records of a stream thread to be committed when the process is asked to stop.
pub const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(30);

/// What one stream thread may be told differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadLimits {
    /// Longest time that a processed record waits for its commit while more records keep coming.
    pub commit_interval: Duration,
    /// Shortest time between two commits while records trickle: a few milliseconds here save most of the cost of
    /// transactions at moderate rates. A record that comes after a pause is committed at once.
    pub commit_spacing: Duration,
    /// How long Kafka may gather records before it hands them to this thread, 100 ms at most: for a topology that nobody waits
    /// for, which is then not woken for each record. Zero hands over the first at once.
    pub fetch_linger: Duration,
    /// Bytes of outputs of all the thread's tasks at which the log is given them ahead of their commit. Few enough to be still
    /// in the processor's caches, and more than a commit at a moderate rate has, so that its transaction stays short.
    pub send_ahead_bytes: usize,
    /// How far the thread, its client and its restores give way to the other threads of the process where processor time is short,
    /// 0 to 19 as in `nice`. Whoever asks a question waits for its answer; for a stream thread there is the log.
    pub niceness: u8,
    /// Bounds of each task's memory.
    pub task: TaskLimits,
}

impl Default for ThreadLimits {
    fn default() -> Self {
        Self {
            commit_interval: Duration::from_millis(100),
            commit_spacing: Duration::from_millis(15),
            fetch_linger: Duration::ZERO,
            send_ahead_bytes: 128 << 10,
            niceness: 0,
            task: TaskLimits::default(),
        }
    }
}

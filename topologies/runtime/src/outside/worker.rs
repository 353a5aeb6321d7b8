//! What a worker is asked, and what it answers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use streams::Headers;

use super::{CALL_TIME_MAX, CALLS_AT_ONCE_MAX};

/// A call that a topology has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Key bytes; its answers are written under them.
    pub key: Vec<u8>,
    /// Value bytes as they stand in the topic.
    pub value: Vec<u8>,
    /// Headers, the trace's among them.
    pub headers: Headers,
}

/// One answer to a call. Its key is the call's, and it goes on with the call's trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Value bytes, framed as the answers' topic has them.
    pub value: Vec<u8>,
    /// Further headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Answer {
    /// An answer without headers of its own.
    #[must_use]
    pub fn new(value: Vec<u8>) -> Self {
        Self {
            value,
            headers: Vec::new(),
        }
    }
}

/// What carrying a call out comes to: answers in the order in which they are written. None leaves the call to the topology's
/// timer; several are for those who may be told twice.
pub type Answers = Pin<Box<dyn Future<Output = Vec<Answer>> + Send>>;

/// Carries out the calls of one topic.
pub trait Worker: Send + Sync + 'static {
    /// The topic of the calls.
    fn calls(&self) -> &'static str;

    /// The topic of the answers. It has as many partitions as that of the calls, so that an answer finds its task.
    fn answers(&self) -> &'static str;

    /// What makes a call the same as another of its key: one that waits or is under way is not taken a second time. The whole value,
    /// unless the worker knows of an id in it, which is of use where a call that is sent again tells another time. Called by
    /// stream threads.
    fn identity(&self, call: &Call) -> Vec<u8> {
        call.value.clone()
    }

    /// Calls that are carried out at the same time, at least one.
    fn at_once(&self) -> usize {
        CALLS_AT_ONCE_MAX
    }

    /// A call that has not ended after this time is dropped where it stands, without an answer.
    fn time_limit(&self) -> Duration {
        CALL_TIME_MAX
    }

    /// Carries out one call. It may come again after it was carried out, and never while it is.
    fn carry_out(self: Arc<Self>, call: Call) -> Answers;
}

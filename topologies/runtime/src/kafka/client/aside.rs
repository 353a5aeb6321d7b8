//! A thread for calls that the C client may never return from.

use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use super::of_settings;
use crate::kafka::port::ClientError;

type Call = Box<dyn FnOnce() + Send>;

/// Makes calls one after the other. Whoever asks for one waits for it, but not for ever.
pub(super) struct Aside {
    calls: Sender<Call>,
}

impl Aside {
    /// A thread of this name, which ends when this value is gone and its last call has returned.
    pub(super) fn new(name: &str) -> Result<Self, ClientError> {
        let (calls, asked) = channel::<Call>();
        let thread = thread::Builder::new().name(name.to_owned());
        let spawned = thread.spawn(move || asked.into_iter().for_each(|call| call()));
        spawned.map_err(|error| of_settings(format!("no thread for the calls of a Kafka client: {error}")))?;
        Ok(Self { calls })
    }

    /// What `call` answers; nothing if it does not return within `patience`. Such a call goes on, its answer is dropped, and
    /// every later one waits behind it, so the client that was called is of no more use.
    pub(super) fn call<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = sync_channel(1);
        // Nobody may be waiting for the answer any more.
        let call = Box::new(move || drop(answer.send(call())));
        self.calls.send(call).ok()?;
        answered.recv_timeout(patience).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_call_is_answered() {
        let aside = Aside::new("test").ok();
        let answer = aside.and_then(|aside| aside.call(Duration::from_secs(60), || 7));
        assert_eq!(answer, Some(7));
    }

    #[test]
    fn a_call_that_does_not_return_is_given_up_and_its_thread_ends_with_it() {
        let (held, release) = channel::<()>();
        let (ended, end) = channel::<()>();
        let hangs = move || {
            assert!(release.recv().is_err(), "nothing is sent, it only ends");
            drop(ended);
        };
        let aside = Aside::new("test").ok();
        assert_eq!(aside.and_then(|aside| aside.call(Duration::ZERO, hangs)), None);
        drop(held);
        assert!(end.recv().is_err(), "the call has gone on and returned");
    }
}

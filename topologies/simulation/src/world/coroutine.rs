//! Coroutines: blocking code of a simulated thread, which gives way wherever it would wait.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use generator::{Generator, Gn};

/// Words of stack (8 bytes each) of one coroutine. Only what is touched takes memory.
const STACK_WORDS: usize = 1 << 15;

/// One simulated thread. Dropping it before its end unwinds it, as far as it has come.
pub(crate) struct Coroutine(Generator<'static, (), Turn>);

/// How a turn of a coroutine ended.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It waits.
    Parked,
    /// Its work is done.
    Finished,
    /// Its process was killed from within it.
    Killed,
    /// The work panicked: a defect, in the words of the panic.
    Panicked(String),
}

/// Unwinds a coroutine of which the process was killed.
struct Killed;

impl Coroutine {
    pub(crate) fn new(work: Box<dyn FnOnce() + Send>) -> Self {
        Self(Gn::new_opt(STACK_WORDS, move || {
            match catch_unwind(AssertUnwindSafe(work)) {
                Ok(()) => Turn::Finished,
                Err(cause) if cause.is::<Killed>() => Turn::Killed,
                Err(cause) => Turn::Panicked(words(cause.as_ref())),
            }
        }))
    }

    /// Runs until it parks or ends.
    pub(crate) fn resume(&mut self) -> Turn {
        self.0.raw_send(Some(())).unwrap_or(Turn::Finished)
    }
}

/// Gives way to the scheduler, from inside a coroutine.
pub(crate) fn give_way() {
    #[allow(
        deprecated,
        reason = "the call that replaces it hands a scope down, which cannot go through the ports of the engine"
    )]
    generator::yield_with(Turn::Parked);
}

/// Ends the coroutine that calls it, because its process was killed.
pub(crate) fn die() -> ! {
    resume_unwind(Box::new(Killed))
}

fn words(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

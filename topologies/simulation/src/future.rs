//! Asynchronous code on simulated threads.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;

use crate::world::{ThreadId, World};

/// The output of a future that waits inside its calls and so is ready when it is first asked.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Runs a future on the current simulated thread, which waits in the world while the future does. What it spawns belongs to
/// `runtime`, which has to be driven by its owner. `None` outside every thread and in a killed process.
pub(crate) fn block_on<T>(world: &World, runtime: &Handle, future: impl Future<Output = T>) -> Option<T> {
    let rouse = Rouse {
        world: world.clone(),
        thread: world.current()?,
    };
    let waker = Waker::from(Arc::new(rouse));
    let mut future = pin!(future);
    loop {
        // Left before the thread gives way: another one may enter a runtime of its own meanwhile.
        let entered = runtime.enter();
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        drop(entered);
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        if !world.park(None) {
            return None;
        }
    }
}

/// Wakes a simulated thread.
struct Rouse {
    world: World,
    thread: ThreadId,
}

impl Wake for Rouse {
    fn wake(self: Arc<Self>) {
        self.world.wake(self.thread);
    }
}

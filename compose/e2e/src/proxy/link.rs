//! How the two directions of a proxy's connections behave, and what all its connections share.

use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::FrameFault;
use super::frame::Api;

/// How one direction behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// As fast as it goes.
    #[default]
    Open,
    /// Each request or answer waits, and then takes its time for its size.
    Slow {
        /// How long each waits.
        delay: Duration,
        /// What goes through in a second.
        bytes_per_second: u32,
    },
    /// Nothing passes until it flows again.
    Stopped,
}

/// How the directions of all connections behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link {
    /// From clients to the broker.
    pub requests: Flow,
    /// From the broker to clients.
    pub answers: Flow,
}

/// Which direction a frame goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Requests,
    Answers,
}

impl Link {
    fn flow(self, direction: Direction) -> Flow {
        match direction {
            Direction::Requests => self.requests,
            Direction::Answers => self.answers,
        }
    }
}

/// What all connections of a proxy share.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// What a proxy is told to do, and what it holds.
#[derive(Default)]
pub(super) struct State {
    pub(super) broker_port: u16,
    pub(super) is_closed: bool,
    pub(super) armed: Option<(Api, FrameFault)>,
    /// The proxy closes together with the armed fault.
    pub(super) closes_with_fault: bool,
    /// Requests that are delivered when they are released.
    pub(super) kept: Vec<Vec<u8>>,
    link: Link,
    is_over: bool,
    connections: Vec<TcpStream>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, link: Link) {
        self.state().link = link;
        self.changed.notify_all();
    }

    /// Remembers the two streams of a connection, so that it can be broken.
    pub(super) fn keep(&self, streams: [TcpStream; 2]) {
        self.state().connections.extend(streams);
    }

    /// Forgets a connection that has ended, by the addresses of its streams.
    pub(super) fn forget(&self, streams: [&TcpStream; 2]) {
        let gone = streams.map(|stream| stream.local_addr().ok().zip(stream.peer_addr().ok()));
        let has_ended = |kept: &TcpStream| {
            let addresses = kept.local_addr().ok().zip(kept.peer_addr().ok());
            addresses.is_none() || gone.contains(&addresses)
        };
        self.state().connections.retain(|kept| !has_ended(kept));
    }

    pub(super) fn reset(&self) {
        for connection in self.state().connections.drain(..) {
            // A connection that is closed already is as good.
            drop(connection.shutdown(Shutdown::Both));
        }
    }

    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.changed.notify_all();
        self.reset();
    }

    pub(super) fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// Waits as long as a frame of this size has to wait in this direction. Answers whether it goes on at all.
    pub(super) fn pass(&self, direction: Direction, bytes: usize) -> bool {
        let stopped = |state: &mut State| state.link.flow(direction) == Flow::Stopped && !state.is_over;
        let state = self
            .changed
            .wait_while(self.state(), stopped)
            .unwrap_or_else(PoisonError::into_inner);
        let (flow, is_over) = (state.link.flow(direction), state.is_over);
        drop(state);
        if let Flow::Slow {
            delay,
            bytes_per_second,
        } = flow
        {
            let size = u32::try_from(bytes).unwrap_or(u32::MAX);
            std::thread::sleep(delay + Duration::from_secs(1) * size / bytes_per_second.max(1));
        }
        !is_over
    }
}

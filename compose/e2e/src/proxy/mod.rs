//! A proxy in front of one broker, which knows where Kafka's requests and answers begin and end.
//!
//! It does what networks do to a connection: a direction stops, is slow, or everything is reset. And it does to one chosen
//! request what networks do to it in the worst moment: its answer is lost, it is lost itself, or it arrives late, when its sender
//! has long gone on over another connection.
//!
//! What a stopped direction holds arrives when it flows again, even if the client has closed the connection by then, as what a
//! closed socket still has to send does.

mod answer;
mod frame;
mod link;
mod pump;
mod quorum;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use anyhow::Context;

pub use frame::Api;
pub use link::{Flow, Link};
pub use quorum::active_controller;

use link::Shared;

/// What happens to one request, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameFault {
    /// The broker gets it, the client never gets the answer, and its connection breaks.
    LoseAnswer,
    /// The broker never gets it, and the client's connection breaks.
    LoseRequest,
    /// The client's connection breaks, and the broker gets the request when it is [released](Proxy::release).
    Delay,
    /// The client waits for the answer, and the broker gets the request when it is [released](Proxy::release).
    Hold,
    /// The broker gets it now, and once more when it is [released](Proxy::release).
    Duplicate,
}

/// A proxy in front of one broker. Dropping it breaks all connections.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens on a port of its own. Connections are refused until it knows [where to go](Self::forward_to).
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("a proxy finds no free port")?;
        let port = listener.local_addr()?.port();
        let shared: Arc<Shared> = Arc::default();
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.is_over() {
                    return;
                }
                pump::serve(client, &accepting);
            }
        });
        Ok(Self { port, shared })
    }

    /// Listens on a port of its own and connects clients with the broker on this port of the loopback.
    pub fn before(broker_port: u16) -> anyhow::Result<Self> {
        let proxy = Self::start()?;
        proxy.forward_to(broker_port);
        Ok(proxy)
    }

    /// Where clients connect.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// New connections go to this port of the loopback.
    pub fn forward_to(&self, port: u16) {
        self.shared.state().broker_port = port;
    }

    /// From now on both directions behave like this, on all connections.
    pub fn set(&self, link: Link) {
        self.shared.set(link);
    }

    /// Breaks all connections. New ones can be made.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Breaks all connections and refuses new ones.
    pub fn close(&self) {
        self.shared.state().is_closed = true;
        self.shared.reset();
    }

    /// Lets clients reach the broker again.
    pub fn open(&self) {
        self.shared.state().is_closed = false;
    }

    /// The next request of a kind meets this fault. With `and_close` the proxy [closes](Self::close) then.
    pub fn arm(&self, api: Api, fault: FrameFault, and_close: bool) {
        let mut state = self.shared.state();
        state.armed = Some((api, fault));
        state.closes_with_fault = and_close;
    }

    /// Whether the armed fault has happened.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.shared.state().armed.is_none()
    }

    /// Delivers what was delayed, held or kept twice, over a connection of its own, and answers what the broker said: an error
    /// code for each request, in order.
    pub fn release(&self) -> anyhow::Result<Vec<i16>> {
        let (requests, port) = {
            let mut state = self.shared.state();
            (std::mem::take(&mut state.kept), state.broker_port)
        };
        let mut broker = TcpStream::connect(("127.0.0.1", port))?;
        let deliver = |request: Vec<u8>| {
            broker.write_all(&request)?;
            let answer = frame::read(&mut broker).context("the broker has closed the connection")?;
            answer::error_code(&request, &answer).context("an answer that this proxy cannot read")
        };
        requests.into_iter().map(deliver).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.end();
        // The thread that accepts looks up once more.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

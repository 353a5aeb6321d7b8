//! A proxy that understands enough of Kafka's protocol to lose or delay one request of a kind.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// `EndTxn`: the request that commits or aborts a transaction.
pub(crate) const END_TXN: i16 = 26;

/// What happens to the next request of the kind, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The broker gets it, the client never gets the answer, and its connection breaks.
    LoseAnswer,
    /// The broker never gets it, and the client's connection breaks.
    LoseRequest,
    /// As `LoseRequest`, but the request waits in the network and arrives when it is released.
    DelayRequest,
}

/// A proxy in front of one broker.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    broker_port: u16,
    is_closed: bool,
    armed: Option<(i16, Fault)>,
    delayed: Vec<Vec<u8>>,
    connections: Vec<TcpStream>,
    /// The gate closes by itself together with the fault.
    closes_with_fault: bool,
}

impl Proxy {
    /// Listens; connections are refused until a broker is there.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                serve(client, &shared);
            }
        });
        Self { port, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From here on connections go to this broker.
    pub(crate) fn forward_to(&self, broker_port: u16) {
        self.state.lock().unwrap().broker_port = broker_port;
    }

    /// Arms a fault for the next request of a kind. With `and_close` the broker is out of reach from then on.
    pub(crate) fn arm(&self, api_key: i16, fault: Fault, and_close: bool) {
        let mut state = self.state.lock().unwrap();
        state.armed = Some((api_key, fault));
        state.closes_with_fault = and_close;
    }

    /// Whether the armed fault has happened.
    pub(crate) fn has_struck(&self) -> bool {
        self.state.lock().unwrap().armed.is_none()
    }

    /// Lets clients reach the broker again.
    pub(crate) fn open(&self) {
        self.state.lock().unwrap().is_closed = false;
    }

    /// Delivers what was delayed, over a connection of its own, and waits for the broker's answer.
    /// Answers the error codes, one for each request.
    pub(crate) fn release(&self) -> Vec<i16> {
        let (requests, port) = {
            let mut state = self.state.lock().unwrap();
            (std::mem::take(&mut state.delayed), state.broker_port)
        };
        let mut broker = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let deliver = |request: Vec<u8>| {
            broker.write_all(&request).unwrap();
            let answer = frame(&mut broker).unwrap();
            // Size, correlation id and throttle time come before the code.
            i16::from_be_bytes(answer[12..14].try_into().unwrap())
        };
        requests.into_iter().map(deliver).collect()
    }
}

fn serve(client: TcpStream, state: &Arc<Mutex<State>>) {
    let port = {
        let state = state.lock().unwrap();
        if state.is_closed || state.broker_port == 0 {
            return;
        }
        state.broker_port
    };
    let Ok(broker) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    for stream in [&client, &broker] {
        stream.set_nodelay(true).unwrap();
        state.lock().unwrap().connections.push(stream.try_clone().unwrap());
    }
    let (from_broker, to_client) = (broker.try_clone().unwrap(), client.try_clone().unwrap());
    let lost: Arc<Mutex<Option<i32>>> = Arc::default();
    let (shared, awaited) = (Arc::clone(state), Arc::clone(&lost));
    std::thread::spawn(move || {
        requests(client, broker, &shared, &awaited);
    });
    let shared = Arc::clone(state);
    std::thread::spawn(move || {
        answers(from_broker, to_client, &shared, &lost);
    });
}

/// Passes requests on until one meets the armed fault.
fn requests(mut client: TcpStream, mut broker: TcpStream, state: &Mutex<State>, lost: &Mutex<Option<i32>>) {
    while let Some(request) = frame(&mut client) {
        let fault = strike(&request, state);
        match fault {
            None => {}
            Some(Fault::LoseAnswer) => *lost.lock().unwrap() = Some(correlation(&request[8..12])),
            Some(Fault::LoseRequest) => break,
            Some(Fault::DelayRequest) => {
                state.lock().unwrap().delayed.push(request);
                break;
            }
        }
        if broker.write_all(&request).is_err() {
            break;
        }
    }
    cut(&client, &broker);
    close_if_wanted(state);
}

/// Passes answers on until the one that is to be lost.
fn answers(mut broker: TcpStream, mut client: TcpStream, state: &Mutex<State>, lost: &Mutex<Option<i32>>) {
    while let Some(answer) = frame(&mut broker) {
        let is_lost = *lost.lock().unwrap() == Some(correlation(&answer[4..8]));
        if is_lost || client.write_all(&answer).is_err() {
            break;
        }
    }
    cut(&client, &broker);
    close_if_wanted(state);
}

/// The fault that this request meets.
fn strike(request: &[u8], state: &Mutex<State>) -> Option<Fault> {
    let api_key = i16::from_be_bytes(request[4..6].try_into().unwrap());
    let mut state = state.lock().unwrap();
    let (wanted, fault) = state.armed?;
    if wanted != api_key {
        return None;
    }
    state.armed = None;
    Some(fault)
}

fn close_if_wanted(state: &Mutex<State>) {
    let mut state = state.lock().unwrap();
    if state.armed.is_some() || !std::mem::take(&mut state.closes_with_fault) {
        return;
    }
    state.is_closed = true;
    for connection in state.connections.drain(..) {
        // A connection that is closed already is as good.
        drop(connection.shutdown(Shutdown::Both));
    }
}

fn cut(client: &TcpStream, broker: &TcpStream) {
    drop(client.shutdown(Shutdown::Both));
    drop(broker.shutdown(Shutdown::Both));
}

/// One request or answer, with its size in front.
fn frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut frame = vec![0; 4];
    stream.read_exact(&mut frame).ok()?;
    let size = usize::try_from(i32::from_be_bytes(frame[..4].try_into().ok()?)).ok()?;
    frame.resize(4 + size, 0);
    stream.read_exact(&mut frame[4..]).ok()?;
    Some(frame)
}

fn correlation(bytes: &[u8]) -> i32 {
    i32::from_be_bytes(bytes.try_into().unwrap())
}

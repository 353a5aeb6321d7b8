//! One connection: a thread for its requests, and one for its answers.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use super::FrameFault;
use super::frame;
use super::link::{Direction, Shared};

/// The number of the request whose answer gets lost.
type Lost = Arc<Mutex<Option<i32>>>;

/// Connects a client with the broker, if the proxy lets it.
pub(super) fn serve(client: TcpStream, shared: &Arc<Shared>) {
    let port = {
        let state = shared.state();
        if state.is_closed {
            return;
        }
        state.broker_port
    };
    // A client whose connection cannot be made sees it close, as it would without a proxy.
    let Ok(broker) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    drop(connect(client, broker, shared));
}

fn connect(client: TcpStream, broker: TcpStream, shared: &Arc<Shared>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    shared.keep([client.try_clone()?, broker.try_clone()?]);
    let (to_client, from_broker) = (client.try_clone()?, broker.try_clone()?);
    let lost = Lost::default();
    let (own, awaited) = (Arc::clone(shared), Arc::clone(&lost));
    std::thread::spawn(move || requests(client, broker, &own, &awaited));
    let own = Arc::clone(shared);
    std::thread::spawn(move || answers(from_broker, to_client, &own, &lost));
    Ok(())
}

/// Passes requests on until one meets a fault that breaks the connection.
fn requests(mut client: TcpStream, mut broker: TcpStream, shared: &Shared, lost: &Lost) {
    while let Some(request) = frame::read(&mut client) {
        if !shared.pass(Direction::Requests, request.len()) {
            break;
        }
        match strike(&request, shared) {
            None => {}
            Some(FrameFault::LoseAnswer) => {
                *lost.lock().unwrap_or_else(PoisonError::into_inner) = frame::correlation_of_request(&request);
            }
            Some(FrameFault::LoseRequest) => break,
            Some(FrameFault::Delay) => {
                shared.state().kept.push(request);
                break;
            }
            Some(FrameFault::Hold) => {
                shared.state().kept.push(request);
                continue;
            }
            Some(FrameFault::Duplicate) => shared.state().kept.push(request.clone()),
        }
        if broker.write_all(&request).is_err() {
            break;
        }
    }
    cut(&client, &broker, shared);
}

/// Passes answers on until the one that gets lost.
fn answers(mut broker: TcpStream, mut client: TcpStream, shared: &Shared, lost: &Lost) {
    while let Some(answer) = frame::read(&mut broker) {
        let awaited = *lost.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lost = awaited.is_some() && awaited == frame::correlation_of_answer(&answer);
        if is_lost || !shared.pass(Direction::Answers, answer.len()) || client.write_all(&answer).is_err() {
            break;
        }
    }
    cut(&client, &broker, shared);
}

/// The fault that this request meets.
fn strike(request: &[u8], shared: &Shared) -> Option<FrameFault> {
    let mut state = shared.state();
    let (api, fault) = state.armed?;
    if !api.is_of(request) {
        return None;
    }
    state.armed = None;
    Some(fault)
}

/// Ends a connection, and with it all others if the fault that has ended it wants that.
fn cut(client: &TcpStream, broker: &TcpStream, shared: &Shared) {
    shared.forget([client, broker]);
    drop(client.shutdown(Shutdown::Both));
    drop(broker.shutdown(Shutdown::Both));
    let closes = {
        let mut state = shared.state();
        let closes = state.armed.is_none() && std::mem::take(&mut state.closes_with_fault);
        state.is_closed |= closes;
        closes
    };
    if closes {
        shared.reset();
    }
}

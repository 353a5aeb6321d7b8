//! Serves a gateway on its two listeners, over HTTP/1.1.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::app::{admin, app};
use crate::limits::{ACCEPT_RETRY, CONNECTIONS_MAX, HEAD_BYTES_MAX, HEAD_TIMEOUT, SHUTDOWN_TIMEOUT};
use crate::state::EdgeState;

/// Serves the API on `listener` and the operators' side on `admin_listener` until `shutdown` resolves. Then it is not
/// ready any more, accepts nothing new, and lets accepted requests finish within [`SHUTDOWN_TIMEOUT`].
pub async fn serve(
    listener: TcpListener,
    admin_listener: TcpListener,
    state: EdgeState,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let api = tokio::spawn(serve_router(listener, app(state.clone()), stopped.clone()));
    let operators = tokio::spawn(serve_router(admin_listener, admin(state.clone()), stopped));
    shutdown.await;
    state.drain();
    stop.send_replace(true);
    let finished = async { tokio::try_join!(api, operators) };
    match tokio::time::timeout(SHUTDOWN_TIMEOUT, finished).await {
        Ok(Ok(((), ()))) => {}
        Ok(Err(panicked)) => return Err(io::Error::other(panicked)),
        Err(_) => tracing::warn!("requests were still under way at the end of the shutdown time"),
    }
    Ok(())
}

/// Accepts connections until `stopped`, then waits for the requests that have begun.
async fn serve_router(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            // An error means that the sender is gone, which is the end as well.
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, place)) => spawn(stream, place, router.clone(), &connections),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // An answer is written whole, so there is nothing to gain from holding back its last packet.
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

fn spawn(stream: TcpStream, place: OwnedSemaphorePermit, router: Router, connections: &GracefulShutdown) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke off");
        }
        drop(place);
    });
}

//! Serves a gateway on its two listeners, over HTTP/1.1: first that it starts, then everything.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::app::{admin, app, starting_admin, starting_api};
use crate::http::peer::Peer;
use crate::limits::{ACCEPT_RETRY, CONNECTIONS_MAX, HEAD_BYTES_MAX, HEAD_TIMEOUT, SHUTDOWN_TIMEOUT};
use crate::state::{EdgeState, RenderMetrics};

/// What a process listens on, from its first moment.
///
/// Until [`serve`](Self::serve) it answers that the process is alive and not ready, and why: whatever it starts with may be away.
pub struct Entrance {
    api: Option<Door>,
    admin: Door,
    obstacle: watch::Sender<String>,
    stop: watch::Sender<bool>,
}

/// A listener, and what it answers with.
struct Door {
    router: watch::Sender<Router>,
    serving: JoinHandle<()>,
}

impl Entrance {
    /// Begins to accept connections, on `api` where the process has a public side; `metrics` are shown from the first moment.
    /// Called inside a runtime.
    #[must_use]
    pub fn open(api: Option<TcpListener>, admin: TcpListener, metrics: RenderMetrics) -> Self {
        let (obstacle, reason) = watch::channel("starting".to_owned());
        let (stop, stopped) = watch::channel(false);
        Self {
            api: api.map(|api| Door::open(api, starting_api(), stopped.clone())),
            admin: Door::open(admin, starting_admin(reason, metrics), stopped),
            obstacle,
            stop,
        }
    }

    /// Says why the process is not ready yet.
    pub fn waits_because(&self, reason: &str) {
        self.obstacle.send_replace(reason.to_owned());
    }

    /// Serves the API and the operators' side until `shutdown` resolves. Then the process is not ready any more, accepts
    /// nothing new, and lets accepted requests finish within [`SHUTDOWN_TIMEOUT`].
    pub async fn serve(self, state: EdgeState, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
        if let Some(api) = &self.api {
            drop(api.router.send_replace(app(state.clone())));
        }
        drop(self.admin.router.send_replace(admin(state.clone())));
        shutdown.await;
        state.drain();
        self.stop.send_replace(true);
        let finished = async {
            if let Some(api) = self.api {
                api.serving.await?;
            }
            self.admin.serving.await
        };
        match tokio::time::timeout(SHUTDOWN_TIMEOUT, finished).await {
            Ok(Ok(())) => {}
            Ok(Err(panicked)) => return Err(io::Error::other(panicked)),
            Err(_) => tracing::warn!("requests were still under way at the end of the shutdown time"),
        }
        Ok(())
    }
}

impl Door {
    fn open(listener: TcpListener, router: Router, stopped: watch::Receiver<bool>) -> Self {
        let (router, current) = watch::channel(router);
        Self {
            router,
            serving: tokio::spawn(serve_router(listener, current, stopped)),
        }
    }
}

/// Accepts connections until `stopped`, then waits for the requests that have begun.
async fn serve_router(listener: TcpListener, router: watch::Receiver<Router>, mut stopped: watch::Receiver<bool>) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            // An error means that the sender is gone, which is the end as well.
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, place)) => spawn(stream, place, router.borrow().clone(), &connections),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<((TcpStream, Peer), OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    // An answer is written whole, so there is nothing to gain from holding back its last packet.
    stream.set_nodelay(true)?;
    Ok(((stream, Peer(address.ip())), place))
}

fn spawn(
    (stream, peer): (TcpStream, Peer),
    place: OwnedSemaphorePermit,
    router: Router,
    connections: &GracefulShutdown,
) {
    let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke off");
        }
        drop(place);
    });
}

//! Serves a gateway on its two listeners, over HTTP/1.1, in the clear or over TLS: first that it starts, then everything.

mod line;

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use self::line::Line;
use crate::app::{admin, app, starting_admin, starting_api};
use crate::http::peer::Peer;
use crate::limits::{ACCEPT_RETRY, CONNECTIONS_MAX, SHUTDOWN_TIMEOUT};
use crate::state::{EdgeState, RenderMetrics};

/// A listener, and what protects the connections to it.
pub struct Listening {
    listener: TcpListener,
    line: Line,
}

impl Listening {
    /// Connections over TLS.
    #[must_use]
    pub fn over_tls(listener: TcpListener, tls: Arc<ServerConfig>) -> Self {
        Self {
            listener,
            line: Line::Tls(tls.into()),
        }
    }

    /// Connections in the clear, from proxies that speak TLS to the clients.
    #[must_use]
    pub fn behind_proxies(listener: TcpListener) -> Self {
        Self {
            listener,
            line: Line::BehindProxies,
        }
    }
}

/// Connections in the clear, all the way.
impl From<TcpListener> for Listening {
    fn from(listener: TcpListener) -> Self {
        Self {
            listener,
            line: Line::Clear,
        }
    }
}

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
    pub fn open(api: Option<Listening>, admin: Listening, metrics: RenderMetrics) -> Self {
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
    fn open(listening: Listening, router: Router, stopped: watch::Receiver<bool>) -> Self {
        let (router, current) = watch::channel(router);
        Self {
            router,
            serving: tokio::spawn(serve_router(listening, current, stopped)),
        }
    }
}

/// Accepts connections until `stopped`, then waits for the requests that have begun.
async fn serve_router(listening: Listening, router: watch::Receiver<Router>, mut stopped: watch::Receiver<bool>) {
    let Listening { listener, line } = listening;
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let handshakes = stopped.clone();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            // An error means that the sender is gone, which is the end as well.
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let talk = line.talk(stream, peer, router.clone(), connections.watcher(), handshakes.clone());
                tokio::spawn(async move {
                    talk.await;
                    drop(place);
                });
            }
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
) -> io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    // An answer is written whole, so there is nothing to gain from holding back its last packet.
    stream.set_nodelay(true)?;
    Ok((stream, Peer(address.ip()), place))
}

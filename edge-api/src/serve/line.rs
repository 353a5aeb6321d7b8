//! One connection: its handshake where it is over TLS, then requests until it ends.

use std::io;

use axum::Router;
use axum::http::header::STRICT_TRANSPORT_SECURITY;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use crate::http::peer::{Peer, Standing};
use crate::limits::{HANDSHAKE_TIMEOUT, HEAD_BYTES_MAX, HEAD_TIMEOUT};

/// What protects the connections to a listener.
#[derive(Clone)]
pub(super) enum Line {
    /// Nothing.
    Clear,
    /// Nothing here; proxies speak TLS to the clients.
    BehindProxies,
    /// TLS.
    Tls(TlsAcceptor),
}

impl Line {
    /// Serves one connection to its end. What has not shaken hands when the process stops, or in time, is dropped.
    pub(super) fn talk(
        &self,
        stream: TcpStream,
        peer: Peer,
        router: watch::Receiver<Router>,
        watcher: Watcher,
        mut stopped: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let line = self.clone();
        async move {
            let ended = match line {
                Self::Clear => serve(stream, peer, None, forgetful(&router), watcher).await,
                Self::BehindProxies => serve(stream, peer, None, current(&router), watcher).await,
                Self::Tls(acceptor) => {
                    let secured = tokio::select! {
                        secured = shake_hands(&acceptor, stream) => secured,
                        _ = stopped.wait_for(|stopped| *stopped) => return,
                    };
                    match secured {
                        Ok(stream) => {
                            let standing = standing(&stream);
                            serve(stream, peer, Some(standing), current(&router), watcher).await
                        }
                        Err(error) => Err(error.into()),
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, peer = %peer.0, "a connection broke off");
            }
        }
    }
}

async fn shake_hands(acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no handshake in time");
    tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream))
        .await
        .map_err(late)?
}

/// A certificate that is there was verified in the handshake.
fn standing(stream: &TlsStream<TcpStream>) -> Standing {
    let (_, session) = stream.get_ref();
    if session.peer_certificates().is_some_and(|chain| !chain.is_empty()) {
        Standing::Known
    } else {
        Standing::Stranger
    }
}

fn current(router: &watch::Receiver<Router>) -> Router {
    router.borrow().clone()
}

/// Whoever came in the clear is not told to come over TLS next time: a browser would not believe it (RFC 6797, 7.2), and where there is
/// no TLS it would be wrong.
fn forgetful(router: &watch::Receiver<Router>) -> Router {
    let without = |mut response: Response| async move {
        response.headers_mut().remove(STRICT_TRANSPORT_SECURITY);
        response
    };
    current(router).layer(axum::middleware::map_response(without))
}

async fn serve<S>(
    stream: S,
    peer: Peer,
    standing: Option<Standing>,
    router: Router,
    watcher: Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        if let Some(standing) = standing {
            request.extensions_mut().insert(standing);
        }
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    Ok(watcher.watch(connection).await?)
}

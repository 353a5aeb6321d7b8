//! Serves a gateway on its two listeners.

use std::future::Future;
use std::io;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::{admin, app};
use crate::limits::SHUTDOWN_TIMEOUT;
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
    let api = axum::serve(listener, app(state.clone())).with_graceful_shutdown(until(stopped.clone()));
    let operators = axum::serve(admin_listener, admin(state.clone())).with_graceful_shutdown(until(stopped));
    let serving = async { tokio::try_join!(api.into_future(), operators.into_future()).map(|_| ()) };
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = shutdown => {}
    }
    state.drain();
    stop.send_replace(true);
    match tokio::time::timeout(SHUTDOWN_TIMEOUT, serving).await {
        Ok(ended) => ended,
        Err(_) => {
            tracing::warn!("requests were still under way at the end of the shutdown time");
            Ok(())
        }
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // The sender lives until the end of `serve`; without it there is nothing left to wait for.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

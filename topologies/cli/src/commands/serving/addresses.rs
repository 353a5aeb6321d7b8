//! Where a process listens, as it says when it is ready.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use runtime::tls::scheme;
use tokio::net::TcpListener;

use crate::protection::Transport;
use crate::settings::Serving;
use crate::terminal;

/// Interval at which the server looks whether it has become ready.
const READY_INTERVAL: Duration = Duration::from_millis(20);

/// Where the process listens, and what is spoken there.
pub(super) struct Addresses {
    pub(super) api: Option<SocketAddr>,
    admin: SocketAddr,
    api_scheme: &'static str,
    admin_scheme: &'static str,
}

impl Addresses {
    pub(super) fn of(api: Option<&TcpListener>, admin: &TcpListener) -> anyhow::Result<Self> {
        Ok(Self {
            api: api.map(TcpListener::local_addr).transpose()?,
            admin: admin.local_addr()?,
            api_scheme: "http",
            admin_scheme: "http",
        })
    }

    pub(super) fn spoken(self, serving: &Serving, transport: &Transport) -> Self {
        let is_secured = serving.tls_certificate_file.is_some();
        Self {
            api_scheme: if is_secured { "https" } else { "http" },
            admin_scheme: scheme(transport.instances()),
            ..self
        }
    }
}

/// Says once that everything is ready, and where.
pub(super) async fn announce(is_ready: impl Fn() -> bool, addresses: &Addresses, began: Instant) {
    while !is_ready() {
        tokio::time::sleep(READY_INTERVAL).await;
    }
    let (seconds, admin) = (began.elapsed().as_secs_f32(), addresses.admin);
    let (api_scheme, admin_scheme) = (addresses.api_scheme, addresses.admin_scheme);
    let api = addresses
        .api
        .map_or_else(String::new, |api| format!("API {api_scheme}://{api}  "));
    // Standard output may be closed; being ready does not depend on it.
    drop(terminal::line(format!(
        "ready in {seconds:.1} s: {api}admin {admin_scheme}://{admin}"
    )));
}

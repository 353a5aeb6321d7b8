//! Clients that only take up room: streams on which nothing happens, and connections over which a request never becomes whole.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::shop::{Account, Shop};

/// Time between two bytes of a slow client.
const BYTE_INTERVAL: Duration = Duration::from_secs(1);
/// Time before a client that was sent away comes back.
const RETURN_WAIT: Duration = Duration::from_millis(500);
/// Streams that are opened at the same time.
const OPENED_AT_ONCE_MAX: usize = 50;

/// The clients, until this is dropped.
#[derive(Debug)]
pub(super) struct Crowd {
    /// What they do; they end when it is dropped.
    clients: JoinSet<()>,
    open: Arc<AtomicUsize>,
}

impl Crowd {
    /// Nobody.
    pub(super) fn nobody() -> Self {
        Self {
            clients: JoinSet::new(),
            open: Arc::default(),
        }
    }

    /// Opens `streams` of an order that nothing happens to any more, and waits until all are open.
    pub(super) async fn listen(
        &mut self,
        shop: &Arc<Shop>,
        account: &Arc<Account>,
        order_id: &str,
        streams: u32,
    ) -> anyhow::Result<()> {
        let path = format!("/orders/{order_id}/stream");
        let mut opening = JoinSet::new();
        for _ in 0..streams {
            if opening.len() >= OPENED_AT_ONCE_MAX
                && let Some(opened) = opening.join_next().await
            {
                self.keep(opened??);
            }
            let (shop, account, path) = (Arc::clone(shop), Arc::clone(account), path.clone());
            opening.spawn(async move { shop.open(&path, &account).await });
        }
        while let Some(opened) = opening.join_next().await {
            self.keep(opened??);
        }
        Ok(())
    }

    /// Sends `clients` that give a byte of their request a second.
    pub(super) async fn dawdle(&mut self, url: &str, clients: u32) -> anyhow::Result<()> {
        let host = url.split("//").nth(1).unwrap_or(url).to_owned();
        let mut found = tokio::net::lookup_host(&host)
            .await
            .with_context(|| format!("cannot resolve {host}"))?;
        let address = found.next().with_context(|| format!("{host} has no address"))?;
        for number in 0..clients {
            let host = host.clone();
            // Not all in the same moment of each second.
            let start = BYTE_INTERVAL * number / clients;
            self.clients.spawn(async move {
                tokio::time::sleep(start).await;
                dawdle(address, host).await;
            });
        }
        Ok(())
    }

    /// Streams that are open now.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn keep(&mut self, mut stream: reqwest::Response) {
        let open = Arc::clone(&self.open);
        open.fetch_add(1, Ordering::Relaxed);
        self.clients.spawn(async move {
            while let Ok(Some(_)) = stream.chunk().await {}
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// A request that comes byte by byte; whoever is sent away comes again.
async fn dawdle(address: SocketAddr, host: String) {
    let request = format!(
        "POST /orders HTTP/1.1\r\nhost: {host}\r\nx-slow: {}\r\n\r\n",
        "z".repeat(4_000)
    );
    loop {
        if let Ok(mut connection) = TcpStream::connect(address).await {
            for byte in request.as_bytes() {
                if connection.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(BYTE_INTERVAL).await;
            }
        }
        tokio::time::sleep(RETURN_WAIT).await;
    }
}

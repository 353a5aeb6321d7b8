//! What a listener answers, byte for byte.

use std::net::SocketAddr;
use std::sync::Arc;

use edge_api::Entrance;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::support::Shop;

/// Sends bytes and reads the answer to its end.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Whoever refuses a request may close before all of it was read.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

/// A gateway that has opened its door.
struct Opened {
    api: SocketAddr,
    admin: SocketAddr,
    entrance: Entrance,
}

impl Opened {
    async fn new() -> Self {
        let listener = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (api, admin) = (listener().await, listener().await);
        Self {
            api: api.local_addr().unwrap(),
            admin: admin.local_addr().unwrap(),
            entrance: Entrance::open(Some(api.into()), admin.into(), Arc::new(String::new)),
        }
    }

    /// Serves while `visit` runs.
    async fn serve(self, shop: &Shop, visit: impl Future<Output = ()>) {
        let admin = self.admin;
        let (end, asked) = oneshot::channel::<()>();
        let serving = self
            .entrance
            .serve(shop.state.clone(), async move { drop(asked.await) });
        let visit = async {
            while !exchange(admin, &get("/readyz")).await.starts_with("HTTP/1.1 200") {
                tokio::task::yield_now().await;
            }
            visit.await;
            end.send(()).unwrap();
        };
        let (served, ()) = tokio::join!(serving, visit);
        served.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_starts_and_the_operators_side_have_the_headers_of_data_too() {
    let shop = Shop::open().await;
    let opened = Opened::new().await;
    let (api, admin) = (opened.api, opened.admin);
    let look = async |address: SocketAddr, path: &str| {
        let answer = exchange(address, &get(path)).await;
        for header in [
            "cache-control: no-store",
            "content-security-policy: default-src 'none'",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
        ] {
            assert!(answer.contains(header), "{path}: {header} in {answer}");
        }
        // It is for TLS alone: edge-api/tests/edge/tls.rs.
        assert!(!answer.contains("strict-transport-security"), "{path}: {answer}");
    };
    look(api, "/me").await;
    look(admin, "/readyz").await;
    let visit = async {
        for path in ["/healthz", "/readyz", "/metrics", "/nowhere"] {
            look(admin, path).await;
        }
        look(api, "/me").await;
    };
    opened.serve(&shop, visit).await;
}

/// Requests whose end can be seen in two places, or in none. Behind each stands another request.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_hides_in_another() {
    let shop = Shop::open().await;
    let opened = Opened::new().await;
    let address = opened.api;
    let hidden = get("/hidden");
    let head = |version: &str, headers: &str| {
        format!("POST /auth/login {version}\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n")
    };
    let length = format!("content-length: {}\r\n", hidden.len());
    let chunked = head("HTTP/1.1", "transfer-encoding: chunked\r\n");
    let refused = [
        head("HTTP/1.1", &format!("{length}content-length: 0\r\n")),
        head("HTTP/1.1", "content-length: +5\r\n"),
        head("HTTP/1.1", "content-length: -1\r\n"),
        head("HTTP/1.1", "content-length: 5, 6\r\n"),
        head("HTTP/1.1", "content-length: 0x5\r\n"),
        head("HTTP/1.1", "content-length : 0\r\n"),
        head("HTTP/1.1", "transfer-encoding: xchunked\r\n"),
        head("HTTP/1.1", "transfer-encoding: chunked, identity\r\n"),
        head("HTTP/1.1", "x: a\r\n y: folded\r\n"),
        head("HTTP/1.0", "transfer-encoding: chunked\r\n") + "0\r\n\r\n",
        chunked.clone() + "-1\r\n\r\n",
        chunked + "fffffffffffffffff\r\n",
    ];
    let both = head("HTTP/1.1", &format!("{length}transfer-encoding: chunked\r\n")) + "0\r\n\r\n";
    let visit = async {
        for request in refused {
            let answer = exchange(address, &(request.clone() + &hidden)).await;
            assert!(answer.matches("HTTP/1.").count() <= 1, "{request}\n{answer}");
            assert!(answer.is_empty() || answer.contains(" 400 "), "{request}\n{answer}");
        }
        // Where both are said the length does not count (RFC 9112): what follows the last chunk is a request of its own, or not read.
        let answer = exchange(address, &(both + &hidden)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let second = answer.split("HTTP/1.1 ").nth(2);
        assert!(second.is_none_or(|second| second.starts_with("404 ")), "{answer}");
    };
    opened.serve(&shop, visit).await;
}

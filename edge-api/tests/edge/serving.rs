//! The gateway on real sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::support::Shop;
use crate::support::people::Person;
use edge_api::Entrance;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A served shop.
struct Served {
    api: SocketAddr,
    admin: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(shop: &Shop) -> Self {
        let (api, admin) = (listener().await, listener().await);
        let addresses = (api.local_addr().unwrap(), admin.local_addr().unwrap());
        let (sender, asked) = oneshot::channel::<()>();
        let until = async move { drop(asked.await) };
        let serving = tokio::spawn(
            Entrance::open(Some(api.into()), admin.into(), Arc::new(String::new)).serve(shop.state.clone(), until),
        );
        // It is ready only when its API has opened: a request before that would be told to wait.
        while !exchange(addresses.1, READY).await.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
        Self {
            api: addresses.0,
            admin: addresses.1,
            stop: sender,
            serving,
        }
    }
}

const READY: &str = "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Sends bytes and reads the answer to its end.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn request(path: &str, buyer: &Person, headers: &str) -> String {
    let token = buyer.client.token.as_deref().unwrap();
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{headers}\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_request_is_answered_although_the_gateway_shuts_down() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let served = Served::start(&shop).await;
    let mut stream = TcpStream::connect(served.api).await.unwrap();
    // Half of the request is there when the shutdown begins; the answer to the other connection shows that it runs.
    let request_text = request("/wallet", &buyer, "");
    let (first, rest) = request_text.split_at(40);
    stream.write_all(first.as_bytes()).await.unwrap();
    assert!(
        exchange(served.api, &request("/me", &buyer, ""))
            .await
            .starts_with("HTTP/1.1 200")
    );
    served.stop.send(()).unwrap();
    while shop.state.is_ready().await.accepting {
        tokio::task::yield_now().await;
    }
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    served.serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(served.api).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_on_the_admin_listener_only() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let served = Served::start(&shop).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert!(
            exchange(served.admin, &request(path, &buyer, ""))
                .await
                .starts_with("HTTP/1.1 200"),
            "{path}"
        );
        assert!(
            exchange(served.api, &request(path, &buyer, ""))
                .await
                .starts_with("HTTP/1.1 404"),
            "{path}"
        );
    }
    served.stop.send(()).unwrap();
    served.serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn before_there_is_a_gateway_the_process_is_alive_and_says_what_it_waits_for() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let (api, admin) = (listener().await, listener().await);
    let addresses = (api.local_addr().unwrap(), admin.local_addr().unwrap());
    let entrance = Entrance::open(Some(api.into()), admin.into(), Arc::new(String::new));
    entrance.waits_because("no broker answers");
    let alive = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    assert!(exchange(addresses.1, alive).await.starts_with("HTTP/1.1 200"));
    let unready = exchange(addresses.1, "GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(
        unready.starts_with("HTTP/1.1 503") && unready.contains("no broker answers"),
        "{unready}"
    );
    let refused = exchange(
        addresses.0,
        &request("/me", &buyer, "").replace("connection: close\r\n", ""),
    )
    .await;
    assert!(
        refused.starts_with("HTTP/1.1 503") && refused.contains("UNAVAILABLE"),
        "{refused}"
    );

    let (sender, asked) = oneshot::channel::<()>();
    let serving = tokio::spawn(entrance.serve(shop.state.clone(), async move { drop(asked.await) }));
    while !exchange(addresses.0, &request("/me", &buyer, ""))
        .await
        .starts_with("HTTP/1.1 200")
    {
        tokio::task::yield_now().await;
    }
    sender.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_request_has_the_headers_of_the_get_and_no_body() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let served = Served::start(&shop).await;
    for (path, status) in [("/me", "HTTP/1.1 200"), ("/nowhere", "HTTP/1.1 404")] {
        let answer = exchange(served.api, &request(path, &buyer, "").replacen("GET", "HEAD", 1)).await;
        assert!(answer.starts_with(status) && answer.ends_with("\r\n\r\n"), "{answer}");
    }
    served.stop.send(()).unwrap();
    served.serving.await.unwrap().unwrap();
}

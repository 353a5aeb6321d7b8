//! The gateway's listeners over TLS, and Redis over TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::Shop;
use crate::support::redis_server::RedisServer;
use e2e::certificates::{Authority as Issuer, Issued, Validity};
use edge_api::{Entrance, Listening, RedisAccess, RedisSessions, SessionStore as _, SessionTimes};
use reqwest::header::HeaderMap;
use runtime::tls::{Authority, ClientTls, Identity, IdentityFiles, http_client, inside_server, public_server};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const HOST: &str = "127.0.0.1";
const HSTS: &str = "max-age=63072000; includeSubDomains";
/// A handshake or an answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// An authority of the inside and one of somebody else.
struct Ground {
    directory: TempDir,
    ours: Issuer,
    theirs: Issuer,
}

impl Ground {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let issuer = |name| Issuer::new(directory.path(), name).unwrap();
        let (ours, theirs) = (issuer("ours"), issuer("theirs"));
        Self {
            directory,
            ours,
            theirs,
        }
    }

    fn trust(&self) -> Authority {
        Authority::load(&self.ours.file()).unwrap()
    }

    fn tls(&self, shown: Option<&Issued>) -> ClientTls {
        ClientTls::new(self.trust(), shown.map(load)).unwrap()
    }
}

fn load(issued: &Issued) -> Arc<Identity> {
    let files = IdentityFiles {
        certificate: issued.certificate.clone(),
        key: issued.key.clone(),
    };
    Identity::load(files).unwrap()
}

/// Serves a shop on these listeners while `visit` runs.
async fn serve(shop: &Shop, api: Listening, admin: Listening, visit: impl Future<Output = ()>) {
    let (end, asked) = oneshot::channel::<()>();
    let entrance = Entrance::open(Some(api), admin, Arc::new(String::new));
    let serving = entrance.serve(shop.state.clone(), async move { drop(asked.await) });
    let visit = async {
        visit.await;
        end.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(serving, visit);
    served.unwrap();
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The status and the headers of an answer, or why there is none.
async fn look(url: &str, tls: Option<&ClientTls>) -> Result<(u16, HeaderMap), String> {
    let client = http_client(tls).timeout(PATIENCE).build().unwrap();
    let answer = client.get(url).send().await.map_err(|error| format!("{error:?}"))?;
    Ok((answer.status().as_u16(), answer.headers().clone()))
}

/// Until the gateway is behind its door, every answer is 503.
async fn status(url: &str, tls: Option<&ClientTls>) -> Result<u16, String> {
    loop {
        match look(url, tls).await {
            Ok((503, _)) => tokio::task::yield_now().await,
            other => return other.map(|(status, _)| status),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_over_tls_says_that_it_is_to_be_called_so_and_in_the_clear_it_does_not() {
    let shop = Shop::open().await;
    let ground = Ground::new();
    let identity = load(&ground.ours.issue("api", &[HOST]).unwrap());
    let ((secured, at), (clear, clear_at), (proxied, proxied_at)) =
        (listener().await, listener().await, listener().await);
    let tls = ground.tls(None);
    let said = async |url: String, tls| {
        let (_, headers) = look(&url, tls).await.unwrap();
        headers
            .get("strict-transport-security")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let visit = async {
        for path in ["/products", "/", "/nowhere"] {
            assert_eq!(
                said(format!("https://{at}{path}"), Some(&tls)).await.as_deref(),
                Some(HSTS),
                "{path}"
            );
            assert_eq!(said(format!("http://{clear_at}{path}"), None).await, None, "{path}");
        }
        // Whoever speaks TLS with something else than our authority's certificate behind it does not get so far.
        assert!(look(&format!("https://{at}/products"), None).await.is_err());
        // And what is no TLS gets no answer of the gateway.
        assert!(look(&format!("http://{at}/products"), None).await.is_err());
    };
    let api = Listening::over_tls(secured, public_server(identity).unwrap());
    serve(&shop, api, clear.into(), visit).await;

    let visit = async {
        let url = format!("http://{proxied_at}/products");
        assert_eq!(said(url, None).await.as_deref(), Some(HSTS));
    };
    serve(
        &shop,
        Listening::behind_proxies(proxied),
        listener().await.0.into(),
        visit,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_side_shows_strangers_whether_it_lives_and_nothing_else() {
    let shop = Shop::open().await;
    let ground = Ground::new();
    let server = load(&ground.ours.issue("server", &[HOST]).unwrap());
    let (api, (admin, at)) = (listener().await.0, listener().await);
    let known = ground.tls(Some(&ground.ours.issue("operator", &[]).unwrap()));
    let foreign = ground.tls(Some(&ground.theirs.issue("foreign", &[]).unwrap()));
    let expired = ground.ours.issue_valid("expired", &[], Validity::Expired).unwrap();
    let expired = ground.tls(Some(&expired));
    let stranger = ground.tls(None);
    let url = |path: &str| format!("https://{at}{path}");
    let visit = async {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(status(&url(path), Some(&stranger)).await, Ok(200), "{path}");
        }
        for path in [
            "/metrics",
            "/",
            "/internal/query",
            "/operator/stuck-orders",
            "/healthz/",
            "//healthz",
        ] {
            assert_eq!(status(&url(path), Some(&stranger)).await, Ok(403), "{path}");
        }
        assert_eq!(status(&url("/metrics"), Some(&known)).await, Ok(200));
        assert_eq!(status(&url("/nowhere"), Some(&known)).await, Ok(404));
        for refused in [&foreign, &expired] {
            assert!(status(&url("/healthz"), Some(refused)).await.is_err());
        }
    };
    let admin = Listening::over_tls(admin, inside_server(server, &ground.trust()).unwrap());
    serve(&shop, api.into(), admin, visit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shakes_no_hands_keeps_nobody_else_waiting_and_does_not_hold_up_the_end() {
    let shop = Shop::open().await;
    let ground = Ground::new();
    let identity = load(&ground.ours.issue("api", &[HOST]).unwrap());
    let ((api, at), (admin, _)) = (listener().await, listener().await);
    let tls = ground.tls(None);
    let mut silent = TcpStream::connect(at).await.unwrap();
    let visit = async {
        assert_eq!(status(&format!("https://{at}/products"), Some(&tls)).await, Ok(401));
    };
    let api = Listening::over_tls(api, public_server(identity).unwrap());
    tokio::time::timeout(PATIENCE, serve(&shop, api, admin.into(), visit))
        .await
        .unwrap();
    let mut rest = Vec::new();
    drop(silent.read_to_end(&mut rest).await);
    assert!(rest.is_empty(), "{rest:?}");
}

/// What Redis, or the way to it, answers to a question. On a busy machine the short times of a request run out first; then it is asked
/// again.
async fn answer(access: &RedisAccess<'_>) -> Result<(), String> {
    let sessions = RedisSessions::connect(access, "tls:", SessionTimes::default()).unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match sessions.owner("nobody", 0).await {
            Err(error) if error.0.contains("timed out") && tokio::time::Instant::now() < deadline => {}
            answer => return answer.map(drop).map_err(|error| error.0),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_spoken_to_over_tls_with_a_certificate_and_a_password_and_only_if_it_is_ours() {
    let ground = Ground::new();
    let server = ground.ours.issue("redis", &[HOST]).unwrap();
    let redis = RedisServer::start_secured(&server, &ground.ours.file(), "hunter2").await;
    let own = ground.tls(Some(&ground.ours.issue("edge", &[]).unwrap()));
    let url = redis.secured_url();
    let ask = async |url: &str, password, tls| answer(&RedisAccess { url, password, tls }).await;
    let right = Some("hunter2");
    assert_eq!(ask(&url, right, Some(&own)).await, Ok(()));
    let refused = |answer: Result<(), String>, why: &str| {
        assert!(
            answer.as_ref().is_err_and(|error| error.contains(why)),
            "{why}: {answer:?}"
        );
    };
    refused(ask(&url, Some("wrong"), Some(&own)).await, "authentication failed");
    refused(ask(&url, None, Some(&own)).await, "NOAUTH");
    // Redis asks for a certificate.
    let nameless = ground.tls(None);
    assert!(ask(&url, right, Some(&nameless)).await.is_err());
    // Our Redis has none of their authority, nor one that this machine trusts.
    let theirs = Authority::load(&ground.theirs.file()).unwrap();
    let theirs = ClientTls::new(theirs, None).unwrap();
    refused(ask(&url, right, Some(&theirs)).await, "UnknownIssuer");
    refused(ask(&url, right, None).await, "UnknownIssuer");

    let expired = ground.ours.issue_valid("expired", &[HOST], Validity::Expired).unwrap();
    let redis = RedisServer::start_secured(&expired, &ground.ours.file(), "hunter2").await;
    refused(ask(&redis.secured_url(), right, Some(&own)).await, "xpired");
    drop(ground.directory);
}

//! Who is believed over TLS and who is not, in real handshakes between our listeners and our clients.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use e2e::certificates::{Authority as Issuer, Issued, Validity};
use runtime::registry::{HttpRegistry, RegistryLimits};
use runtime::tls::{
    Authority, ClientTls, Identity, IdentityFiles, certificate_end, http_client, inside_server, public_server,
};
use schemas::registry::SchemaRegistry as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// Suites with forward secrecy that authenticate what they encrypt: those of TLS 1.3, and of 1.2 those that RFC 9325 recommends.
const RECOMMENDED: [&str; 9] = [
    "TLS13_AES_256_GCM_SHA384",
    "TLS13_AES_128_GCM_SHA256",
    "TLS13_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];
/// Descriptions of fatal alerts (RFC 8446, 6.2).
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;
const HOST: &str = "127.0.0.1";

/// Two authorities and a directory for what they issue.
struct Ground {
    directory: TempDir,
    ours: Issuer,
    theirs: Issuer,
}

impl Ground {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let issuer = |name| Issuer::new(directory.path(), name).unwrap();
        Self {
            ours: issuer("ours"),
            theirs: issuer("theirs"),
            directory,
        }
    }

    fn trust(&self) -> Authority {
        Authority::load(&self.ours.file()).unwrap()
    }

    /// A client that believes our authority and shows this.
    fn client(&self, shown: Option<&Issued>) -> ClientTls {
        ClientTls::new(self.trust(), shown.map(load)).unwrap()
    }
}

fn load(issued: &Issued) -> Arc<Identity> {
    Identity::load(files(issued)).unwrap()
}

fn files(issued: &Issued) -> IdentityFiles {
    IdentityFiles {
        certificate: issued.certificate.clone(),
        key: issued.key.clone(),
    }
}

/// Answers `yes` over TLS until the test ends.
async fn serve(config: Arc<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut request = [0; 1024];
                drop(stream.read(&mut request).await);
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nyes";
                drop(stream.write_all(answer.as_bytes()).await);
                drop(stream.shutdown().await);
            });
        }
    });
    address
}

/// Whether a client gets its answer; if not, why.
async fn ask(address: SocketAddr, tls: Option<&ClientTls>) -> Result<String, String> {
    let client = http_client(tls).build().unwrap();
    let answer = client.get(format!("https://{address}/")).send().await;
    match answer {
        Ok(answer) => answer.text().await.map_err(|error| format!("{error:?}")),
        Err(error) => Err(format!("{error:?}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_only_with_a_certificate_of_our_authority_for_its_name_that_is_valid_now() {
    let ground = Ground::new();
    let (ours, theirs) = (&ground.ours, &ground.theirs);
    let client = ground.client(None);
    let servers = [
        (ours.issue("good", &[HOST]).unwrap(), None),
        (theirs.issue("foreign", &[HOST]).unwrap(), Some("UnknownIssuer")),
        (
            ours.issue("elsewhere", &["127.0.0.2"]).unwrap(),
            Some("NotValidForName"),
        ),
        (
            ours.issue_valid("expired", &[HOST], Validity::Expired).unwrap(),
            Some("Expired"),
        ),
        (
            ours.issue_valid("early", &[HOST], Validity::NotYet).unwrap(),
            Some("NotValidYet"),
        ),
    ];
    for (issued, refused) in servers {
        let address = serve(public_server(load(&issued)).unwrap()).await;
        let asked = ask(address, Some(&client)).await;
        match refused {
            None => assert_eq!(asked.as_deref(), Ok("yes"), "{issued:?}"),
            Some(why) => assert!(
                asked.as_ref().is_err_and(|error| error.contains(why)),
                "{why}: {asked:?}"
            ),
        }
        // What the machine trusts is not our authority.
        assert!(ask(address, None).await.is_err(), "{issued:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_a_certificate_of_the_inner_authority_that_is_valid_now_or_none() {
    let ground = Ground::new();
    let server = load(&ground.ours.issue("server", &[HOST]).unwrap());
    let address = serve(inside_server(server, &ground.trust()).unwrap()).await;
    let known = ground.ours.issue("known", &[]).unwrap();
    assert_eq!(
        ask(address, Some(&ground.client(Some(&known)))).await.as_deref(),
        Ok("yes")
    );
    assert_eq!(ask(address, Some(&ground.client(None))).await.as_deref(), Ok("yes"));
    let foreign = ground.theirs.issue("foreign", &[]).unwrap();
    let expired = ground.ours.issue_valid("expired", &[], Validity::Expired).unwrap();
    for shown in [foreign, expired] {
        let asked = ask(address, Some(&ground.client(Some(&shown)))).await;
        assert!(asked.is_err(), "{shown:?}: {asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_without_a_restart_and_half_of_one_is_not() {
    let ground = Ground::new();
    let (first, second) = (
        ground.theirs.issue("first", &[HOST]).unwrap(),
        ground.ours.issue("second", &[HOST]).unwrap(),
    );
    let identity = load(&first);
    let address = serve(public_server(Arc::clone(&identity)).unwrap()).await;
    let client = ground.client(None);
    assert!(ask(address, Some(&client)).await.is_err());

    std::fs::copy(&second.certificate, &first.certificate).unwrap();
    let half = identity.renew().unwrap_err().to_string();
    assert!(half.contains("private key"), "{half}");
    assert!(ask(address, Some(&client)).await.is_err());

    std::fs::copy(&second.key, &first.key).unwrap();
    identity.renew().unwrap();
    assert_eq!(ask(address, Some(&client)).await.as_deref(), Ok("yes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_older_than_tls_1_2_is_spoken_and_no_suite_that_is_not_recommended() {
    let ground = Ground::new();
    let identity = load(&ground.ours.issue("server", &[HOST]).unwrap());
    let config = public_server(identity).unwrap();
    for suite in &config.crypto_provider().cipher_suites {
        let name = format!("{:?}", suite.suite());
        assert!(RECOMMENDED.contains(&name.as_str()), "{name}");
    }
    let address = serve(config).await;
    let ecdhe_gcm: u16 = 0xc02b;
    let (rsa_cbc, ecdhe_cbc): (u16, u16) = (0x002f, 0xc009);
    for (version, suites, alert) in [
        (0x0301, [ecdhe_cbc, rsa_cbc], PROTOCOL_VERSION),
        (0x0302, [ecdhe_cbc, rsa_cbc], PROTOCOL_VERSION),
        (0x0303, [ecdhe_cbc, rsa_cbc], HANDSHAKE_FAILURE),
    ] {
        assert_eq!(
            greet(address, version, &suites).await,
            Greeted::Refused(alert),
            "{version:x}"
        );
    }
    // The same greeting with a suite that is recommended is taken, so it is not refused for another reason.
    assert_eq!(greet(address, 0x0303, &[ecdhe_gcm]).await, Greeted::Taken);
}

#[derive(Debug, PartialEq, Eq)]
enum Greeted {
    Taken,
    /// With this alert.
    Refused(u8),
}

/// Sends a `ClientHello` of a version before 1.3, byte for byte, and reads the first record of the answer.
async fn greet(address: SocketAddr, version: u16, suites: &[u16]) -> Greeted {
    let mut hello = version.to_be_bytes().to_vec();
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend(sized(
        &suites.iter().flat_map(|suite| suite.to_be_bytes()).collect::<Vec<_>>(),
    ));
    hello.extend([1, 0]);
    // Groups: P-256. Point formats: uncompressed. Signatures: ECDSA on P-256 with SHA-256. Extended master secret.
    let extensions = [
        [&[0, 10][..], &sized(&sized(&[0, 23]))].concat(),
        [&[0, 11][..], &sized(&[1, 0])].concat(),
        [&[0, 13][..], &sized(&sized(&[4, 3]))].concat(),
        [&[0, 23][..], &sized(&[])].concat(),
    ];
    hello.extend(sized(&extensions.concat()));
    let message = [&[1, 0][..], &sized(&hello)].concat();
    let record = [&[22, 3, 1][..], &sized(&message)].concat();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&record).await.unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await.unwrap();
    match answer {
        [22, ..] => Greeted::Taken,
        [21, _, _, _, _, 2, alert] => Greeted::Refused(alert),
        other => panic!("{other:?}"),
    }
}

/// With two bytes of length before it.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_cannot_show_who_it_is_is_not_asked() {
    let ground = Ground::new();
    let limits = RegistryLimits {
        attempt_timeout: Duration::from_secs(5),
        attempts_max: 1,
        backoff: Duration::from_millis(1),
    };
    let foreign = load(&ground.theirs.issue("foreign", &[HOST]).unwrap());
    let own = load(&ground.ours.issue("own", &[HOST]).unwrap());
    for (identity, is_believed) in [(own, true), (foreign, false)] {
        let address = serve_registry(identity).await;
        let (url, tls) = (format!("https://{address}"), ground.client(None));
        let asked = tokio::task::spawn_blocking(move || {
            let registry = HttpRegistry::with_limits(&url, Some(&tls), limits).unwrap();
            registry.schema(1).map(drop)
        });
        let answer = asked.await.unwrap();
        assert_eq!(answer.is_ok(), is_believed, "{answer:?}");
    }
}

/// A registry that has one schema.
async fn serve_registry(identity: Arc<Identity>) -> SocketAddr {
    let schema = r#"{"schema":"\"string\"","schemaType":"AVRO"}"#;
    let router = Router::new().route("/schemas/ids/1", get(move || async move { schema }));
    let inner = TcpListener::bind((HOST, 0)).await.unwrap();
    let plain = inner.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(inner, router).await });
    let acceptor = TlsAcceptor::from(public_server(identity).unwrap());
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut outside) = acceptor.accept(stream).await else {
                    return;
                };
                let mut inside = TcpStream::connect(plain).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut outside, &mut inside).await);
            });
        }
    });
    address
}

#[test]
fn a_certificate_says_when_it_ends() {
    let ground = Ground::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let end = |validity| {
        let issued = ground.ours.issue_valid("one", &[HOST], validity).unwrap();
        certificate_end(&issued.certificate).unwrap()
    };
    assert!(end(Validity::Expired) < now && now < end(Validity::Valid));
}

#[test]
fn files_that_make_nothing_are_refused_with_their_names() {
    let ground = Ground::new();
    let one = ground.ours.issue("one", &[HOST]).unwrap();
    let other = ground.ours.issue("other", &[HOST]).unwrap();
    let empty = ground.directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let refused = |certificate: &Path, key: &Path| {
        let files = IdentityFiles {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        Identity::load(files).unwrap_err().to_string()
    };
    assert!(refused(&one.certificate, &other.key).contains("other.key"));
    assert!(refused(&empty, &one.key).contains("empty.pem"));
    assert!(refused(&one.certificate, &empty).contains("empty.pem"));
    assert!(refused(&ground.directory.path().join("gone.pem"), &one.key).contains("gone.pem"));
    assert!(Authority::load(&empty).unwrap_err().to_string().contains("empty.pem"));
}

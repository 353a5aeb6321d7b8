//! Where secrets and addresses of people are not: in Redis, in stores, in the repository.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::people::{PASSWORD, login};
use crate::support::redis_server::RedisServer;
use crate::support::{Shop, unique};
use edge_api::{RedisSessions, SessionTimes};
use serde_json::json;

const NEW_PASSWORD: &str = "battery staple correct";
/// A file of the repository that is larger holds no text.
const FILE_BYTES_MAX: u64 = 2 << 20;

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_redis_nor_a_store_has_an_address_a_password_or_a_token() {
    let redis = RedisServer::start_uncompressed().await;
    let sessions = RedisSessions::connect(&redis.url().as_str().into(), "sluice:", SessionTimes::default()).unwrap();
    let shop = Shop::with_sessions(Arc::new(sessions)).await;
    let buyer = shop.rich_buyer(1_000).await;
    let renewed = shop.refresh(&buyer.refresh_token).await.expect(200);
    let guess = json!({ "email": buyer.email, "password": "a wrong guess at it" });
    shop.anonymous().post("/auth/login", guess).await.expect(401);
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    buyer.client.post("/auth/password", change).await.expect(200);
    let mut again = login(&buyer.email);
    again["password"] = json!(NEW_PASSWORD);
    let again = shop.anonymous().post("/auth/login", again).await.expect(200);
    let tokens = [
        buyer.client.token.clone().unwrap(),
        buyer.refresh_token.clone(),
        renewed.text("/refresh_token"),
        again.text("/access_token"),
        again.text("/refresh_token"),
    ];
    let parts = tokens.iter().flat_map(|token| token.split('.'));
    let long = parts.filter(|part| part.len() > 30).map(str::to_owned);
    let said = [&buyer.email, PASSWORD, NEW_PASSWORD, "a wrong guess at it"].map(str::to_owned);
    let secrets: Vec<String> = said.into_iter().chain(long).collect();
    assert!(secrets.len() > 8, "{secrets:?}");
    let has_none = |place: &str, bytes: &[u8]| {
        for secret in &secrets {
            assert!(!holds(bytes, secret.as_bytes()), "{place} holds {secret}");
        }
    };

    let mut kept = 0;
    for (key, value) in redis.everything().await {
        has_none(&key, key.as_bytes());
        has_none(&key, &value);
        kept += usize::from(holds(&value, buyer.account_id.as_bytes()));
    }
    assert!(kept > 0, "nothing in Redis was of the buyer");

    // A store has what its changelog has, key by key.
    let mut stored = 0;
    shop.engine.look(&mut |topic, record| {
        if topic.ends_with("-changelog") {
            let bytes = [record.key.unwrap_or_default(), record.value.unwrap_or_default()].concat();
            has_none(topic, &bytes);
            stored += usize::from(holds(&bytes, buyer.account_id.as_bytes()));
        }
    });
    assert!(stored > 0, "nothing in a store was of the buyer");
}

/// What a secret looks like that somebody has committed, in two halves, so that this file is none itself.
const MARKS: [(&str, &str); 8] = [
    ("-----BEGIN PRIV", "ATE KEY-----"),
    ("-----BEGIN EC PRIV", "ATE KEY-----"),
    ("-----BEGIN RSA PRIV", "ATE KEY-----"),
    ("-----BEGIN OPENSSH PRIV", "ATE KEY-----"),
    ("ghp", "_"),
    ("github", "_pat_"),
    ("xox", "b-"),
    ("AK", "IA"),
];

/// Every file of the repository but what is built and what git keeps.
fn files() -> Vec<PathBuf> {
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()];
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && name != "target" && name != ".git" {
                directories.push(entry.path());
            } else if kind.is_file() && entry.metadata().unwrap().len() <= FILE_BYTES_MAX {
                files.push(entry.path());
            }
        }
    }
    files
}

#[test]
fn no_file_of_the_repository_has_a_secret_in_it() {
    let files = files();
    assert!(files.len() > 500, "{}", files.len());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for (begin, end) in MARKS {
            let mark = format!("{begin}{end}");
            let is_there = bytes
                .windows(mark.len())
                .enumerate()
                .any(|(at, window)| window == mark.as_bytes() && is_a_secret(&bytes[at + mark.len()..]));
            assert!(!is_there, "{}: {mark}", file.display());
        }
    }
}

/// What follows a mark is a secret if it goes on like one: base 64 or upper case, and not the words of a text about secrets.
fn is_a_secret(rest: &[u8]) -> bool {
    let line: Vec<u8> = rest
        .iter()
        .copied()
        .skip_while(u8::is_ascii_whitespace)
        .take(16)
        .collect();
    line.len() == 16
        && line
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/_-".contains(byte))
}

#[test]
fn a_committed_key_would_be_found() {
    let key = unique("key").replace('-', "").repeat(4);
    assert!(is_a_secret(format!("\n{key}\n").as_bytes()));
    assert!(!is_a_secret(b" is the head of a key, says the text"));
}

//! The console's files, and sessions that a browser keeps in a cookie.

use crate::support::client::{Client, Reply};
use crate::support::people::{PASSWORD, login, secret_of};
use crate::support::{Setting, Shop, unique};
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use edge_api::auth::totp;
use edge_api::limits::TOTP_STEP_MS;
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

const COOKIE_MODE: (&str, &str) = ("sluice-session", "cookie");

fn header(headers: &HeaderMap, name: impl axum::http::header::AsHeaderName) -> &str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// A file of the console.
struct Page {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

async fn page(shop: &Shop, path: &str, known: Option<&str>) -> Page {
    let mut request = Request::get(path);
    if let Some(known) = known {
        request = request.header("if-none-match", known);
    }
    let app = edge_api::app(shop.state.clone());
    let (parts, body) = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
        .into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Page {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// The address of a file that the page names.
fn address(page: &str, file: &str) -> String {
    let (before, _) = page.split_once(file).unwrap();
    let (_, path) = before.rsplit_once('"').unwrap();
    format!("{path}{file}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_asked_for_again_and_what_it_is_made_of_never() {
    let shop = Shop::open().await;
    let index = page(&shop, "/", None).await;
    assert_eq!(index.status, StatusCode::OK);
    assert_eq!(header(&index.headers, CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(&index.headers, CACHE_CONTROL), "no-cache");
    let tag = header(&index.headers, ETAG).to_owned();
    let known = page(&shop, "/", Some(&tag)).await;
    assert_eq!((known.status, known.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(header(&known.headers, ETAG), tag);

    for (file, kind) in [
        ("js/shop.js", "text/javascript; charset=utf-8"),
        ("style/base.css", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
    ] {
        let path = address(&index.text, file);
        let found = page(&shop, &path, None).await;
        assert_eq!(
            (found.status, header(&found.headers, CONTENT_TYPE)),
            (StatusCode::OK, kind)
        );
        assert_eq!(
            header(&found.headers, CACHE_CONTROL),
            "public, max-age=31536000, immutable"
        );
        let other = page(&shop, &format!("/console/other/{file}"), None).await;
        assert_eq!((other.status, other.text), (StatusCode::OK, found.text));
        assert_eq!(header(&other.headers, CACHE_CONTROL), "no-cache");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_a_policy_of_their_own_and_data_keeps_its_strict_one() {
    let shop = Shop::open().await;
    let client = shop.anonymous();
    let index = page(&shop, "/", None).await;
    let policy = header(&index.headers, CONTENT_SECURITY_POLICY);
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for missing in [
        "/nothing",
        "/console/x/index.html",
        "/console/x/../Cargo.toml",
        "/operator/topologies",
    ] {
        let reply = client.get(missing).await;
        assert_eq!(
            (reply.status, &reply.body["code"]),
            (StatusCode::NOT_FOUND, &json!("NOT_FOUND")),
            "{missing}"
        );
        assert!(header(&reply.headers, CONTENT_SECURITY_POLICY).contains("sandbox"));
        assert_eq!(header(&reply.headers, CACHE_CONTROL), "no-store");
    }
    let reply = client.post("/", json!({})).await;
    assert_eq!(
        (reply.status, &reply.body["code"]),
        (StatusCode::METHOD_NOT_ALLOWED, &json!("METHOD_NOT_ALLOWED"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_the_console_has_no_page() {
    let shop = Shop::with(Setting {
        console: false,
        ..Setting::default()
    })
    .await;
    for path in ["/", "/console/x/js/shop.js"] {
        assert_eq!(shop.anonymous().get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// Registers somebody and logs in with a cookie; answers what the login did.
async fn log_in(client: &Client) -> Reply {
    let email = format!("{}@example.org", unique("cookie"));
    let body = json!({ "email": email, "password": PASSWORD, "name": "Ann", "role": "BUYER" });
    assert_eq!(client.post("/auth/register", body).await.status, StatusCode::CREATED);
    let body = json!({ "email": email, "password": PASSWORD });
    client
        .send(Method::POST, "/auth/login", &[COOKIE_MODE], Some(body))
        .await
}

/// The session cookie that an answer sets: all of it, and what is sent back.
fn session_cookie(reply: &Reply) -> (String, String) {
    let all = reply
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .map(|value| value.to_str().unwrap());
    let set: Vec<&str> = all
        .filter(|cookie| cookie.starts_with("__Host-sluice-session="))
        .collect();
    let [set] = set[..] else { panic!("{set:?}") };
    (set.to_owned(), set.split(';').next().unwrap().to_owned())
}

async fn refresh(client: &Client, cookie: &str, further: &[(&str, &str)]) -> Reply {
    let headers = [&[COOKIE_MODE, ("cookie", cookie)], further].concat();
    client.send(Method::POST, "/auth/refresh", &headers, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_cookie_never_sees_the_refresh_token_and_the_cookie_is_renewed() {
    let shop = Shop::open().await;
    let client = shop.anonymous();
    let reply = log_in(&client).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.body.get("refresh_token"), None);
    assert!(reply.body["access_token"].is_string());
    let (set, cookie) = session_cookie(&reply);
    assert!(
        set.ends_with("; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Strict"),
        "{set}"
    );

    let renewed = refresh(&client, &cookie, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(
        (renewed.status, renewed.body.get("refresh_token")),
        (StatusCode::OK, None)
    );
    let (_, next) = session_cookie(&renewed);
    assert_ne!(cookie, next);
    let token = renewed.body["access_token"].as_str().unwrap();
    assert_eq!(client.with_token(token).get("/me").await.status, StatusCode::OK);

    let over = client
        .with_token(token)
        .send(Method::POST, "/auth/logout", &[COOKIE_MODE], None)
        .await;
    assert_eq!(over.status, StatusCode::NO_CONTENT);
    assert!(
        session_cookie(&over)
            .0
            .starts_with("__Host-sluice-session=; Path=/; Max-Age=0; ")
    );
    let ended = refresh(&client, &next, &[]).await;
    assert_eq!(
        (ended.status, &ended.body["code"]),
        (StatusCode::UNAUTHORIZED, &json!("SESSION_ENDED"))
    );
    assert!(session_cookie(&ended).0.contains("Max-Age=0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_counts_only_for_a_request_of_the_same_origin_that_asks_for_it() {
    let shop = Shop::open().await;
    let client = shop.anonymous();
    let (_, cookie) = session_cookie(&log_in(&client).await);
    for site in ["cross-site", "same-site"] {
        let reply = refresh(&client, &cookie, &[("sec-fetch-site", site)]).await;
        assert_eq!(
            (reply.status, &reply.body["code"]),
            (StatusCode::FORBIDDEN, &json!("FORBIDDEN")),
            "{site}"
        );
    }
    // Without the header a cookie says nothing: the body has to.
    let silent = client
        .send(Method::POST, "/auth/refresh", &[("cookie", &cookie)], Some(json!({})))
        .await;
    assert_eq!(silent.status, StatusCode::BAD_REQUEST);
    let nobody = client.send(Method::POST, "/auth/refresh", &[COOKIE_MODE], None).await;
    assert_eq!(
        (nobody.status, &nobody.body["code"]),
        (StatusCode::UNAUTHORIZED, &json!("INVALID_TOKEN"))
    );
    assert_eq!(refresh(&client, &cookie, &[]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_the_session_whose_cookie_came_with_it_and_no_other() {
    let shop = Shop::open().await;
    let (client, person, other) = (shop.anonymous(), shop.buyer().await, shop.buyer().await);
    let log_in = async |email: &str, cookie: &str| {
        let headers = [COOKIE_MODE, ("cookie", cookie)];
        client
            .send(Method::POST, "/auth/login", &headers, Some(login(email)))
            .await
    };
    let first = log_in(&person.email, "a=b").await.expect(200);
    let (_, cookie) = session_cookie(&first);
    // What is no login ends nothing.
    log_in("nobody@example.org", &cookie).await.expect(401);
    let of_first = client.with_token(&first.text("/access_token"));
    of_first.get("/me").await.expect(200);

    let second = log_in(&person.email, &cookie).await.expect(200);
    of_first.get("/me").await.expect_problem(401, "SESSION_ENDED");
    refresh(&client, &cookie, &[]).await.expect(401);
    person.client.get("/me").await.expect(200);
    // Also that of another account; and a cookie that nobody made ends nothing.
    let (_, cookie) = session_cookie(&second);
    log_in(&other.email, &cookie).await.expect(200);
    let of_second = client.with_token(&second.text("/access_token"));
    of_second.get("/me").await.expect_problem(401, "SESSION_ENDED");
    log_in(&other.email, "__Host-sluice-session=forged").await.expect(200);
    other.client.get("/me").await.expect(200);
}

/// The session that begins with a second factor comes beside the recovery codes, not alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_session_of_a_new_second_factor_is_in_the_cookie_too() {
    let shop = Shop::open().await;
    shop.clock.stop();
    let anonymous = shop.anonymous();
    let token = log_in(&anonymous).await.text("/access_token");
    let client = anonymous.with_token(&token);
    let begun = client
        .post("/auth/second-factor", json!({ "password": PASSWORD }))
        .await;
    let step = shop.state.now_ms().div_euclid(TOTP_STEP_MS);
    let code = totp::code(&secret_of(&begun.text("/otpauth_uri")), step);
    let confirmation = json!({ "enrolment": begun.text("/enrolment"), "code": code });
    let path = "/auth/second-factor/confirmation";
    let reply = client
        .send(Method::POST, path, &[COOKIE_MODE], Some(confirmation))
        .await;
    let reply = reply.expect(200);
    assert!(reply.body["session"]["access_token"].is_string());
    assert!(reply.body["session"].get("refresh_token").is_none(), "{:?}", reply.body);
    let (_, cookie) = session_cookie(&reply);
    refresh(&anonymous, &cookie, &[]).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_ask_for_a_cookie_gets_none() {
    let shop = Shop::open().await;
    let client = shop.anonymous();
    let email = format!("{}@example.org", unique("plain"));
    let body = json!({ "email": email, "password": PASSWORD, "name": "Ann", "role": "BUYER" });
    client.post("/auth/register", body).await;
    let reply = client
        .post("/auth/login", json!({ "email": email, "password": PASSWORD }))
        .await;
    assert!(reply.body["refresh_token"].is_string());
    let mut cookies = reply.headers.get_all(SET_COOKIE).iter();
    assert!(cookies.all(|cookie| !cookie.to_str().unwrap().contains("sluice-session")));
}

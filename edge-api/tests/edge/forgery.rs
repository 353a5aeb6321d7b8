//! Tokens that are not ours, in every way that has fooled somebody before. None gets in.

use crate::support::{SEED, Shop};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// A genuine token's parts.
struct Genuine {
    header: Value,
    claims: Value,
}

impl Genuine {
    fn of(token: &str) -> Self {
        let part = |index: usize| {
            let part = token.split('.').nth(index).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        Self {
            header: part(0),
            claims: part(1),
        }
    }

    /// Signed with the gateway's own key, with other header fields (null removes one).
    fn with_header(&self, changes: &Value) -> String {
        signed(
            &merged(&self.header, changes),
            &self.claims,
            &SigningKey::from_bytes(&SEED),
        )
    }

    /// Signed with the gateway's own key, with other claims (null removes one).
    fn with_claims(&self, changes: &Value) -> String {
        signed(
            &self.header,
            &merged(&self.claims, changes),
            &SigningKey::from_bytes(&SEED),
        )
    }

    fn signed_by(&self, seed: [u8; 32], header: &Value) -> String {
        signed(
            &merged(&self.header, header),
            &self.claims,
            &SigningKey::from_bytes(&seed),
        )
    }

    fn hmac(&self, secret: &[u8], algorithm: &str) -> String {
        let message = message(
            &merged(&self.header, &json!({ "alg": algorithm })).to_string(),
            &self.claims.to_string(),
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

fn merged(base: &Value, changes: &Value) -> Value {
    let mut merged = base.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            merged.remove(name);
        } else {
            merged.insert(name.clone(), value.clone());
        }
    }
    Value::Object(merged)
}

fn message(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn signed(header: &Value, claims: &Value, key: &SigningKey) -> String {
    sign_text(&header.to_string(), &claims.to_string(), key)
}

fn sign_text(header: &str, claims: &str, key: &SigningKey) -> String {
    let message = message(header, claims);
    let signature = key.sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn wrong_headers(genuine: &Genuine) -> Vec<(&'static str, String)> {
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes()) });
    vec![
        ("no type", genuine.with_header(&json!({ "typ": null }))),
        ("type JWT", genuine.with_header(&json!({ "typ": "JWT" }))),
        ("type of an id token", genuine.with_header(&json!({ "typ": "id+jwt" }))),
        ("no key id", genuine.with_header(&json!({ "kid": null }))),
        ("another key id", genuine.with_header(&json!({ "kid": "other" }))),
        (
            "a path as key id",
            genuine.with_header(&json!({ "kid": "../../dev/null" })),
        ),
        (
            "a key by URL",
            genuine.with_header(&json!({ "jku": "https://evil.example/jwks" })),
        ),
        (
            "a certificate by URL",
            genuine.with_header(&json!({ "x5u": "https://evil.example/x5u" })),
        ),
        ("a certificate chain", genuine.with_header(&json!({ "x5c": ["AAAA"] }))),
        ("a critical extension", genuine.with_header(&json!({ "crit": ["exp"] }))),
        ("nested content", genuine.with_header(&json!({ "cty": "JWT" }))),
        (
            "algorithm of the header: ES256",
            genuine.with_header(&json!({ "alg": "ES256" })),
        ),
        (
            "algorithm of the header: unknown",
            genuine.with_header(&json!({ "alg": "XX" })),
        ),
        (
            "an own key in the header",
            genuine.signed_by([8; 32], &json!({ "jwk": jwk })),
        ),
        ("an own key", genuine.signed_by([8; 32], &json!({}))),
    ]
}

fn wrong_claims(genuine: &Genuine) -> Vec<(&'static str, String)> {
    let (iat, exp) = (
        genuine.claims["iat"].as_i64().unwrap(),
        genuine.claims["exp"].as_i64().unwrap(),
    );
    let twice = genuine.claims.to_string().replacen('{', "{\"sub\":\"admin\",", 1);
    vec![
        ("another issuer", genuine.with_claims(&json!({ "iss": "evil" }))),
        ("no issuer", genuine.with_claims(&json!({ "iss": null }))),
        ("another audience", genuine.with_claims(&json!({ "aud": "other-api" }))),
        ("no audience", genuine.with_claims(&json!({ "aud": null }))),
        (
            "a list of audiences",
            genuine.with_claims(&json!({ "aud": ["sluice-api", "other"] })),
        ),
        ("no subject", genuine.with_claims(&json!({ "sub": null }))),
        ("no session", genuine.with_claims(&json!({ "sid": null }))),
        ("no credential", genuine.with_claims(&json!({ "cver": null }))),
        (
            "a second factor in words",
            genuine.with_claims(&json!({ "mfa": "yes" })),
        ),
        (
            "a credential that is no number",
            genuine.with_claims(&json!({ "cver": "9" })),
        ),
        ("no token id", genuine.with_claims(&json!({ "jti": null }))),
        ("another client", genuine.with_claims(&json!({ "client_id": "other" }))),
        ("a made-up role", genuine.with_claims(&json!({ "roles": ["ADMIN"] }))),
        (
            "the role of topologies",
            genuine.with_claims(&json!({ "roles": ["SYSTEM"] })),
        ),
        (
            "two roles",
            genuine.with_claims(&json!({ "roles": ["BUYER", "SELLER"] })),
        ),
        ("no role", genuine.with_claims(&json!({ "roles": [] }))),
        (
            "a longer life than we give",
            genuine.with_claims(&json!({ "exp": exp + 1 })),
        ),
        (
            "a life of ten years",
            genuine.with_claims(&json!({ "exp": exp + 315_360_000 })),
        ),
        (
            "an end before the beginning",
            genuine.with_claims(&json!({ "exp": iat - 1 })),
        ),
        (
            "an end that overflows",
            genuine.with_claims(&json!({ "exp": i64::MAX, "iat": i64::MIN })),
        ),
        (
            "issued in the future",
            genuine.with_claims(&json!({ "iat": iat + 3_600, "exp": exp + 3_600 })),
        ),
        ("no end", genuine.with_claims(&json!({ "exp": null }))),
        (
            "an end in words",
            genuine.with_claims(&json!({ "exp": exp.to_string() })),
        ),
        (
            "a claim that we do not know",
            genuine.with_claims(&json!({ "admin": true })),
        ),
        (
            "a claim twice",
            sign_text(&genuine.header.to_string(), &twice, &SigningKey::from_bytes(&SEED)),
        ),
    ]
}

fn broken(token: &str, genuine: &Genuine) -> Vec<(&'static str, String)> {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let other = merged(&genuine.claims, &json!({ "roles": ["SELLER"], "sub": "somebody" }));
    let other_claims = URL_SAFE_NO_PAD.encode(other.to_string());
    let public = SigningKey::from_bytes(&SEED).verifying_key().to_bytes();
    let none = |alg: &str| {
        self::message(
            &merged(&genuine.header, &json!({ "alg": alg })).to_string(),
            &genuine.claims.to_string(),
        )
    };
    vec![
        ("nothing", String::new()),
        ("a word", "token".to_owned()),
        ("no signature", message.to_owned()),
        ("an empty signature", format!("{message}.")),
        ("half a signature", format!("{message}.{}", &signature[..43])),
        ("a longer signature", format!("{message}.{signature}AAAA")),
        ("a padded signature", format!("{message}.{signature}==")),
        (
            "a signature of zeros",
            format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        ),
        ("a fourth part", format!("{token}.AAAA")),
        (
            "other claims under the signature",
            format!("{header}.{other_claims}.{signature}"),
        ),
        ("header and claims exchanged", format!("{claims}.{header}.{signature}")),
        (
            "standard base64",
            format!("{}.{claims}.{signature}", STANDARD.encode(genuine.header.to_string())),
        ),
        (
            "a JSON serialization",
            json!({ "protected": header, "payload": claims, "signature": signature }).to_string(),
        ),
        ("algorithm none", format!("{}.", none("none"))),
        ("algorithm NONE", format!("{}.{signature}", none("NONE"))),
        ("the public key as a secret", genuine.hmac(&public, "HS256")),
        (
            "the public key in text as a secret",
            genuine.hmac(URL_SAFE_NO_PAD.encode(public).as_bytes(), "HS256"),
        ),
        ("an empty secret", genuine.hmac(b"", "HS256")),
        ("HMAC under the name of EdDSA", genuine.hmac(&public, "EdDSA")),
        ("a novel", format!("{token}{}", "A".repeat(4_000))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_token_is_accepted() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let token = buyer.client.token.clone().unwrap();
    let genuine = Genuine::of(&token);
    assert_eq!(genuine.with_claims(&json!({})).split('.').count(), 3);
    buyer
        .client
        .with_token(&genuine.with_claims(&json!({})))
        .get("/me")
        .await
        .expect(200);

    let mut forged = wrong_headers(&genuine);
    forged.extend(wrong_claims(&genuine));
    forged.extend(broken(&token, &genuine));
    forged.push(("a refresh token", buyer.refresh_token.clone()));
    assert!(forged.len() >= 40, "{}", forged.len());
    // A gateway that remembers what it has checked believes none the second time either.
    for (how, token) in forged.iter().chain(&forged) {
        let reply = buyer.client.with_token(token).get("/me").await;
        assert_eq!(
            (reply.status.as_u16(), reply.text("/code")),
            (401, "INVALID_TOKEN".to_owned()),
            "{how}: {token}"
        );
        assert!(reply.header("www-authenticate").contains("invalid_token"), "{how}");
    }
    buyer.client.get("/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_token_has_what_rfc_9068_asks_for_and_nothing_private() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let genuine = Genuine::of(buyer.client.token.as_deref().unwrap());
    assert_eq!(
        (genuine.header["typ"].as_str(), genuine.header["alg"].as_str()),
        (Some("at+jwt"), Some("EdDSA"))
    );
    let claims = genuine.claims.as_object().unwrap();
    let names: Vec<_> = claims.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "aud",
            "client_id",
            "cver",
            "exp",
            "iat",
            "iss",
            "jti",
            "mfa",
            "roles",
            "sid",
            "sub"
        ]
    );
    assert!(!genuine.claims.to_string().contains(&buyer.email));
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((300..=600).contains(&lifetime), "{lifetime}");
}

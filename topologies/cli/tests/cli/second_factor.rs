//! A seller's second factor, and the key that a process makes for it and finds again.

use std::os::unix::fs::PermissionsExt as _;

use edge_api::auth::totp;
use edge_api::clock::{Clock as _, SystemClock};
use edge_api::limits::TOTP_STEP_MS;
use reqwest::StatusCode;
use serde_json::json;

use crate::process::Sluice;
use crate::shop::{PASSWORD, Shop};

#[tokio::test]
async fn what_a_process_has_sealed_it_opens_again_after_kill_nine() {
    let sluice = Sluice::new();
    let up = sluice.up();
    let shop = Shop::at(&up.url);
    shop.register("seller", "SELLER").await;
    let seller = shop.log_in("seller").await;
    let password = json!({ "password": PASSWORD });
    let (status, begun) = seller.post("/auth/second-factor", "begin", password).await;
    assert_eq!(status, StatusCode::OK, "{begun}");
    let secret = secret(begun["secret"].as_str().unwrap());
    let present = || SystemClock.now_ms().div_euclid(TOTP_STEP_MS);
    let code = totp::code(&secret, present());
    let confirmation = json!({ "enrolment": begun["enrolment"], "code": code });
    let confirmed = seller.post("/auth/second-factor/confirmation", "confirm", confirmation);
    let (status, enrolled) = confirmed.await;
    assert_eq!(status, StatusCode::OK, "{enrolled}");

    up.kill();
    let up = sluice.up();
    let shop = Shop::at(&up.url);
    assert_eq!(shop.try_log_in("seller").await, StatusCode::UNAUTHORIZED);
    // The next step's code is good, however late in its step the first one was shown.
    let next = totp::code(&secret, present() + 1);
    assert_eq!(shop.try_log_in_with("seller", &next).await, StatusCode::OK);
    let file = std::fs::metadata(sluice.path().join("sealing.key")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    up.stop();

    // Whoever has lost the app asks an operator.
    let removed = sluice.json(&["accounts", "remove-second-factor", "seller@example.com"]);
    assert_eq!(removed["outcome"], "stored");
    let up = sluice.up();
    assert_eq!(Shop::at(&up.url).try_log_in("seller").await, StatusCode::OK);
    up.stop();
    let again = sluice.json(&["accounts", "remove-second-factor", "seller@example.com"]);
    assert_eq!(again["outcome"], "already");
}

fn secret(base32: &str) -> Vec<u8> {
    let digit = |digit: char| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(digit).unwrap();
    let digits: Vec<usize> = base32.chars().map(digit).collect();
    let bit = |at: usize| digits[at / 5] >> (4 - at % 5) & 1;
    let byte = |at: usize| (0..8).fold(0, |byte, next| byte << 1 | bit(at * 8 + next));
    (0..digits.len() * 5 / 8)
        .map(|at| u8::try_from(byte(at)).unwrap())
        .collect()
}

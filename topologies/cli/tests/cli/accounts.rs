//! `sluice accounts`.

use reqwest::StatusCode;

use crate::process::Sluice;
use crate::shop::Shop;

#[tokio::test]
async fn an_account_that_an_operator_disables_logs_in_no_more() {
    let sluice = Sluice::new();
    let up = sluice.up();
    let shop = Shop::at(&up.url);
    shop.register("buyer", "BUYER").await;
    shop.register("other", "BUYER").await;
    up.stop();

    let shown = sluice.json(&["accounts", "show", "Buyer@example.com"]);
    assert_eq!((&shown["role"], &shown["status"]), (&"BUYER".into(), &"ACTIVE".into()));
    assert_eq!(shown["outcome"], serde_json::Value::Null);
    assert!(!shown.to_string().contains("argon2"), "{shown}");
    let id = shown["account_id"].as_str().unwrap();
    let disabled = sluice.json(&["accounts", "disable", id]);
    assert_eq!(
        (&disabled["account_id"], &disabled["outcome"]),
        (&shown["account_id"], &"stored".into())
    );

    let up = sluice.up();
    let shop = Shop::at(&up.url);
    assert_eq!(shop.try_log_in("buyer").await, StatusCode::UNAUTHORIZED);
    assert_eq!(shop.try_log_in("other").await, StatusCode::OK);
    up.stop();
    let again = sluice.run(&["accounts", "end-sessions", id]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(
        again.stdout.contains("DISABLED") && again.stdout.contains("already"),
        "{}",
        again.stdout
    );
}

#[tokio::test]
async fn who_has_forgotten_the_password_gets_in_by_a_code_of_the_operator_s() {
    let sluice = Sluice::new();
    let up = sluice.up();
    Shop::at(&up.url).register("buyer", "BUYER").await;
    up.stop();
    let offered = sluice.json(&["accounts", "reset-password", "buyer@example.com"]);
    assert_eq!(offered["outcome"], "stored");
    assert!(
        offered["reset_ends_at"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{offered}"
    );
    let code = offered["reset_code"].as_str().unwrap();
    let people = sluice.run(&["accounts", "show", "buyer@example.com"]);
    assert!(!people.stdout.contains(code), "it is shown once");

    let up = sluice.up();
    let shop = Shop::at(&up.url);
    assert_eq!(
        shop.reset("buyer", "none", "a violet order of bees").await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        shop.reset("buyer", code, "a violet order of bees").await,
        StatusCode::OK
    );
    assert_eq!(
        shop.reset("buyer", code, "a violet order of wasps").await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(shop.try_log_in("buyer").await, StatusCode::UNAUTHORIZED);
    up.stop();
}

#[test]
fn an_account_that_is_not_there_is_refused() {
    let sluice = Sluice::new();
    let before = sluice.run(&["accounts", "show", "nobody@example.org"]);
    assert_eq!(before.code, 2);
    assert!(before.stderr.contains("no topic credentials"), "{}", before.stderr);
    sluice.up().stop();
    for nobody in ["nobody@example.org", "nobody"] {
        let done = sluice.run(&["accounts", "disable", nobody]);
        assert_eq!(done.code, 2);
        assert!(done.stderr.contains("has no account"), "{}", done.stderr);
    }
}

//! An operator ends sessions and disables accounts on real Kafka while two gateways serve: both turn the holder away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use e2e::{Caller, Server, Stack, results, run, wait_until};
use serde_json::Value;

/// A gateway has heard by then that a session is over, on a machine that may be busy.
const HEARD_WAIT: Duration = Duration::from_secs(30);

#[test]
fn a_session_that_an_operator_ends_is_over_at_every_gateway() {
    let stack = Stack::start().unwrap();
    let mut servers = [
        Server::new(&stack, "shop", &["up"]).unwrap(),
        Server::new(&stack, "edge", &["edge"]).unwrap(),
    ];
    for server in &mut servers {
        server.start().unwrap();
    }
    let [shop, edge] = &servers;
    let accounts = |arguments: [&str; 2]| {
        let arguments = [&["accounts"], arguments.as_slice()].concat();
        results(&arguments, &stack.environment()).unwrap()
    };

    let buyer = shop.account("buyer", "BUYER").unwrap();
    let elsewhere = edge.log_in("buyer").unwrap();
    let other = edge.account("other", "BUYER").unwrap();
    let ended = accounts(["end-sessions", "buyer@example.com"]);
    assert_eq!(
        (&ended["outcome"], &ended["status"]),
        (&"done".into(), &"ACTIVE".into())
    );
    for caller in [&buyer, &elsewhere] {
        is_turned_away(caller);
    }
    assert_eq!(other.get("/me").unwrap().status, 200);

    let again = edge.log_in("buyer").unwrap();
    let account = ended["account_id"].as_str().unwrap();
    let disabled = accounts(["disable", account]);
    assert_eq!(
        (&disabled["outcome"], &disabled["status"]),
        (&"done".into(), &"DISABLED".into())
    );
    is_turned_away(&again);
    for server in &servers {
        let refused = wait_until("it logs in no more", HEARD_WAIT, || {
            let answer = server.try_log_in("buyer").ok()?;
            (answer.status != 200).then_some(answer)
        });
        assert_eq!(refused.unwrap().body["code"], "WRONG_CREDENTIALS");
    }
    assert_eq!(accounts(["disable", account])["outcome"], "already");
    assert_eq!(other.get("/me").unwrap().status, 200);
    let unknown = run(&["accounts", "show", "nobody@example.com"], &stack.environment()).unwrap();
    assert_eq!((unknown.code, unknown.printed.as_str()), (2, ""), "{unknown:?}");
}

fn is_turned_away(caller: &Caller) {
    let turned = wait_until("the session is over", HEARD_WAIT, || {
        let answer = caller.get("/me").ok()?;
        (answer.status != 200).then_some(answer)
    });
    let code: Value = turned.unwrap().body["code"].clone();
    assert_eq!(code, "SESSION_ENDED");
}

//! What an account does to its password and its sessions.

use std::sync::Arc;

use crate::support::people::{PASSWORD, Person};
use crate::support::{Client, Reply, Setting, Shop, unique};
use edge_api::commands::append;
use edge_api::limits::ACCESS_TOKEN_TTL_MS;
use edge_api::{CommandSerdes, MemorySessions};
use runtime::GlobalTable as _;
use schemas::SchemaTable;
use schemas::wire::envelope::{Actor, Envelope, Role};
use schemas::wire::order;
use serde_json::json;

const NEW_PASSWORD: &str = "battery staple correct";

/// Two gateways of one deployment.
async fn two_gateways() -> (Shop, Shop) {
    let sessions = Arc::new(MemorySessions::default());
    let one = Shop::with_sessions(Arc::clone(&sessions) as _).await;
    (one, Shop::with_sessions(sessions).await)
}

async fn change(client: &Client, current: &str, new: &str) -> Reply {
    let change = json!({ "current_password": current, "new_password": new });
    client.post("/auth/password", change).await
}

/// The same token at a gateway, from when it has heard that the session is over.
async fn turned_away(shop: &Shop, access_token: &str) -> Reply {
    let client = shop.anonymous().with_token(access_token);
    loop {
        let reply = client.get("/me").await;
        if reply.status != 200 {
            return reply;
        }
    }
}

async fn both_tokens_are_void(shop: &Shop, session: &Reply) {
    turned_away(shop, &session.text("/access_token"))
        .await
        .expect_problem(401, "SESSION_ENDED");
    shop.refresh(&session.text("/refresh_token"))
        .await
        .expect_problem(401, "SESSION_ENDED");
}

async fn second_session(shop: &Shop, person: &Person) -> Reply {
    shop.log_in(&person.email).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_session_and_begins_one() {
    let (shop, other) = two_gateways().await;
    let buyer = shop.buyer().await;
    let elsewhere = second_session(&other, &buyer).await;
    change(&buyer.client, "not the password", NEW_PASSWORD)
        .await
        .expect_problem(403, "WRONG_PASSWORD");
    for weak in ["short", PASSWORD] {
        change(&buyer.client, PASSWORD, weak)
            .await
            .expect_problem(422, "WEAK_PASSWORD");
    }
    buyer.client.get("/me").await.expect(200);

    let begun = change(&buyer.client, PASSWORD, NEW_PASSWORD).await.expect(200);
    buyer.client.get("/me").await.expect_problem(401, "SESSION_ENDED");
    for token in [&buyer.refresh_token, &elsewhere.text("/refresh_token")] {
        shop.refresh(token).await.expect_problem(401, "SESSION_ENDED");
    }
    turned_away(&other, &elsewhere.text("/access_token"))
        .await
        .expect_problem(401, "SESSION_ENDED");
    shop.log_in(&buyer.email).await.expect_problem(401, "WRONG_CREDENTIALS");
    let session = shop.anonymous().with_token(&begun.text("/access_token"));
    session.get("/me").await.expect(200);
    let open = session.get("/auth/sessions").await.expect(200);
    assert_eq!(open.body["items"].as_array().unwrap().len(), 1);
    other.refresh(&begun.text("/refresh_token")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_lists_its_sessions_and_ends_one_of_them() {
    let (shop, other) = two_gateways().await;
    let (buyer, stranger) = (shop.buyer().await, shop.buyer().await);
    let elsewhere = second_session(&other, &buyer).await;
    let open = buyer.client.get("/auth/sessions").await.expect(200);
    let items = open.body["items"].as_array().unwrap();
    let current: Vec<_> = items.iter().map(|item| item["is_current"].as_bool().unwrap()).collect();
    assert_eq!(current, [true, false]);

    let path = format!("/auth/sessions/{}/end", items[1]["session_id"].as_str().unwrap());
    let end = async |person: &Person, password: &str| person.client.post(&path, json!({ "password": password })).await;
    end(&stranger, PASSWORD).await.expect_problem(404, "NOT_FOUND");
    end(&buyer, "not the password")
        .await
        .expect_problem(403, "WRONG_PASSWORD");
    buyer
        .client
        .post(&path, json!({}))
        .await
        .expect_problem(400, "INVALID_FIELD");
    shop.refresh(&elsewhere.text("/refresh_token")).await.expect(200);
    end(&buyer, PASSWORD).await.expect(204);
    end(&buyer, PASSWORD).await.expect_problem(404, "NOT_FOUND");
    both_tokens_are_void(&other, &elsewhere).await;
    buyer.client.get("/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sessions_end_at_once_and_the_account_logs_in_again() {
    let (shop, other) = two_gateways().await;
    let buyer = shop.buyer().await;
    let elsewhere = second_session(&other, &buyer).await;
    let end = async |password: &str| {
        let body = json!({ "password": password });
        buyer.client.post("/auth/sessions/end", body).await
    };
    end("not the password").await.expect_problem(403, "WRONG_PASSWORD");
    buyer.client.get("/me").await.expect(200);
    end(PASSWORD).await.expect(204);
    buyer.client.get("/me").await.expect_problem(401, "SESSION_ENDED");
    turned_away(&other, &elsewhere.text("/access_token"))
        .await
        .expect_problem(401, "SESSION_ENDED");
    // An expired token is renewed by the session, and that is over too.
    other.clock.advance_ms(ACCESS_TOKEN_TTL_MS * 2);
    other
        .anonymous()
        .with_token(&elsewhere.text("/access_token"))
        .get("/me")
        .await
        .expect_problem(401, "SESSION_ENDED");
    let again = second_session(&other, &buyer).await;
    let client = other.anonymous().with_token(&again.text("/access_token"));
    client.get("/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_is_out_everywhere_and_for_good() {
    let (shop, other) = two_gateways().await;
    let buyer = shop.buyer().await;
    let elsewhere = second_session(&other, &buyer).await;
    let close = |password: &str| {
        let (client, body) = (buyer.client.clone(), json!({ "password": password }));
        async move { client.post("/auth/disable", body).await }
    };
    close("not the password").await.expect_problem(403, "WRONG_PASSWORD");
    close(PASSWORD).await.expect(204);
    buyer.client.get("/me").await.expect_problem(401, "SESSION_ENDED");
    both_tokens_are_void(&other, &elsewhere).await;
    other
        .log_in(&buyer.email)
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_does_not_know_yet_which_sessions_are_over_judges_no_token() {
    let sessions = Arc::new(MemorySessions::default());
    let aware = Shop::with_sessions(Arc::clone(&sessions) as _).await;
    let buyer = aware.buyer().await;
    let shop = Shop::unaware(Setting {
        sessions,
        ..Setting::default()
    })
    .await;
    let client = shop.anonymous().with_token(buyer.client.token.as_deref().unwrap());
    client.get("/me").await.expect_problem(503, "UNAVAILABLE");
    shop.refresh(&buyer.refresh_token)
        .await
        .expect_problem(503, "UNAVAILABLE");
    let admin = Client::new(edge_api::admin(shop.state.clone()));
    admin.get("/readyz").await.expect(503);
    shop.revocations.caught_up();
    client.get("/me").await.expect(200);
    admin.get("/readyz").await.expect(200);
}

/// An order in the name of a buyer that no gateway has looked at; its id.
async fn place_unseen(shop: &Shop, buyer: &Person, product_id: &str) -> String {
    let request = unique("unseen");
    let order_id = commerce::ids::order_id(&buyer.account_id.as_str().into(), &request).to_string();
    let line = order::RequestedLine {
        line: 1,
        product_id: product_id.to_owned(),
        quantity: 1,
    };
    let command: order::OrderCommand = Envelope {
        id: unique("place"),
        seq: 0,
        at: 0,
        actor: Actor {
            account_id: buyer.account_id.clone(),
            role: Role::Buyer,
        },
        causation: request.clone(),
        correlation: request.clone(),
        payload: order::OrderCommandPayload::PlaceOrder(order::PlaceOrder {
            buyer_id: buyer.account_id.clone(),
            lines: vec![line],
            currency: String::new(),
            request_hash: request,
            card: None,
        }),
    };
    let serdes = CommandSerdes::avro(&Arc::new(SchemaTable::with_current_schemas()));
    append(shop.log.as_ref(), &serdes, &order_id, &command).await.unwrap();
    order_id
}

/// An order when it is settled, as its seller sees it: from when the stock has said who that is.
async fn sold(seller: &Person, order_id: &str) -> Reply {
    let path = format!("/orders/{order_id}");
    loop {
        let reply = seller.client.get_with(&path, &[("prefer", "wait=20")]).await;
        if reply.status != 404 {
            return reply.expect(200);
        }
    }
}

/// Nobody says when the wallet hears of it; but it does, and from then on no order passes.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_a_closed_account_has_on_its_way_is_declined() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(1_000).await);
    let product = seller.offer(1, 1_000).await;
    let close = json!({ "password": PASSWORD });
    buyer.client.post("/auth/disable", close).await.expect(204);
    let mut sales = 0;
    let declined = loop {
        let order = place_unseen(&shop, &buyer, &product).await;
        let settled = sold(&seller, &order).await;
        if settled.text("/status") == "CANCELLED" {
            break settled;
        }
        sales += 1;
    };
    assert_eq!(declined.text("/cancel_reason"), "PAYMENT_DECLINED");
    let another = place_unseen(&shop, &buyer, &product).await;
    assert_eq!(sold(&seller, &another).await.text("/status"), "CANCELLED");
    seller.sees_free(&product, 1_000 - sales).await;
}

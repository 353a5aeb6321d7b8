//! Money on its way out of a wallet: to a card, or by hand where the shop takes none. Nobody answers for a payment provider here.

use commerce::payment::PAYOUTS_MAX;
use serde_json::{Value, json};

use crate::support::people::{Person, money};
use crate::support::{Reply, Setting, Shop, unique};

async fn shop_with_cards() -> Shop {
    Shop::with(Setting {
        takes_cards: true,
        ..Setting::default()
    })
    .await
}

async fn pay_out(who: &Person, key: &str, body: Value) -> Reply {
    who.client.post_once("/wallet/payouts", key, body).await
}

fn to_card(amount: i64, card: &str) -> Value {
    json!({ "amount": money(amount), "card": card })
}

/// What is wrong with the one field at fault.
fn fault(refused: &Reply) -> (String, String) {
    (refused.text("/errors/0/pointer"), refused.text("/errors/0/code"))
}

fn is(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_to_a_card_leaves_the_wallet_at_once_and_is_on_its_way() {
    let shop = shop_with_cards().await;
    let buyer = shop.rich_buyer(10_000).await;
    assert_eq!(buyer.client.get("/wallet").await.expect(200).body["payouts"], json!([]));
    let wallet = pay_out(&buyer, "first", to_card(4_000, "card_one")).await.expect(200);
    assert_eq!(wallet.number("/balances/0/available"), 6_000);
    let payout = &wallet.body["payouts"][0];
    assert_eq!(payout["amount"], money(4_000));
    assert_eq!(
        (&payout["card"], &payout["status"]),
        (&json!("card_one"), &json!("ON_ITS_WAY"))
    );
    let requested_at = wallet.text("/payouts/0/requested_at");
    assert!(requested_at.ends_with('Z'), "{requested_at}");
    assert_eq!(wallet.text("/payouts/0/changed_at"), requested_at);
    let again = pay_out(&buyer, "first", to_card(4_000, "card_one")).await.expect(200);
    assert_eq!(again.body, wallet.body, "it counts once");
    let second = pay_out(&buyer, "second", to_card(1, "card_two")).await.expect(200);
    assert_eq!(second.text("/payouts/0/card"), "card_one", "the oldest is the first");
    assert_eq!(second.text("/payouts/1/card"), "card_two");
    assert_eq!(buyer.client.get("/wallet").await.expect(200).body, second.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_with_another_card_or_amount_is_another_payout_and_refused() {
    let shop = shop_with_cards().await;
    let buyer = shop.rich_buyer(10_000).await;
    pay_out(&buyer, "one", to_card(4_000, "card_one")).await.expect(200);
    for other in [to_card(4_000, "card_two"), to_card(3_999, "card_one")] {
        let refused = pay_out(&buyer, "one", other).await;
        refused.expect_problem(422, "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(buyer.balance().await, (6_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_cards_are_taken_a_payout_needs_one_and_never_the_number_of_one() {
    let shop = shop_with_cards().await;
    let buyer = shop.rich_buyer(10_000).await;
    for without in [
        json!({ "amount": money(1) }),
        json!({ "amount": money(1), "card": null }),
    ] {
        let refused = pay_out(&buyer, &unique("key"), without).await;
        let refused = refused.expect_problem(422, "OUT_OF_BOUNDS");
        assert_eq!(fault(&refused), is("/card", "MISSING_FIELD"));
    }
    let number = pay_out(&buyer, &unique("key"), to_card(1, "4111111111111111")).await;
    let number = number.expect_problem(422, "OUT_OF_BOUNDS");
    assert_eq!(fault(&number), is("/card", "INVALID_CARD"));
    assert!(!number.body.to_string().contains("4111"), "it is not repeated");
    let too_much = pay_out(&buyer, &unique("key"), to_card(10_001, "card_one")).await;
    too_much.expect_problem(409, "BALANCE_TOO_LOW");
    assert_eq!(buyer.balance().await, (10_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_cards_are_taken_the_money_is_out_at_once_and_a_card_is_refused() {
    let shop = Shop::open().await;
    let buyer = shop.rich_buyer(10_000).await;
    let refused = pay_out(&buyer, &unique("key"), to_card(1, "card_one")).await;
    let refused = refused.expect_problem(422, "OUT_OF_BOUNDS");
    assert_eq!(fault(&refused), is("/card", "CARDS_NOT_TAKEN"));
    let by_hand = json!({ "amount": money(4_000) });
    let wallet = pay_out(&buyer, &unique("key"), by_hand).await.expect(200);
    assert_eq!(wallet.number("/balances/0/available"), 6_000);
    assert_eq!(wallet.body["payouts"], json!([]), "nothing is on its way");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_as_many_payouts_under_way_as_may_be_waits_for_one() {
    let shop = shop_with_cards().await;
    let buyer = shop.rich_buyer(10_000).await;
    for _ in 0..PAYOUTS_MAX {
        let begun = pay_out(&buyer, &unique("key"), to_card(1, "card_one")).await;
        begun.expect(200);
    }
    let refused = pay_out(&buyer, &unique("key"), to_card(1, "card_one")).await;
    refused.expect_problem(409, "TOO_MANY_PAYOUTS");
    let wallet = buyer.client.get("/wallet").await.expect(200);
    assert_eq!(wallet.body["payouts"].as_array().unwrap().len(), PAYOUTS_MAX);
    let left = 10_000 - i64::try_from(PAYOUTS_MAX).unwrap();
    assert_eq!(wallet.number("/balances/0/available"), left);
}

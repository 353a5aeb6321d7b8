//! `sluice audit`: silent about right books, and loud about each way in which they can be wrong.

mod forge;

use serde_json::Value;

use self::forge::{Forge, Forged};
use crate::process::Sluice;
use crate::shop::Shop;

/// One paid order, one without stock, one that was paid and cancelled. The process has stopped.
struct Books {
    sluice: Sluice,
    paid: String,
    refunded: String,
    product: String,
}

impl Books {
    async fn right() -> Self {
        let sluice = Sluice::new();
        let up = sluice.up();
        let shop = Shop::at(&up.url);
        let (product, buyer) = shop.open().await;
        let paid = buyer.order("paid", &product, 3).await;
        buyer.settled(&paid).await;
        let sold_out = buyer.order("sold-out", &product, 8).await;
        buyer.settled(&sold_out).await;
        let refunded = buyer.order("refunded", &product, 1).await;
        buyer.settled(&refunded).await;
        let cancel = format!("/orders/{refunded}/cancel");
        let (status, _) = buyer.post(&cancel, "cancel", serde_json::json!({})).await;
        assert!(status.is_success());
        // Until the cancellation is taken, the order is settled as it was; `settled` waits for it.
        while buyer.settled(&refunded).await["status"] != "CANCELLED" {}
        up.stop();
        Self {
            sluice,
            paid,
            refunded,
            product,
        }
    }
}

fn audit(sluice: &Sluice) -> (i32, Value) {
    let done = sluice.run(&["audit", "--output", "json"]);
    let report = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stderr));
    (done.code, report)
}

#[tokio::test]
async fn right_books_are_found_right_and_every_part_of_them_was_looked_at() {
    let books = Books::right().await;
    let (code, report) = audit(&books.sluice);
    assert_eq!((code, &report["findings"]), (0, &serde_json::json!([])), "{report}");
    assert_eq!(report["unchecked"], serde_json::json!({}));
    assert_eq!(
        (&report["orders"], &report["products"], &report["wallets"]),
        (&3.into(), &1.into(), &1.into())
    );
    for part in ["records", "outputs", "changelogs", "stores"] {
        assert!(report[part].as_u64().unwrap() > 0, "{part}: {report}");
    }
    let table = books.sluice.run(&["audit"]);
    assert!(table.stdout.contains("the books are right"), "{}", table.stdout);
}

#[tokio::test]
async fn a_shop_that_was_killed_has_right_books() {
    let books = Books::right().await;
    let up = books.sluice.up();
    let shop = Shop::at(&up.url);
    let buyer = shop.log_in("buyer").await;
    for number in 0..20 {
        buyer.order(&format!("killed-{number}"), &books.product, 1).await;
    }
    up.kill();
    let (code, report) = audit(&books.sluice);
    assert_eq!(code, 0, "{report}");
}

#[tokio::test]
async fn without_books_there_is_nothing_to_audit() {
    let done = Sluice::new().run(&["audit"]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("no topic"), "{}", done.stderr);
}

/// Each forgery alone, in a copy of the same books: it is found, and the record that shows it is named.
#[tokio::test]
async fn every_forgery_is_found_by_its_key_and_its_offset() {
    let books = Books::right().await;
    for (name, forge) in forgeries() {
        let copy = books.sluice.copy();
        let forged = forge(&Forge::open(copy.path()), &books);
        let (code, report) = audit(&copy);
        assert_eq!(code, 2, "{name}: {report}");
        let found = report["findings"].as_array().unwrap().iter().any(|finding| {
            finding["check"] == forged.check
                && finding["subject"].as_str().unwrap().contains(&forged.subject)
                && finding["topic"] == forged.topic
                && forged.offset.is_none_or(|offset| finding["offset"] == offset)
        });
        assert!(found, "{name}: {forged:?} is not in {report:#}");
    }
}

type Forgery = fn(&Forge, &Books) -> Forged;

fn forgeries() -> Vec<(&'static str, Forgery)> {
    vec![
        ("an order event that came twice", |forge, books| {
            forge.order_event_twice(&books.paid)
        }),
        ("an order event that is missing", |forge, books| {
            forge.order_event_gap(&books.paid)
        }),
        ("a snapshot that says something else", |forge, books| {
            forge.another_status(&books.paid)
        }),
        ("an order that stands still", |forge, books| forge.stuck(&books.paid)),
        ("a snapshot of an order that was never created", |forge, _| {
            forge.invented_order()
        }),
        ("a request that was read and lost", |forge, _| forge.lost_request()),
        ("a stock ledger that does not add up", |forge, books| {
            forge.stock_sum(&books.product)
        }),
        ("a hold that is released twice", |forge, books| {
            forge.released_again(&books.paid)
        }),
        ("a product with another stock than its ledger", |forge, books| {
            forge.another_stock(&books.product)
        }),
        ("money from nowhere", |forge, _| forge.unbalanced_entry()),
        ("a wallet that is overdrawn", |forge, _| forge.overdrawn()),
        ("a refund of more than was captured", |forge, books| {
            forge.refund_too_much(&books.paid)
        }),
        ("a settlement of more than was captured", |forge, books| {
            forge.settled_too_much(&books.paid)
        }),
        ("a seller who is paid for nothing", |forge, books| {
            forge.credited_for_nothing(&books.paid)
        }),
        ("a cancelled order that keeps money", |forge, books| {
            forge.kept_money(&books.refunded)
        }),
        ("a ledger entry that came twice", |forge, _| forge.ledger_entry_twice()),
        ("garbage among the events", |forge, _| forge.garbage()),
        ("an output that came twice", |forge, books| {
            forge.output_twice(&books.paid)
        }),
        ("an output that is missing", |forge, books| {
            forge.output_gap(&books.paid)
        }),
        ("a record of a torn transaction", |forge, books| forge.torn(&books.paid)),
        ("a commit that says it follows a later one", |forge, books| {
            forge.misplaced_commit(&books.paid)
        }),
        ("inputs that went back without the state", |forge, books| {
            forge.inputs_back(&books.paid)
        }),
        ("a store with another value", |forge, books| {
            forge.store_value(&books.paid)
        }),
        ("a store without a key", |forge, books| forge.store_without(&books.paid)),
    ]
}

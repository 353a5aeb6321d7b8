//! The catalogue: each product, each command, each actor.

use commerce::authority::{Actor, Role};
use commerce::money::{Currency, Money};
use commerce::product::{Adjustment, NAME_CHARS_MAX, PRICE_MAX, Product, ProductCommand, ProductStep, STOCK_MAX, step};
use commerce::stock::StockEventKind;

use crate::{check, row};

fn price(amount: i64) -> Money {
    Money::new(amount, Currency::parse("KRW").unwrap())
}

fn create(name: &str, amount: i64, stock: i64) -> ProductCommand {
    ProductCommand::Create {
        seller_id: "sam".into(),
        name: name.to_owned(),
        price: price(amount),
        stock,
    }
}

fn change(name: Option<&str>, amount: Option<i64>) -> ProductCommand {
    ProductCommand::Change {
        name: name.map(str::to_owned),
        price: amount.map(price),
        if_version: None,
        command_id: "c".into(),
    }
}

fn adjust(delta: i64) -> ProductCommand {
    ProductCommand::Adjust {
        delta,
        adjustment_id: "a".into(),
    }
}

fn commands() -> Vec<(&'static str, ProductCommand)> {
    vec![
        ("create", create("P", 10, 5)),
        ("create another", create("P", 11, 5)),
        ("create without a name", create("", 10, 5)),
        (
            "create with a long name",
            create(&"n".repeat(NAME_CHARS_MAX + 1), 10, 5),
        ),
        ("create for less", create("P", -1, 5)),
        ("create too dear", create("P", PRICE_MAX + 1, 5)),
        ("create with no stock", create("P", 10, -1)),
        ("create with too much", create("P", 10, STOCK_MAX + 1)),
        ("rename", change(Some("Q"), None)),
        ("rename to nothing", change(Some(""), None)),
        ("reprice", change(None, Some(12))),
        ("reprice below nothing", change(None, Some(-1))),
        ("adjust by +2", adjust(2)),
        ("adjust by -2", adjust(-2)),
        ("adjust by -3", adjust(-3)),
        ("adjust by too much", adjust(STOCK_MAX)),
        ("adjust by the most", adjust(i64::MAX)),
        ("adjust by the least", adjust(i64::MIN)),
    ]
}

/// Five on the shelf, three of them held.
fn product() -> Product {
    let created = step(&"p".into(), None, None, create("P", 10, 5), &sam(), 0)
        .product
        .unwrap();
    Product { reserved: 3, ..created }
}

fn sam() -> Actor {
    Actor {
        account_id: "sam".into(),
        role: Role::Seller,
    }
}

fn outcome(before: Option<&Product>, step: &ProductStep) -> Vec<String> {
    let after = step.product.as_ref();
    let version = |product: Option<&Product>| product.map_or(0, |product| product.version);
    let shown = match after {
        Some(after) if version(before) != version(Some(after)) => {
            format!(
                "version {}: {} at {}, {} on hand",
                after.version, after.name, after.price, after.on_hand
            )
        }
        _ => String::new(),
    };
    let event = match step.event.as_ref().map(|event| (&event.kind, event.seq)) {
        Some((StockEventKind::Changed(change), seq)) => format!("event {seq} {:?}", change.kind),
        Some((StockEventKind::Refused(refusal), seq)) => format!("event {seq} refused {refusal:?}"),
        None => String::new(),
    };
    vec![shown, event]
}

#[test]
fn every_product_answers_every_command() {
    let mut rows = vec![];
    let made = Some(Adjustment { delta: 2, made_at: 0 });
    let seller = |id: &str| Actor {
        account_id: id.into(),
        role: Role::Seller,
    };
    let buyer = Actor {
        account_id: "sam".into(),
        role: Role::Buyer,
    };
    for (state, product, made, actor) in [
        ("no product", None, None, sam()),
        ("own product", Some(product()), None, sam()),
        ("own, adjusted by 2", Some(product()), made, sam()),
        ("of another seller", Some(product()), None, seller("sue")),
        ("asked by a buyer", Some(product()), None, buyer.clone()),
        ("no product, a buyer", None, None, buyer),
    ] {
        for (name, command) in commands() {
            let step = step(&"p".into(), product.clone(), made, command, &actor, 0);
            rows.push(row(state, name, &outcome(product.as_ref(), &step)));
        }
    }
    check("product", &rows);
}

/// An adjustment that has been made stays known, whatever a second command under its name leads to.
#[test]
fn a_refused_command_forgets_no_adjustment() {
    let made = Some(Adjustment { delta: 2, made_at: 0 });
    let sue = Actor {
        account_id: "sue".into(),
        role: Role::Seller,
    };
    for (actor, delta) in [(sam(), 2), (sam(), 3), (sue, 2)] {
        let step = step(&"p".into(), Some(product()), made, adjust(delta), &actor, 0);
        assert_eq!(step.adjustment, made, "{actor:?} {delta}");
    }
}

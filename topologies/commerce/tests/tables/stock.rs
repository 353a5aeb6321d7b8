//! The stock ledger: each standing of a hold, each command.

use commerce::authority::{Actor, Role};
use commerce::ids::LineNo;
use commerce::money::{Currency, Money};
use commerce::product::{self, Product, ProductCommand};
use commerce::stock::{Hold, StockCommand, StockEventKind, StockReply, StockStep, step};

use crate::{check, row, variant};

fn product() -> Product {
    let create = ProductCommand::Create {
        seller_id: "sam".into(),
        name: "P".to_owned(),
        price: Money::new(10, Currency::parse("KRW").unwrap()),
        stock: 5,
    };
    product::step(&"p".into(), None, None, create, &Actor::system("test"), 0)
        .product
        .unwrap()
}

fn commands() -> Vec<(&'static str, StockCommand)> {
    let reserve = |quantity| StockCommand::Reserve {
        order_id: "o".into(),
        line: LineNo(1),
        attempt: 1,
        quantity,
    };
    vec![
        ("reserve 3", reserve(3)),
        ("reserve 4", reserve(4)),
        ("reserve 6", reserve(6)),
        ("reserve 0", reserve(0)),
        (
            "confirm",
            StockCommand::Confirm {
                order_id: "o".into(),
                line: LineNo(1),
            },
        ),
        (
            "release",
            StockCommand::Release {
                order_id: "o".into(),
                line: LineNo(1),
            },
        ),
        (
            "restock",
            StockCommand::Restock {
                order_id: "o".into(),
                line: LineNo(1),
            },
        ),
        (
            "return",
            StockCommand::Return {
                order_id: "o".into(),
                line: LineNo(1),
            },
        ),
    ]
}

fn take(product: Option<Product>, hold: Option<Hold>, command: &StockCommand) -> StockStep {
    step(&"p".into(), product, hold, command, &Actor::system("orders"), 0)
}

fn reach(way: &[usize]) -> (Option<Product>, Option<Hold>) {
    let commands = commands();
    way.iter().fold((Some(product()), None), |(product, hold), at| {
        let step = take(product, hold, &commands[*at].1);
        (step.product, step.hold)
    })
}

fn outcome(before: Option<&Hold>, step: &StockStep) -> Vec<String> {
    let hold = match (&step.hold, before) {
        (Some(after), before) if Some(after) != before => format!("-> {}", variant(&after.status)),
        _ => String::new(),
    };
    let event = match step.event.as_ref().map(|event| &event.kind) {
        Some(StockEventKind::Changed(change)) => format!(
            "{:?} on hand {:+}, reserved {:+}",
            change.kind, change.delta_on_hand, change.delta_reserved
        ),
        Some(StockEventKind::Refused(refusal)) => format!("refused {refusal:?}"),
        None => String::new(),
    };
    let reply = step
        .reply
        .as_ref()
        .map_or(String::new(), |reply| format!("answers {}", variant(reply)));
    vec![hold, event, reply]
}

#[test]
fn every_hold_answers_every_command() {
    let mut rows = vec![];
    for (name, command) in commands() {
        rows.push(row("no product", name, &outcome(None, &take(None, None, &command))));
    }
    let states: [(&str, &[usize]); 7] = [
        ("no hold", &[]),
        ("reserved 3", &[0]),
        ("confirmed 3", &[0, 4]),
        ("released 3", &[0, 5]),
        ("restocked 3", &[0, 4, 6]),
        ("returned 3", &[0, 4, 7]),
        ("rejected 6", &[2]),
    ];
    for (state, way) in states.into_iter().chain([("released unseen", &[5usize] as &[usize])]) {
        for (name, command) in commands() {
            let (product, hold) = reach(way);
            rows.push(row(
                state,
                name,
                &outcome(hold.as_ref(), &take(product, hold.clone(), &command)),
            ));
        }
    }
    let buyer = Actor {
        account_id: "ann".into(),
        role: Role::Buyer,
    };
    for (name, command) in commands() {
        let step = step(&"p".into(), Some(product()), None, &command, &buyer, 0);
        rows.push(row("asked by a buyer", name, &outcome(None, &step)));
    }
    check("stock", &rows);
}

#[test]
fn a_resolved_hold_is_forgotten_after_its_retention_and_a_live_one_never() {
    let forget_at = |way: &[usize]| reach(way).1.unwrap().forget_at();
    assert_eq!(forget_at(&[0]), None);
    assert_eq!(forget_at(&[0, 4]), None);
    for way in [&[0usize, 5] as &[usize], &[0, 4, 6], &[2], &[5]] {
        assert_eq!(forget_at(way), Some(commerce::stock::HOLD_RETENTION_MS));
    }
}

#[test]
fn a_hold_is_remembered_from_its_last_change() {
    let (product, hold) = reach(&[0]);
    let release = &commands()[5].1;
    let step = step(&"p".into(), product, hold, release, &Actor::system("orders"), 7);
    let kept_until = step.hold.and_then(|hold| hold.forget_at());
    assert_eq!(kept_until, Some(7 + 7 * 24 * 3_600_000));
}

#[test]
fn what_is_held_for_another_order_is_not_free() {
    let (product, _) = reach(&[0]);
    let step = take(product, None, &commands()[0].1);
    let Some(StockReply::Rejected(rejection)) = step.reply else {
        panic!("{:?}", step.reply)
    };
    assert_eq!((rejection.requested, rejection.available), (3, 2));
}

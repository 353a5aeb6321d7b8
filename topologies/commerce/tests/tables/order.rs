//! The saga: each step, each input.

use commerce::authority::{Actor, Role};
use commerce::ids::{LineNo, OrderId, ProductId, line_refund_id, refund_id, settlement_id};
use commerce::invariants::i6_waits_with_a_deadline;
use commerce::money::{Currency, Money};
use commerce::order::{
    CancelOrder, Effect, InputKind, LineCommand, LineCommandKind, LineMoney, LineStatus, OrderInput, OrderState,
    Parcel, PlaceOrder, RequestedLine, SagaStep, Step, decide, step,
};
use commerce::payment::{PaymentFact, PaymentRefusal};
use commerce::stock::{Rejection, Reservation, StockRejection, StockReply};

use crate::{check, row, variant};

fn order_id() -> OrderId {
    "o".into()
}

fn total() -> Money {
    Money::new(30, Currency::parse("KRW").unwrap())
}

fn ann() -> Actor {
    Actor {
        account_id: "ann".into(),
        role: Role::Buyer,
    }
}

fn place(request_hash: &str) -> OrderInput {
    OrderInput::Place(PlaceOrder {
        command_id: "place".into(),
        at: 0,
        actor: ann(),
        buyer_id: "ann".into(),
        lines: vec![RequestedLine {
            line: LineNo(1),
            product_id: "p".into(),
            quantity: 3,
        }],
        currency: None,
        request_hash: request_hash.to_owned(),
        card: None,
    })
}

fn cancel(command_id: &str) -> OrderInput {
    OrderInput::Cancel(CancelOrder {
        command_id: command_id.into(),
        actor: ann(),
        reason: None,
    })
}

fn stock(name: &str) -> OrderInput {
    let (line, product_id) = (LineNo(1), ProductId::from("p"));
    OrderInput::Stock(match name {
        "reserved" => StockReply::Reserved(Reservation {
            line,
            attempt: 1,
            product_id,
            seller_id: "sam".into(),
            product_name: "P".to_owned(),
            quantity: 3,
            unit_price: Money::new(10, total().currency),
        }),
        "rejected" => StockReply::Rejected(Rejection {
            line,
            attempt: 1,
            product_id,
            reason: StockRejection::OutOfStock,
            requested: 3,
            available: 2,
        }),
        "confirmed" => StockReply::Confirmed { line, product_id },
        "released" => StockReply::Released { line, product_id },
        "returned" => StockReply::Returned { line, product_id },
        _ => StockReply::Restocked { line, product_id },
    })
}

fn payment(name: &str) -> OrderInput {
    let (account_id, amount) = ("ann".into(), total());
    OrderInput::Payment(match name {
        "authorized" => PaymentFact::Authorized {
            account_id,
            amount,
            attempt: 1,
        },
        "authorized other" => {
            let amount = Money::new(29, amount.currency);
            PaymentFact::Authorized {
                account_id,
                amount,
                attempt: 1,
            }
        }
        "declined" => {
            let reason = PaymentRefusal::InsufficientFunds;
            PaymentFact::Declined {
                account_id,
                amount,
                attempt: 1,
                reason,
            }
        }
        "captured" => PaymentFact::Captured { account_id, amount },
        "voided" => PaymentFact::Voided {
            account_id,
            amount: Some(amount),
        },
        "line refunded" => PaymentFact::Refunded {
            account_id,
            refund_id: line_refund_id(&order_id(), LineNo(1)),
            amount,
        },
        "line settled" => PaymentFact::Settled {
            account_id,
            settlement_id: settlement_id(&order_id(), LineNo(1)),
            seller_id: "sam".into(),
            amount,
        },
        "seller credited" => PaymentFact::Credited {
            account_id: "sam".into(),
            settlement_id: settlement_id(&order_id(), LineNo(1)),
            amount,
        },
        _ => PaymentFact::Refunded {
            account_id,
            refund_id: refund_id(&order_id()),
            amount,
        },
    })
}

fn sam() -> Actor {
    Actor {
        account_id: "sam".into(),
        role: Role::Seller,
    }
}

/// A command about all lines that it can be about; its words are its id.
fn lines(words: &str) -> OrderInput {
    let (kind, actor) = match words {
        "ship" => (LineCommandKind::Ship(Parcel::default()), sam()),
        "confirm delivery" => (LineCommandKind::ConfirmDelivery, ann()),
        "request return" => (LineCommandKind::RequestReturn { reason: None }, ann()),
        "reject return" => (LineCommandKind::RejectReturn { reason: None }, sam()),
        "buyer refunds" => (LineCommandKind::Refund { reason: None }, ann()),
        _ => (LineCommandKind::Refund { reason: None }, sam()),
    };
    OrderInput::Lines(LineCommand {
        command_id: words.into(),
        actor,
        lines: vec![],
        kind,
    })
}

fn inputs() -> Vec<(&'static str, OrderInput)> {
    let mut inputs = vec![
        ("place again", place("h")),
        ("place another", place("other")),
        ("cancel", cancel("c2")),
        ("cancel again", cancel("c1")),
        ("cancel by another", {
            let actor = Actor {
                account_id: "bob".into(),
                role: Role::Buyer,
            };
            OrderInput::Cancel(CancelOrder {
                command_id: "c3".into(),
                actor,
                reason: None,
            })
        }),
    ];
    for name in [
        "ship",
        "confirm delivery",
        "request return",
        "reject return",
        "buyer refunds",
        "seller refunds",
    ] {
        inputs.push((name, lines(name)));
    }
    for name in ["reserved", "rejected", "confirmed", "released", "restocked", "returned"] {
        inputs.push((name, stock(name)));
    }
    for name in [
        "authorized",
        "authorized other",
        "declined",
        "captured",
        "voided",
        "refunded",
        "line refunded",
        "line settled",
        "seller credited",
    ] {
        inputs.push((name, payment(name)));
    }
    inputs.push(("payment refused", OrderInput::PaymentRefused));
    inputs
}

/// The states in which an order can stand, by the way that leads there.
fn states() -> Vec<(&'static str, Vec<OrderInput>)> {
    let paid = || {
        vec![
            place("h"),
            stock("reserved"),
            payment("authorized"),
            stock("confirmed"),
            payment("captured"),
        ]
    };
    let with = |mut way: Vec<OrderInput>, more: Vec<OrderInput>| {
        way.extend(more);
        way
    };
    let until = |steps: usize| paid().into_iter().take(steps).collect::<Vec<_>>();
    vec![
        ("reserving", until(1)),
        ("authorizing", until(2)),
        ("confirming", until(3)),
        ("confirming captured", with(until(3), vec![payment("captured")])),
        ("capturing", until(4)),
        ("paid", paid()),
        ("voiding unknown", with(until(2), vec![cancel("c1")])),
        ("voiding held", with(until(3), vec![cancel("c1")])),
        ("voiding confirmed", with(until(4), vec![cancel("c1")])),
        ("refunding", with(paid(), vec![cancel("c1")])),
        ("returning unknown", with(until(1), vec![cancel("c1")])),
        ("returning held", with(until(2), vec![cancel("c1"), payment("voided")])),
        (
            "returning confirmed",
            with(paid(), vec![cancel("c1"), payment("refunded")]),
        ),
        ("cancelled rejected", with(until(1), vec![stock("rejected")])),
        (
            "cancelled released",
            with(until(1), vec![cancel("c1"), stock("released")]),
        ),
        (
            "cancelled restocked",
            with(paid(), vec![cancel("c1"), payment("refunded"), stock("restocked")]),
        ),
        ("shipped", with(paid(), vec![lines("ship")])),
        (
            "return asked",
            with(paid(), vec![lines("ship"), lines("request return")]),
        ),
        (
            "return rejected",
            with(
                paid(),
                vec![lines("ship"), lines("request return"), lines("reject return")],
            ),
        ),
        ("settling", with(paid(), vec![lines("ship"), lines("confirm delivery")])),
        (
            "crediting",
            with(
                paid(),
                vec![lines("ship"), lines("confirm delivery"), payment("line settled")],
            ),
        ),
        (
            "delivered",
            with(
                paid(),
                vec![
                    lines("ship"),
                    lines("confirm delivery"),
                    payment("line settled"),
                    payment("seller credited"),
                ],
            ),
        ),
        ("refunding line", with(paid(), vec![lines("buyer refunds")])),
        (
            "line refunded",
            with(paid(), vec![lines("buyer refunds"), payment("line refunded")]),
        ),
        (
            "cancelled by line",
            with(
                paid(),
                vec![lines("buyer refunds"), payment("line refunded"), stock("returned")],
            ),
        ),
        ("shipped too early", with(until(1), vec![lines("ship")])),
    ]
}

fn reach(way: Vec<OrderInput>) -> OrderState {
    let take = |state: Option<OrderState>, input| step(state, &order_id(), input, 0).state;
    way.into_iter().fold(None, take).unwrap()
}

fn outcome(before: Option<&OrderState>, step: &Step) -> Vec<String> {
    let moved = match (before, &step.state) {
        (Some(before), Some(after)) if before.step() != after.step() => format!("-> {:?}", after.step()),
        (None, Some(after)) => format!("-> {:?}", after.step()),
        _ => String::new(),
    };
    let event = |event: &commerce::order::RecordedEvent| match &event.event {
        commerce::order::OrderEvent::Stock(reply) => format!("Stock{}", variant(reply)),
        commerce::order::OrderEvent::Payment(fact) => format!("Payment{}", variant(fact)),
        commerce::order::OrderEvent::CommandRefused { reason, .. } => format!("refused {reason:?}"),
        other => variant(other),
    };
    let effect = |effect: &Effect| match effect {
        Effect::Stock(ask) => format!("{}", ask.id),
        Effect::Payment(ask) => format!("{}", ask.id),
    };
    let list = |title: &str, items: Vec<String>| match items.len() {
        0 => String::new(),
        _ => format!("{title} {}", items.join(", ")),
    };
    vec![
        moved,
        list("records", step.events.iter().map(event).collect()),
        list("sends", step.effects.iter().map(effect).collect()),
    ]
}

/// What holds after every turn, whatever came.
fn check_turn(before: &OrderState, turn: &Step) {
    let after = turn.state.as_ref().unwrap();
    let numbers: Vec<u64> = turn.events.iter().map(|event| event.seq).collect();
    let expected: Vec<u64> = (before.seq + 1..=after.seq).collect();
    assert_eq!(numbers, expected);
    let deadline = after.deadline.map(|deadline| deadline.due_at);
    let due = deadline.into_iter().chain(after.moves_at()).min();
    assert_eq!(turn.timer_after, after.timer);
    assert_eq!(
        turn.timer_after.is_some(),
        due.is_some(),
        "one timer while something is awaited: {after:?}"
    );
    assert!(turn.timer_after <= due, "the timer is never late: {after:?}");
    if after.step().is_final() {
        assert_eq!(turn.timer_after.is_some(), after.moves_at().is_some(), "{after:?}");
    } else {
        assert!(turn.timer_after.is_some() || after.needs_attention, "{after:?}");
    }
    if before.step() == SagaStep::Cancelled {
        assert_eq!(after.step(), SagaStep::Cancelled);
    }
}

#[test]
fn every_step_answers_every_input() {
    let mut rows = vec![];
    for (name, input) in inputs() {
        let turn = step(None, &order_id(), input, 0);
        rows.push(row("no order", name, &outcome(None, &turn)));
    }
    for (state, way) in states() {
        for (name, input) in inputs() {
            let before = reach(way.clone());
            let turn = step(Some(before.clone()), &order_id(), input, 0);
            check_turn(&before, &turn);
            rows.push(row(state, name, &outcome(Some(&before), &turn)));
        }
        let mut before = reach(way.clone());
        for send in 1..=4 {
            let deadline = before.deadline.map(|deadline| deadline.due_at);
            let now = deadline.or(before.moves_at()).unwrap_or(i64::MAX);
            let turn = step(Some(before.clone()), &order_id(), OrderInput::DeadlinePassed, now);
            check_turn(&before, &turn);
            rows.push(row(state, &format!("deadline {send}"), &outcome(Some(&before), &turn)));
            let after = turn.state.unwrap();
            let moved = after.step() != before.step();
            before = after;
            if moved {
                break;
            }
        }
    }
    check("order", &rows);
}

#[test]
fn a_timer_before_its_time_does_nothing() {
    for (_, way) in states() {
        let before = reach(way);
        let turn = step(Some(before.clone()), &order_id(), OrderInput::DeadlinePassed, 9_999);
        assert_eq!(
            (turn.events.len(), turn.effects.len(), turn.state),
            (0, 0, Some(before))
        );
    }
}

/// A step that is entered early leaves the timer of the one before alone: it fires early and is set again. A timer that
/// would be late is moved.
#[test]
fn an_early_timer_stays_and_a_late_one_is_moved() {
    let reserving = reach(vec![place("h")]);
    assert_eq!(reserving.timer, Some(10_000));
    let early = step(Some(reserving.clone()), &order_id(), stock("reserved"), 5_000);
    assert_eq!(early.state.unwrap().deadline.unwrap().due_at, 15_000);
    assert_eq!((early.timer_before, early.timer_after), (Some(10_000), Some(10_000)));

    let resent = step(Some(reserving), &order_id(), OrderInput::DeadlinePassed, 10_000);
    assert_eq!((resent.timer_before, resent.timer_after), (None, Some(30_000)));
    let late = step(resent.state, &order_id(), stock("reserved"), 11_000);
    assert_eq!((late.timer_before, late.timer_after), (Some(30_000), Some(21_000)));
}

#[test]
fn a_state_that_waits_for_nobody_or_waits_after_its_end_is_found() {
    let found = |state: OrderState| i6_waits_with_a_deadline(&state).len();
    for (name, way) in states() {
        assert_eq!(found(reach(way)), 0, "{name}");
    }
    let waiting = reach(vec![place("h")]);
    let paid = reach(states().swap_remove(5).1);
    let (deadline, timer) = (waiting.deadline, waiting.timer);
    let without_deadline = |needs_attention| OrderState {
        deadline: None,
        needs_attention,
        ..waiting.clone()
    };
    assert_eq!([false, true].map(|called| found(without_deadline(called))), [1, 0]);
    let with_timer = |timer| OrderState {
        timer,
        ..waiting.clone()
    };
    let timers = [None, Some(9_999), Some(10_000), Some(10_001)];
    assert_eq!(timers.map(|timer| found(with_timer(timer))), [1, 0, 0, 1]);
    assert_eq!(
        found(OrderState {
            deadline,
            ..paid.clone()
        }),
        1
    );
    assert_eq!(found(OrderState { timer, ..paid }), 1);
}

/// Money from an earlier life of an order that reads its inputs again.
#[test]
fn money_that_was_not_asked_for_yet_is_noted_once() {
    let reserving = reach(vec![place("h")]);
    let noted = step(Some(reserving), &order_id(), payment("authorized"), 0);
    assert_eq!(noted.events.len(), 1);
    let again = step(noted.state, &order_id(), payment("authorized"), 0);
    assert_eq!(again.events, []);
}

/// An order of two lines, one of which is not to be had, gives back the other one alone.
#[test]
fn only_what_is_still_held_is_given_back() {
    let OrderInput::Place(mut two) = place("h") else {
        panic!("a request")
    };
    two.lines.push(RequestedLine {
        line: LineNo(2),
        product_id: "q".into(),
        quantity: 1,
    });
    let rejected = OrderInput::Stock(StockReply::Rejected(Rejection {
        line: LineNo(2),
        attempt: 1,
        product_id: "q".into(),
        reason: StockRejection::OutOfStock,
        requested: 1,
        available: 0,
    }));
    let held = reach(vec![OrderInput::Place(two), stock("reserved")]);
    let turn = step(Some(held), &order_id(), rejected, 0);
    let sent = turn.effects.iter().map(|effect| match effect {
        Effect::Stock(ask) => ask.id.as_str(),
        Effect::Payment(ask) => ask.id.as_str(),
    });
    assert_eq!(sent.collect::<Vec<_>>(), ["o.release.1.1"]);
}

type OfLine = fn(LineStatus) -> InputKind;

type OfMoney = fn(LineMoney) -> InputKind;

/// Every pair of the decision table itself, reachable or not.
#[test]
fn every_pair_of_step_and_answer_is_decided() {
    const LINES: [LineStatus; 7] = [
        LineStatus::Requested,
        LineStatus::Reserved,
        LineStatus::Rejected,
        LineStatus::Confirmed,
        LineStatus::Released,
        LineStatus::Restocked,
        LineStatus::Returned,
    ];
    let of_stock: [(&str, OfLine); 5] = [
        ("reserved", InputKind::StockReserved),
        ("rejected", InputKind::StockRejected),
        ("confirmed", InputKind::StockConfirmed),
        ("released", InputKind::StockReleased),
        ("restocked", InputKind::StockRestocked),
    ];
    let of_money: [(&str, OfMoney); 3] = [
        ("line refunded", InputKind::LineRefunded),
        ("line settled", InputKind::LineSettled),
        ("seller credited", InputKind::SellerCredited),
    ];
    let mut rows = vec![];
    for step in SagaStep::ALL {
        for (name, kind) in of_stock {
            let decided = |line: &LineStatus| format!("{line:?} {:?}", decide(step, kind(*line)));
            rows.push(row(
                &format!("{step:?}"),
                name,
                &LINES.iter().map(decided).collect::<Vec<_>>(),
            ));
        }
        for line in LINES {
            let decided = |money: LineMoney| {
                let kind = InputKind::StockReturned(line, money);
                format!("{money:?} {:?}", decide(step, kind))
            };
            let name = format!("returned {line:?}");
            rows.push(row(&format!("{step:?}"), &name, &LineMoney::ALL.map(decided)));
        }
        for (name, kind) in of_money {
            let decided = |money: LineMoney| format!("{money:?} {:?}", decide(step, kind(money)));
            rows.push(row(&format!("{step:?}"), name, &LineMoney::ALL.map(decided)));
        }
        for kind in [
            InputKind::PlaceOrder,
            InputKind::CancelOrder,
            InputKind::LineCommand,
            InputKind::PaymentAuthorized,
            InputKind::PaymentDeclined,
            InputKind::PaymentCaptured,
            InputKind::PaymentVoided,
            InputKind::PaymentRefunded,
            InputKind::PaymentRefused,
            InputKind::DeadlinePassed,
        ] {
            rows.push(row(
                &format!("{step:?}"),
                &variant(&kind),
                &[format!("{:?}", decide(step, kind))],
            ));
        }
    }
    check("decisions", &rows);
}

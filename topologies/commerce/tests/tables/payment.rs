//! The wallet: each standing of an order's payment, each command; and transfers.

use commerce::account::AccountStatus;
use commerce::authority::{Actor, Role};
use commerce::ids::AccountId;
use commerce::money::{Currency, Money};
use commerce::payment::{
    AMOUNT_MAX, CardToken, Holder, LedgerEntry, NewTransfer, PARTS_MAX, Payment, PaymentCommand, PaymentEvent,
    PaymentStep, TransferStep, Wallet, step_credit, step_payment, step_transfer,
};

use crate::{check, row, variant};

pub fn krw(amount: i64) -> Money {
    Money::new(amount, Currency::parse("KRW").unwrap())
}

pub fn ann() -> AccountId {
    "ann".into()
}

fn disabled() -> Holder {
    Holder {
        role: Role::Buyer,
        status: AccountStatus::Disabled,
        version: 2,
    }
}

fn ann_herself() -> Actor {
    Actor {
        account_id: ann(),
        role: Role::Buyer,
    }
}

fn saga() -> Actor {
    Actor::system("orders")
}

fn wallet() -> Wallet {
    let deposit = NewTransfer::deposit("d".into(), krw(100));
    step_transfer(&ann(), None, None, None, deposit, &Actor::system("test"), 0)
        .unwrap()
        .wallet
        .unwrap()
}

pub fn payout(id: &str, amount: i64, card: &str) -> NewTransfer {
    let card = CardToken::parse(card).unwrap();
    NewTransfer::withdrawal(id.into(), krw(amount), Some(card))
}

fn commands() -> Vec<(&'static str, PaymentCommand)> {
    let authorize = |amount| PaymentCommand::Authorize {
        order_id: "o".into(),
        amount: krw(amount),
        attempt: 1,
        card: None,
    };
    let refund = |id: &str, amount| PaymentCommand::Refund {
        order_id: "o".into(),
        refund_id: id.into(),
        amount: krw(amount),
    };
    let settle = |id: &str, amount| PaymentCommand::Settle {
        order_id: "o".into(),
        settlement_id: id.into(),
        seller_id: "sam".into(),
        amount: krw(amount),
    };
    vec![
        ("authorize 30", authorize(30)),
        ("authorize 101", authorize(101)),
        ("authorize -1", authorize(-1)),
        ("capture", PaymentCommand::Capture { order_id: "o".into() }),
        ("void", PaymentCommand::Void { order_id: "o".into() }),
        ("refund r1 of 30", refund("r1", 30)),
        ("refund r1 of 10", refund("r1", 10)),
        ("refund r2 of 20", refund("r2", 20)),
        ("refund r2 of 31", refund("r2", 31)),
        ("refund r2 of -1", refund("r2", -1)),
        ("refund all of 30", refund("o.refund", 30)),
        ("settle s1 of 20", settle("s1", 20)),
        ("settle s1 of 10", settle("s1", 10)),
        ("settle s2 of 31", settle("s2", 31)),
        ("settle s2 of -1", settle("s2", -1)),
    ]
}

fn take(wallet: Option<Wallet>, payment: Option<Payment>, command: PaymentCommand) -> PaymentStep {
    step_payment(&ann(), None, wallet, payment, command, &Actor::system("orders"), 0).unwrap()
}

fn reach(way: &[usize]) -> (Option<Wallet>, Option<Payment>) {
    way.iter().fold((Some(wallet()), None), |(wallet, payment), at| {
        let step = take(wallet, payment, commands()[*at].1.clone());
        (step.wallet, step.payment)
    })
}

pub fn movements(entry: Option<&LedgerEntry>) -> String {
    let Some(entry) = entry else { return String::new() };
    let moved: Vec<String> = entry
        .postings
        .iter()
        .map(|posting| format!("{} {:+}", posting.account, posting.amount))
        .collect();
    format!("books {} {}", entry.entry_id, moved.join(", "))
}

pub fn outcome(before: Option<&Payment>, step: &PaymentStep) -> Vec<String> {
    let standing = match (&step.payment, before) {
        (Some(after), Some(before)) if after.status == before.status => String::new(),
        (Some(after), _) => format!("-> {:?}", after.status),
        (None, _) => String::new(),
    };
    let event = match &step.event {
        Some(PaymentEvent::Fact { fact, .. }) => format!("answers {}", variant(fact)),
        Some(PaymentEvent::Refused { operation, reason, .. }) => format!("refuses {operation:?}: {reason:?}"),
        Some(PaymentEvent::Unknown { operation, .. }) => format!("does not know about {operation:?}"),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    };
    vec![standing, event, movements(step.entry.as_ref())]
}

#[test]
fn every_payment_answers_every_command() {
    let mut rows = vec![];
    let states: [(&str, &[usize]); 11] = [
        ("no payment", &[]),
        ("held 30", &[0]),
        ("captured 30", &[0, 3]),
        ("refunded r1 10 of 30", &[0, 3, 6]),
        ("refunded r1 30 of 30", &[0, 3, 5]),
        ("refunded all 30", &[0, 3, 10]),
        ("settled s1 20 of 30", &[0, 3, 11]),
        ("refunded 10, settled 20", &[0, 3, 6, 11]),
        ("voided 30", &[0, 4]),
        ("voided unseen", &[4]),
        ("declined 101", &[1]),
    ];
    for (state, way) in states {
        for (name, command) in commands() {
            let (wallet, payment) = reach(way);
            rows.push(row(
                state,
                name,
                &outcome(payment.as_ref(), &take(wallet, payment.clone(), command)),
            ));
        }
    }
    for (name, command) in commands() {
        rows.push(row("no wallet", name, &outcome(None, &take(None, None, command))));
    }
    for (name, command) in commands() {
        let step = step_payment(&ann(), Some(disabled()), Some(wallet()), None, command, &saga(), 0).unwrap();
        rows.push(row("disabled, no payment", name, &outcome(None, &step)));
    }
    for (state, way) in states.into_iter().skip(1) {
        for (name, command) in commands() {
            let (wallet, payment) = reach(way);
            let of_disabled = step_payment(
                &ann(),
                Some(disabled()),
                wallet.clone(),
                payment.clone(),
                command.clone(),
                &saga(),
                0,
            );
            assert_eq!(
                of_disabled,
                Ok(take(wallet, payment, command)),
                "{state}, {name}: what is under way goes on"
            );
        }
    }
    check("payment", &rows);
}

#[test]
fn only_the_saga_moves_an_orders_money() {
    for (_, command) in commands() {
        assert!(step_payment(&ann(), None, Some(wallet()), None, command, &ann_herself(), 0).is_err());
    }
}

#[test]
fn every_transfer_is_made_once() {
    let transfers = [
        ("deposit t1 of 5", NewTransfer::deposit("t1".into(), krw(5))),
        ("deposit t1 of 6", NewTransfer::deposit("t1".into(), krw(6))),
        ("deposit t1 of 0", NewTransfer::deposit("t1".into(), krw(0))),
        ("deposit t1 of -5", NewTransfer::deposit("t1".into(), krw(-5))),
        (
            "deposit t1 of too much",
            NewTransfer::deposit("t1".into(), krw(i64::MAX)),
        ),
        ("withdraw t1 of 5", NewTransfer::withdrawal("t1".into(), krw(5), None)),
        (
            "withdraw t1 of 101",
            NewTransfer::withdrawal("t1".into(), krw(101), None),
        ),
        ("pay out t1 of 5", payout("t1", 5, "card_1")),
        ("pay out t1 of 101", payout("t1", 101, "card_1")),
        ("pay out t1 of 0", payout("t1", 0, "card_1")),
    ];
    let take = |made, transfer| {
        step_transfer(&ann(), None, Some(wallet()), made, transfer, &Actor::system("test"), 0).unwrap()
    };
    let outcome = |step: &TransferStep| {
        let event = step.event.as_ref().map_or(String::new(), |event| match event {
            PaymentEvent::DepositRefused { reason, .. } | PaymentEvent::WithdrawalRefused { reason, .. } => {
                format!("{} {reason:?}", variant(event))
            }
            posted => variant(posted),
        });
        vec![event, movements(step.entry.as_ref())]
    };
    let mut rows = vec![];
    for (name, transfer) in transfers.clone() {
        rows.push(row("never made", name, &outcome(&take(None, transfer))));
    }
    for (name, transfer) in transfers.clone() {
        let made = take(None, NewTransfer::deposit("t1".into(), krw(5))).transfer;
        rows.push(row("deposit of 5 made", name, &outcome(&take(made, transfer))));
    }
    for (name, transfer) in transfers.clone() {
        let made = take(None, payout("t1", 5, "card_1")).transfer;
        rows.push(row("payout of 5 begun", name, &outcome(&take(made, transfer))));
    }
    for (name, transfer) in transfers.clone() {
        let step = step_transfer(
            &ann(),
            Some(disabled()),
            Some(wallet()),
            None,
            transfer,
            &ann_herself(),
            0,
        )
        .unwrap();
        rows.push(row("disabled, never made", name, &outcome(&step)));
    }
    for (name, transfer) in transfers {
        let step = step_transfer(&ann(), Some(disabled()), Some(wallet()), None, transfer, &saga(), 0).unwrap();
        rows.push(row("disabled, by system", name, &outcome(&step)));
    }
    check("transfer", &rows);
}

#[test]
fn a_wallet_has_a_bounded_number_of_currencies() {
    let mut wallet = Some(wallet());
    let codes = (b'A'..=b'Z').flat_map(|first| [b'A', b'B'].map(|second| [first, second, b'X']));
    for (at, code) in codes.enumerate() {
        let currency = Currency::parse(std::str::from_utf8(&code).unwrap()).unwrap();
        let transfer = NewTransfer::deposit(format!("t{at}").into(), Money::new(1, currency));
        wallet = step_transfer(&ann(), None, wallet, None, transfer, &Actor::system("test"), 0)
            .unwrap()
            .wallet;
    }
    assert_eq!(wallet.unwrap().balances.len(), commerce::payment::CURRENCIES_MAX);
}

#[test]
fn the_answers_about_an_orders_payment_are_numbered() {
    let numbers = [&[0usize] as &[usize], &[0, 3], &[0, 3, 3], &[0, 3, 7, 8]].map(|way| reach(way).1.unwrap().events);
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn a_payment_is_remembered_from_its_last_change() {
    let (wallet, payment) = reach(&[0]);
    let void = commands()[4].1.clone();
    let step = step_payment(&ann(), None, wallet, payment, void, &Actor::system("orders"), 7).unwrap();
    let kept_until = step.payment.and_then(|payment| payment.forget_at());
    assert_eq!(kept_until, Some(7 + 7 * 24 * 3_600_000));
}

#[test]
fn what_may_still_be_refunded_is_not_forgotten() {
    let forget_at = |way: &[usize]| reach(way).1.unwrap().forget_at();
    for way in [&[0usize] as &[usize], &[0, 3], &[0, 3, 7]] {
        assert_eq!(forget_at(way), None, "{way:?}");
    }
    assert_eq!(forget_at(&[0, 3, 11]), None, "a third of it is left");
    for way in [&[0usize, 3, 5] as &[usize], &[0, 3, 10], &[0, 3, 6, 11]] {
        assert!(forget_at(way).is_some(), "{way:?}");
    }
}

/// A saga that reads everything again asks from the beginning. What was given back line by line was paid before that; what was
/// given back at once was given up.
#[test]
fn an_order_that_asks_again_hears_of_the_refund_of_everything_only() {
    let hears = |way: &[usize], command: usize| {
        let (wallet, payment) = reach(way);
        let event = take(wallet, payment, commands()[command].1.clone()).event.unwrap();
        let PaymentEvent::Fact { fact, .. } = event else {
            panic!("an answer")
        };
        (variant(&fact), fact.amount())
    };
    let of = |kind: &str| (kind.to_owned(), Some(krw(30)));
    assert_eq!(hears(&[0, 3, 6, 7], 0), of("Authorized"));
    assert_eq!(hears(&[0, 3, 6, 7], 3), of("Captured"));
    assert_eq!(hears(&[0, 3, 10], 0), of("Refunded"));
    assert_eq!(hears(&[0, 3, 10], 3), of("Refunded"));
}

#[test]
fn a_settlement_is_credited_once() {
    let credit = |made, amount| {
        let settlement = ("o".into(), "s1".into(), krw(amount));
        step_credit(&"sam".into(), None, made, settlement, &Actor::system("orders"), 7).unwrap()
    };
    let made = credit(None, 20);
    assert_eq!(made.wallet.as_ref().unwrap().balance(krw(0).currency).available, 20);
    assert_eq!(
        movements(made.entry.as_ref()),
        "books s1.credit due:o -20, wallet:sam:available +20"
    );
    let again = credit(made.credit, 20);
    assert_eq!((again.wallet, again.entry, &again.event), (None, None, &made.event));
    let another = credit(made.credit, 21);
    assert_eq!((another.entry, another.credit), (None, made.credit));
    assert!(
        matches!(another.event, PaymentEvent::Refused { .. }),
        "{:?}",
        another.event
    );
    assert!(matches!(credit(None, -1).event, PaymentEvent::Refused { .. }));
    let kept_until = made.credit.map(|credit| credit.forget_at());
    assert_eq!(kept_until, Some(7 + 7 * 24 * 3_600_000));
}

#[test]
fn only_the_saga_credits_a_seller() {
    let sam_himself = Actor {
        account_id: "sam".into(),
        role: Role::Seller,
    };
    let settlement = ("o".into(), "s1".into(), krw(20));
    assert!(step_credit(&"sam".into(), None, None, settlement, &sam_himself, 0).is_err());
}

#[test]
fn a_payment_is_given_back_in_a_bounded_number_of_parts() {
    let (mut wallet, mut payment) = reach(&[0, 3]);
    for at in 0..=PARTS_MAX {
        let refund = PaymentCommand::Refund {
            order_id: "o".into(),
            refund_id: format!("r{at}").into(),
            amount: krw(0),
        };
        let step = take(wallet, payment, refund);
        (wallet, payment) = (step.wallet, step.payment);
    }
    for at in 0..=PARTS_MAX {
        let settle = PaymentCommand::Settle {
            order_id: "o".into(),
            settlement_id: format!("s{at}").into(),
            seller_id: "sam".into(),
            amount: krw(0),
        };
        let step = take(wallet, payment, settle);
        (wallet, payment) = (step.wallet, step.payment);
    }
    let payment = payment.unwrap();
    assert_eq!(
        (payment.refunds.len(), payment.settlements.len()),
        (PARTS_MAX, PARTS_MAX)
    );
}

/// No way leads to such a payment; should there be one, nobody is told that it was taken or given up.
#[test]
fn a_payment_without_an_amount_that_was_not_given_up_is_an_alarm() {
    let (wallet, payment) = reach(&[0, 3]);
    let payment = payment.map(|payment| Payment {
        amount: None,
        ..payment
    });
    let step = take(wallet, payment, commands()[3].1.clone());
    assert!(
        matches!(step.event, Some(PaymentEvent::Refused { .. })),
        "{:?}",
        step.event
    );
}

#[test]
fn a_balance_has_an_upper_bound_and_a_conflict_forgets_no_transfer() {
    let deposit = |wallet, made, amount| {
        let transfer = NewTransfer::deposit("t1".into(), krw(amount));
        step_transfer(&ann(), None, wallet, made, transfer, &Actor::system("test"), 0).unwrap()
    };
    let full = deposit(None, None, AMOUNT_MAX);
    let over = deposit(full.wallet.clone(), None, 1);
    assert_eq!(over.wallet.unwrap().balance(krw(0).currency).available, AMOUNT_MAX);
    let conflict = deposit(full.wallet, full.transfer.clone(), 1);
    assert_eq!(conflict.transfer, full.transfer);
}

//! Whatever the business writes it reads back as it was.

use crate::authority::Actor;
use crate::ids::{AccountId, LineNo, OrderId};
use crate::money::{Currency, Money};
use crate::order::{
    CancelReason, CommandRefusal, LineCommand, LineCommandKind, OrderEvent, Parcel, RequestedLine, SagaStep,
};
use crate::payment::{
    CardStep, CardToken, LedgerAccount, LedgerEntry, LedgerKind, PaymentCommand, PaymentEvent, PaymentFact,
    PaymentRefusal, PayoutAnswer, Posting, ProviderAnswer, ProviderCall, ProviderOutcome, ProviderTask,
};
use crate::stock::{
    ProductRefusal, Rejection, Reservation, StockChange, StockChangeKind, StockCommand, StockEventKind, StockRejection,
    StockReply,
};
use crate::wire::{Meta, order_event, payment, payment_event, provider, stock};

const LINE: LineNo = LineNo(7);

fn krw(amount: i64) -> Money {
    Money::new(amount, Currency::parse("KRW").unwrap())
}

fn replies() -> Vec<StockReply> {
    let rejection = |reason| {
        let (product_id, requested, available) = ("p".into(), 3, 2);
        StockReply::Rejected(Rejection {
            line: LINE,
            attempt: 2,
            product_id,
            reason,
            requested,
            available,
        })
    };
    vec![
        StockReply::Reserved(Reservation {
            line: LINE,
            attempt: 2,
            product_id: "p".into(),
            seller_id: "s".into(),
            product_name: "P".to_owned(),
            quantity: 3,
            unit_price: krw(5),
        }),
        rejection(StockRejection::OutOfStock),
        rejection(StockRejection::UnknownProduct),
        rejection(StockRejection::InvalidQuantity),
        StockReply::Confirmed {
            line: LINE,
            product_id: "p".into(),
        },
        StockReply::Released {
            line: LINE,
            product_id: "p".into(),
        },
        StockReply::Restocked {
            line: LINE,
            product_id: "p".into(),
        },
        StockReply::Returned {
            line: LINE,
            product_id: "p".into(),
        },
    ]
}

fn facts() -> Vec<PaymentFact> {
    let (account_id, amount) = (AccountId::from("a"), krw(5));
    let mut facts = vec![
        PaymentFact::Authorized {
            account_id: account_id.clone(),
            amount,
            attempt: 2,
        },
        PaymentFact::Captured {
            account_id: account_id.clone(),
            amount,
        },
        PaymentFact::Voided {
            account_id: account_id.clone(),
            amount: Some(amount),
        },
        PaymentFact::Voided {
            account_id: account_id.clone(),
            amount: None,
        },
        PaymentFact::Refunded {
            account_id: account_id.clone(),
            refund_id: "r".into(),
            amount,
        },
        PaymentFact::Settled {
            account_id: account_id.clone(),
            settlement_id: "s".into(),
            seller_id: "sam".into(),
            amount,
        },
        PaymentFact::Credited {
            account_id: account_id.clone(),
            settlement_id: "s".into(),
            amount,
        },
    ];
    for reason in [
        PaymentRefusal::InsufficientFunds,
        PaymentRefusal::Declined,
        PaymentRefusal::AccountDisabled,
        PaymentRefusal::AlreadyVoided,
        PaymentRefusal::UnknownPayment,
        PaymentRefusal::Conflict,
        PaymentRefusal::InvalidAmount,
        PaymentRefusal::TooManyPayouts,
    ] {
        facts.push(PaymentFact::Declined {
            account_id: account_id.clone(),
            amount,
            attempt: 2,
            reason,
        });
    }
    facts
}

#[test]
fn every_order_event_reads_back() {
    let requested = vec![RequestedLine {
        line: LINE,
        product_id: "p".into(),
        quantity: 3,
    }];
    let request_hash = "h".to_owned();
    let created = |currency| OrderEvent::OrderCreated {
        buyer_id: "a".into(),
        lines: requested.clone(),
        currency,
        request_hash: request_hash.clone(),
        card: CardToken::parse("card_1").ok().filter(|_| currency.is_some()),
    };
    let mut events = vec![
        created(None),
        created(Some(krw(0).currency)),
        OrderEvent::OrderPaid { total: krw(5) },
        OrderEvent::CancellationRequested { reason: None },
        OrderEvent::CancellationRequested {
            reason: Some("why not".to_owned()),
        },
    ];
    let (lines, reason) = (vec![LINE, LineNo(8)], Some("as agreed".to_owned()));
    let (carrier, tracking_number) = (Some("CJ".to_owned()), Some("42".to_owned()));
    for kind in [
        LineCommandKind::Ship(Parcel {
            carrier,
            tracking_number,
        }),
        LineCommandKind::ConfirmDelivery,
        LineCommandKind::RequestReturn { reason: reason.clone() },
        LineCommandKind::RejectReturn { reason: reason.clone() },
        LineCommandKind::Refund { reason },
    ] {
        events.push(LineCommand::event(kind, lines.clone()));
    }
    events.extend(replies().into_iter().map(OrderEvent::Stock));
    events.extend(facts().into_iter().map(OrderEvent::Payment));
    for reason in [
        CancelReason::OutOfStock,
        CancelReason::UnknownProduct,
        CancelReason::PaymentDeclined,
        CancelReason::InsufficientFunds,
        CancelReason::CancelledByBuyer,
        CancelReason::PriceChanged,
        CancelReason::CurrencyMismatch,
        CancelReason::InvalidOrder,
        CancelReason::TimedOut,
        CancelReason::Refunded,
    ] {
        events.push(OrderEvent::OrderCancelled { reason });
    }
    for reason in [
        CommandRefusal::UnknownOrder,
        CommandRefusal::Conflict,
        CommandRefusal::TooLate,
        CommandRefusal::NotAllowed,
        CommandRefusal::Invalid,
        CommandRefusal::NotNow,
    ] {
        events.push(OrderEvent::CommandRefused {
            command_id: "c".into(),
            reason,
        });
    }
    for step in SagaStep::ALL.into_iter().filter(|step| !step.is_final()) {
        events.push(OrderEvent::StepTimedOut { step });
        events.push(OrderEvent::NeedsAttention { step });
    }
    for event in events {
        let wire = order_event::event_to_wire(&OrderId::from("o"), event.clone());
        assert_eq!(order_event::event(wire), Ok(event));
    }
}

#[test]
fn every_answer_of_a_participant_reads_back() {
    for reply in replies() {
        assert_eq!(stock::reply(stock::reply_to_wire(reply.clone())), Ok(reply));
    }
    for fact in facts() {
        let event = PaymentEvent::Fact {
            order_id: "o".into(),
            fact: fact.clone(),
        };
        let wire = payment_event::event_to_wire(event, &"a".into());
        let input = payment_event::order_input(wire).unwrap();
        assert_eq!(input, Some(crate::order::OrderInput::Payment(fact)));
    }
}

#[test]
fn every_command_of_the_saga_reads_back() {
    let order_id = || OrderId::from("o");
    for command in [
        StockCommand::Reserve {
            order_id: order_id(),
            line: LINE,
            attempt: 2,
            quantity: 3,
        },
        StockCommand::Confirm {
            order_id: order_id(),
            line: LINE,
        },
        StockCommand::Release {
            order_id: order_id(),
            line: LINE,
        },
        StockCommand::Restock {
            order_id: order_id(),
            line: LINE,
        },
        StockCommand::Return {
            order_id: order_id(),
            line: LINE,
        },
    ] {
        assert_eq!(stock::command(stock::command_to_wire(command.clone())), Ok(command));
    }
    for command in [
        PaymentCommand::Deposit {
            transfer_id: "t".into(),
            amount: krw(5),
        },
        PaymentCommand::Withdraw {
            transfer_id: "t".into(),
            amount: krw(5),
            card: None,
        },
        PaymentCommand::Withdraw {
            transfer_id: "t".into(),
            amount: krw(5),
            card: CardToken::parse("card_1").ok(),
        },
        PaymentCommand::Authorize {
            order_id: order_id(),
            amount: krw(5),
            attempt: 2,
            card: None,
        },
        PaymentCommand::Authorize {
            order_id: order_id(),
            amount: krw(5),
            attempt: 1,
            card: CardToken::parse("card_1").ok(),
        },
        PaymentCommand::Capture { order_id: order_id() },
        PaymentCommand::Void { order_id: order_id() },
        PaymentCommand::Refund {
            order_id: order_id(),
            refund_id: "r".into(),
            amount: krw(5),
        },
        PaymentCommand::Settle {
            order_id: order_id(),
            settlement_id: "s".into(),
            seller_id: "sam".into(),
            amount: krw(5),
        },
        PaymentCommand::Credit {
            order_id: order_id(),
            settlement_id: "s".into(),
            amount: krw(5),
        },
    ] {
        assert_eq!(payment::command(payment::command_to_wire(command.clone())), Ok(command));
    }
}

#[test]
fn every_call_to_the_payment_provider_and_its_answer_reads_back() {
    let step = |step| ProviderTask::Step("o".into(), step);
    for task in [
        step(CardStep::Authorize),
        step(CardStep::Capture),
        step(CardStep::Void),
        step(CardStep::Refund("r".into())),
        ProviderTask::Payout("w".into()),
    ] {
        let call = ProviderCall {
            call_id: "r.card".to_owned(),
            task: task.clone(),
            card: CardToken::parse("card_1").unwrap(),
            amount: krw(5),
            attempt: 3,
        };
        assert_eq!(provider::call(provider::call_to_wire(call.clone())), Ok(call.clone()));
        for outcome in [ProviderOutcome::Done, ProviderOutcome::Declined] {
            let answer = provider::answer(provider::answer_to_wire(&call, outcome));
            assert_eq!(answer, Ok(answered(&call, outcome)));
        }
    }
}

fn answered(call: &ProviderCall, outcome: ProviderOutcome) -> provider::Answer {
    match &call.task {
        ProviderTask::Step(order_id, _) => provider::Answer::Payment(ProviderAnswer {
            call_id: call.call_id.clone(),
            order_id: order_id.clone(),
            outcome,
        }),
        ProviderTask::Payout(transfer_id) => provider::Answer::Payout(PayoutAnswer {
            transfer_id: transfer_id.clone(),
            outcome,
        }),
    }
}

#[test]
fn every_entry_of_the_books_reads_back() {
    let meta = Meta {
        id: "e".into(),
        seq: 1,
        at: 7,
        actor: Actor::system("payments"),
        causation: "c".to_owned(),
        correlation: "o".to_owned(),
    };
    for kind in [
        LedgerKind::Deposit,
        LedgerKind::Withdrawal,
        LedgerKind::Authorization,
        LedgerKind::Capture,
        LedgerKind::Void,
        LedgerKind::Refund,
        LedgerKind::Settlement,
        LedgerKind::Credit,
        LedgerKind::Payout,
        LedgerKind::PayoutPaid,
        LedgerKind::PayoutReturned,
    ] {
        let entry = LedgerEntry {
            entry_id: "e".to_owned(),
            seq: 3,
            account_id: "a".into(),
            order_id: Some("o".into()),
            kind,
            currency: krw(0).currency,
            postings: vec![Posting {
                account: LedgerAccount::Outside,
                amount: -5,
            }],
        };
        assert_eq!(
            payment::entry(payment::entry_to_wire(entry.clone(), meta.clone())),
            Ok(entry)
        );
    }
}

#[test]
fn every_stock_event_reads_back() {
    let mut kinds = vec![];
    for kind in [
        StockChangeKind::Created,
        StockChangeKind::Adjusted,
        StockChangeKind::Reserved,
        StockChangeKind::Confirmed,
        StockChangeKind::Released,
        StockChangeKind::Restocked,
        StockChangeKind::Returned,
    ] {
        for hold in [None, Some(("o".into(), LINE))] {
            let (delta_on_hand, delta_reserved, on_hand, reserved) = (1, 2, 3, 4);
            let change = StockChange {
                kind,
                hold,
                delta_on_hand,
                delta_reserved,
                on_hand,
                reserved,
            };
            kinds.push(StockEventKind::Changed(change));
        }
    }
    for refusal in [
        ProductRefusal::AlreadyExists,
        ProductRefusal::UnknownProduct,
        ProductRefusal::NotOwner,
        ProductRefusal::StockWouldBeNegative,
        ProductRefusal::Conflict,
        ProductRefusal::Invalid,
        ProductRefusal::OtherVersion,
    ] {
        kinds.push(StockEventKind::Refused(refusal));
    }
    for kind in kinds {
        assert_eq!(stock::event(stock::event_to_wire(kind.clone())), Ok(kind));
    }
}

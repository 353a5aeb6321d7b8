//! The payment of an order by card: whatever the saga asks and the provider says, in every state.

use commerce::authority::Actor;
use commerce::payment::{
    CALL_WAIT_MS, CardToken, LedgerKind, Payment, PaymentCommand, PaymentStep, ProviderAnswer, ProviderOutcome, Wallet,
    step_answer, step_overdue, step_payment,
};

use crate::payment::{ann, krw, outcome};
use crate::{check, row};

/// What can happen to a payment by card.
#[derive(Clone)]
enum Input {
    Asks(PaymentCommand),
    Says(&'static str, ProviderOutcome),
    /// The time has come to ask again.
    Silence,
}

const DONE: ProviderOutcome = ProviderOutcome::Done;
const DECLINED: ProviderOutcome = ProviderOutcome::Declined;

fn authorize(amount: i64, card: Option<&str>) -> Input {
    Input::Asks(PaymentCommand::Authorize {
        order_id: "o".into(),
        amount: krw(amount),
        attempt: 1,
        card: card.map(|card| CardToken::parse(card).unwrap()),
    })
}

fn refund(id: &str, amount: i64) -> Input {
    Input::Asks(PaymentCommand::Refund {
        order_id: "o".into(),
        refund_id: id.into(),
        amount: krw(amount),
    })
}

fn settle(id: &str, amount: i64) -> Input {
    Input::Asks(PaymentCommand::Settle {
        order_id: "o".into(),
        settlement_id: id.into(),
        seller_id: "sam".into(),
        amount: krw(amount),
    })
}

fn capture() -> Input {
    Input::Asks(PaymentCommand::Capture { order_id: "o".into() })
}

fn void() -> Input {
    Input::Asks(PaymentCommand::Void { order_id: "o".into() })
}

fn hold() -> Input {
    authorize(30, Some("card_1"))
}

fn inputs() -> Vec<(&'static str, Input)> {
    vec![
        ("authorize 30", hold()),
        ("authorize another card", authorize(30, Some("card_2"))),
        ("authorize the wallet", authorize(30, None)),
        ("capture", capture()),
        ("void", void()),
        ("refund r1 of 10", refund("r1", 10)),
        ("refund r1 of 11", refund("r1", 11)),
        ("refund r2 of 20", refund("r2", 20)),
        ("refund r2 of 21", refund("r2", 21)),
        ("settle s1 of 20", settle("s1", 20)),
        ("settle s1 of 21", settle("s1", 21)),
        ("held", Input::Says("o.card.authorize", DONE)),
        ("hold declined", Input::Says("o.card.authorize", DECLINED)),
        ("captured", Input::Says("o.card.capture", DONE)),
        ("capture declined", Input::Says("o.card.capture", DECLINED)),
        ("voided", Input::Says("o.card.void", DONE)),
        ("void declined", Input::Says("o.card.void", DECLINED)),
        ("r1 refunded", Input::Says("r1.card", DONE)),
        ("r1 declined", Input::Says("r1.card", DECLINED)),
        ("r2 refunded", Input::Says("r2.card", DONE)),
        ("silence", Input::Silence),
    ]
}

fn states() -> Vec<(&'static str, Vec<Input>)> {
    let held = vec![hold(), Input::Says("o.card.authorize", DONE)];
    let after = |before: &[Input], more: &[Input]| [before, more].concat();
    let captured = after(&held, &[capture(), Input::Says("o.card.capture", DONE)]);
    let refunding = after(&captured, &[refund("r1", 10)]);
    vec![
        ("no payment", vec![]),
        ("asked", vec![hold()]),
        ("asked, no answer", vec![hold(), Input::Silence]),
        ("asked, to be voided", vec![hold(), void()]),
        ("declined", vec![hold(), Input::Says("o.card.authorize", DECLINED)]),
        ("held", held.clone()),
        ("capturing", after(&held, &[capture()])),
        ("capturing, to be voided", after(&held, &[capture(), void()])),
        (
            "capture declined",
            after(&held, &[capture(), Input::Says("o.card.capture", DECLINED)]),
        ),
        ("voiding", after(&held, &[void()])),
        ("voided", after(&held, &[void(), Input::Says("o.card.void", DONE)])),
        ("voided unseen", vec![void()]),
        ("captured", captured.clone()),
        ("refunding r1", refunding.clone()),
        ("refunding r1, r2", after(&refunding, &[refund("r2", 20)])),
        (
            "r1 back on the card",
            after(&refunding, &[Input::Says("r1.card", DONE)]),
        ),
        (
            "r1 in the wallet",
            after(&refunding, &[Input::Says("r1.card", DECLINED)]),
        ),
        ("settled 20", after(&captured, &[settle("s1", 20)])),
    ]
}

/// A payment and the time at which it stands.
#[derive(Clone, Default)]
struct Standing {
    wallet: Option<Wallet>,
    payment: Option<Payment>,
    now: i64,
}

impl Standing {
    fn take(mut self, input: Input) -> (Self, PaymentStep) {
        let (wallet, payment) = (self.wallet.take(), self.payment.take());
        let step = match input {
            Input::Asks(command) => {
                let saga = Actor::system("orders");
                step_payment(&ann(), None, wallet, payment, command, &saga, self.now).unwrap()
            }
            Input::Says(call_id, outcome) => {
                let answer = ProviderAnswer {
                    call_id: call_id.to_owned(),
                    order_id: "o".into(),
                    outcome,
                };
                step_answer(&ann(), wallet, payment, &answer, self.now)
            }
            Input::Silence => {
                let due = payment.as_ref().and_then(Payment::asks_again_at);
                self.now = due.unwrap_or(self.now);
                step_overdue(&ann(), wallet, payment, &"o".into(), self.now)
            }
        };
        (self.wallet, self.payment) = (step.wallet.clone(), step.payment.clone());
        (self, step)
    }

    fn reach(way: &[Input]) -> Self {
        way.iter()
            .fold(Self::default(), |standing, input| standing.take(input.clone()).0)
    }
}

fn outcome_and_call(before: &Standing, step: &PaymentStep) -> Vec<String> {
    let mut words = outcome(before.payment.as_ref(), step);
    let call = step.call.as_ref();
    words.extend(call.map(|call| format!("asks {} of {} ({})", call.call_id, call.amount.amount, call.attempt)));
    words
}

#[test]
fn every_payment_by_card_answers_every_command_and_every_answer() {
    let mut rows = vec![];
    for (state, way) in states() {
        for (name, input) in inputs() {
            let before = Standing::reach(&way);
            let (_, step) = before.clone().take(input);
            rows.push(row(state, name, &outcome_and_call(&before, &step)));
        }
    }
    check("card", &rows);
}

#[test]
fn the_provider_is_asked_one_thing_at_a_time_and_hears_each_once_it_has_answered_the_one_before() {
    let way = [
        hold(),
        void(),
        Input::Says("o.card.authorize", DONE),
        Input::Says("o.card.void", DONE),
    ];
    let mut standing = Standing::default();
    let mut asked = vec![];
    for input in way {
        let (next, step) = standing.take(input);
        asked.push(step.call.map(|call| call.call_id));
        standing = next;
    }
    let words: Vec<Option<&str>> = asked.iter().map(Option::as_deref).collect();
    assert_eq!(words, [Some("o.card.authorize"), None, Some("o.card.void"), None]);
    assert_eq!(standing.wallet.unwrap().balance(krw(0).currency).held, 0);
}

#[test]
fn a_question_without_an_answer_is_asked_again_under_its_own_id_and_people_hear_of_it_once() {
    let mut standing = Standing::reach(&[hold()]);
    let mut unknown = 0;
    for attempt in 2..6 {
        let waited_from = standing.now;
        let (next, step) = standing.take(Input::Silence);
        let call = step.call.unwrap();
        assert_eq!((call.call_id.as_str(), call.attempt), ("o.card.authorize", attempt));
        assert_eq!(next.now - waited_from, CALL_WAIT_MS << (attempt - 2));
        unknown += usize::from(step.event.is_some());
        standing = next;
    }
    assert_eq!(unknown, 1);
    let before_it_is_due = step_overdue(&ann(), None, standing.payment.clone(), &"o".into(), standing.now);
    assert_eq!((before_it_is_due.call, before_it_is_due.event), (None, None));
}

#[test]
fn a_payment_that_waits_for_its_provider_is_not_forgotten() {
    for (state, way) in states() {
        let Some(payment) = Standing::reach(&way).payment else {
            continue;
        };
        let waits = payment.card.as_ref().is_some_and(|card| !card.calls.is_empty());
        assert!(!waits || payment.forget_at().is_none(), "{state}");
    }
}

#[test]
fn a_hold_that_the_books_cannot_take_is_given_up_at_the_provider() {
    let mut full = Wallet::empty(ann());
    let most = commerce::payment::Balance {
        available: 0,
        held: commerce::payment::AMOUNT_MAX,
    };
    full.balances.insert(krw(0).currency, most);
    let before = Standing {
        wallet: Some(full),
        ..Standing::reach(&[hold()])
    };
    let (declined, step) = before.take(Input::Says("o.card.authorize", DONE));
    assert_eq!(step.call.map(|call| call.call_id).as_deref(), Some("o.card.void"));
    assert!(step.entry.is_none(), "nothing is in the books");
    let (_, step) = declined.take(Input::Says("o.card.void", DONE));
    assert_eq!((step.entry, step.event, step.call), (None, None, None));
    assert!(step.payment.unwrap().forget_at().is_some());
}

#[test]
fn money_of_a_card_comes_from_outside_and_goes_back_there() {
    let kinds = |way: &[Input]| {
        let mut standing = Standing::default();
        let mut entries = vec![];
        for input in way {
            let (next, step) = standing.take(input.clone());
            entries.extend(step.entry);
            standing = next;
        }
        let broken = commerce::invariants::i3_ledger_sums_to_zero(&entries);
        assert_eq!(broken, []);
        assert_eq!(commerce::invariants::i4_refunded_captured_authorised(&entries), []);
        entries.iter().map(|entry| entry.kind).collect::<Vec<_>>()
    };
    let all = states();
    let way = |name| all.iter().find(|(state, _)| *state == name).unwrap().1.clone();
    assert_eq!(kinds(&way("voided")), [LedgerKind::Authorization, LedgerKind::Void]);
    assert_eq!(
        kinds(&way("r1 in the wallet")),
        [LedgerKind::Authorization, LedgerKind::Capture, LedgerKind::Refund]
    );
}

//! A payout: whatever the provider says, or does not, wherever it stands.

use commerce::authority::Actor;
use commerce::invariants::i3_ledger_sums_to_zero;
use commerce::payment::{
    AMOUNT_MAX, Balance, CALL_WAIT_MS, NewTransfer, PAYOUTS_MAX, PaymentEvent, PaymentRefusal, PayoutAnswer,
    PayoutStatus, ProviderOutcome, TransferStep, Wallet, step_payout_answer, step_payout_overdue, step_transfer,
};

use crate::payment::{ann, krw, movements, payout};
use crate::{check, row, variant};

/// What can happen to a payout.
#[derive(Clone, Copy)]
enum Input {
    Says(ProviderOutcome),
    /// The time has come to ask again.
    Silence,
    /// It has not come yet.
    Haste,
}

const DONE: Input = Input::Says(ProviderOutcome::Done);
const DECLINED: Input = Input::Says(ProviderOutcome::Declined);

/// A wallet and the time at which it stands.
#[derive(Clone)]
struct Standing {
    wallet: Wallet,
    now: i64,
}

impl Standing {
    /// A wallet with 100 of which a payout of 30 has begun, and the step that began it.
    fn begun() -> (Self, TransferStep) {
        let deposit = transfer(None, NewTransfer::deposit("d".into(), krw(100)), 0);
        let step = transfer(deposit.wallet, payout("w1", 30, "card_1"), 0);
        let wallet = step.wallet.clone().unwrap();
        (Self { wallet, now: 0 }, step)
    }

    fn take(mut self, input: Input) -> (Self, TransferStep) {
        let (transfer_id, wallet) = ("w1".into(), Some(self.wallet.clone()));
        let due = self.wallet.payout(&transfer_id).unwrap().due_at;
        let step = match input {
            Input::Says(outcome) => step_payout_answer(wallet, &PayoutAnswer { transfer_id, outcome }, self.now),
            Input::Silence => {
                self.now = due.max(self.now);
                step_payout_overdue(wallet, &transfer_id, self.now)
            }
            Input::Haste => step_payout_overdue(wallet, &transfer_id, due - 1),
        };
        self.wallet = step.wallet.clone().unwrap();
        (self, step)
    }

    fn reach(way: &[Input]) -> Self {
        way.iter()
            .fold(Self::begun().0, |standing, input| standing.take(*input).0)
    }

    fn status(&self) -> PayoutStatus {
        self.wallet.payout(&"w1".into()).unwrap().status
    }

    fn available(&self) -> i64 {
        self.wallet.balance(krw(0).currency).available
    }
}

fn transfer(wallet: Option<Wallet>, asked: NewTransfer, now: i64) -> TransferStep {
    step_transfer(&ann(), None, wallet, None, asked, &Actor::system("test"), now).unwrap()
}

fn outcome(step: &TransferStep) -> Vec<String> {
    let event = step.event.as_ref().map_or(String::new(), |event| match event {
        PaymentEvent::PayoutUnknown { contradicted, .. } => format!("PayoutUnknown contradicted: {contradicted}"),
        event => variant(event),
    });
    let call = step.call.as_ref();
    let call = call.map_or(String::new(), |call| {
        format!("asks {} of {} ({})", call.call_id, call.amount.amount, call.attempt)
    });
    let ask_again = step
        .ask_again_at
        .map_or(String::new(), |at| format!("looks again at {at}"));
    let forget = step.forget_at.map_or(String::new(), |_| "may be forgotten".to_owned());
    vec![event, movements(step.entry.as_ref()), call, ask_again, forget]
}

#[test]
fn every_payout_takes_every_answer_and_every_silence() {
    let states: [(&str, &[Input]); 5] = [
        ("on its way", &[]),
        ("on its way, no answer", &[Input::Silence]),
        ("no answer twice", &[Input::Silence, Input::Silence]),
        ("paid", &[DONE]),
        ("returned", &[DECLINED]),
    ];
    let inputs = [
        ("done", DONE),
        ("declined", DECLINED),
        ("silence", Input::Silence),
        ("not due yet", Input::Haste),
    ];
    let mut rows = vec![row("nothing", "pay out 30 of 100", &outcome(&Standing::begun().1))];
    for (state, way) in states {
        for (name, input) in inputs {
            let (after, step) = Standing::reach(way).take(input);
            let mut words = outcome(&step);
            words.push(format!("{:?}, {} available", after.status(), after.available()));
            rows.push(row(state, name, &words));
        }
    }
    check("payout", &rows);
}

#[test]
fn a_payout_is_asked_for_under_its_own_id_until_the_provider_answers() {
    let (mut standing, begun) = Standing::begun();
    let mut asked = vec![begun.call.unwrap()];
    for _ in 0..3 {
        let waited_from = standing.now;
        let (next, step) = standing.take(Input::Silence);
        assert_eq!(next.now - waited_from, CALL_WAIT_MS << (asked.len() - 1));
        asked.extend(step.call);
        standing = next;
    }
    assert!(asked.iter().all(|call| call.call_id == "w1.payout"));
    assert_eq!(asked.iter().map(|call| call.attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(standing.take(DONE).0.status(), PayoutStatus::Paid);
}

#[test]
fn an_answer_about_a_payout_of_which_nothing_is_known_leads_to_nothing() {
    let (standing, _) = Standing::begun();
    let answer = PayoutAnswer {
        transfer_id: "another".into(),
        outcome: ProviderOutcome::Declined,
    };
    for wallet in [None, Some(standing.wallet)] {
        let step = step_payout_answer(wallet.clone(), &answer, 0);
        assert_eq!((step.wallet, step.event, step.entry), (wallet.clone(), None, None));
        assert_eq!(step_payout_overdue(wallet, &"another".into(), i64::MAX).call, None);
    }
}

#[test]
fn the_money_of_a_payout_is_out_or_back() {
    for (way, outside) in [(DONE, -70), (DECLINED, -100)] {
        let deposit = transfer(None, NewTransfer::deposit("d".into(), krw(100)), 0);
        let begun = transfer(deposit.wallet, payout("w1", 30, "card_1"), 0);
        let wallet = begun.wallet.clone().unwrap();
        let (_, ended) = Standing { wallet, now: 0 }.take(way);
        let entries = [deposit.entry.unwrap(), begun.entry.unwrap(), ended.entry.unwrap()];
        assert_eq!(i3_ledger_sums_to_zero(&entries), []);
        let postings = entries.iter().flat_map(|entry| &entry.postings);
        let left = postings.filter(|posting| posting.account.to_string() == "outside");
        assert_eq!(left.map(|posting| posting.amount).sum::<i64>(), outside);
        let numbers: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}

#[test]
fn a_wallet_has_so_many_payouts_under_way_and_forgets_the_oldest_that_are_over() {
    let mut wallet = transfer(None, NewTransfer::deposit("d".into(), krw(100)), 0).wallet;
    for at in 0..PAYOUTS_MAX {
        wallet = transfer(wallet, payout(&format!("w{at}"), 1, "card_1"), 0).wallet;
    }
    let refused = transfer(wallet.clone(), payout("one-more", 1, "card_1"), 0);
    let Some(PaymentEvent::WithdrawalRefused { reason, .. }) = refused.event else {
        panic!("{:?}", refused.event)
    };
    assert_eq!(reason, PaymentRefusal::TooManyPayouts);
    assert!(
        transfer(
            wallet.clone(),
            NewTransfer::withdrawal("by-hand".into(), krw(1), None),
            0
        )
        .entry
        .is_some()
    );
    let answer = PayoutAnswer {
        transfer_id: "w3".into(),
        outcome: ProviderOutcome::Done,
    };
    let wallet = step_payout_answer(wallet, &answer, 0).wallet;
    let wallet = transfer(wallet, payout("one-more", 1, "card_1"), 0).wallet.unwrap();
    assert_eq!(wallet.payouts.len(), PAYOUTS_MAX);
    assert!(wallet.payout(&"w0".into()).is_some() && wallet.payout(&"one-more".into()).is_some());
    assert!(wallet.payout(&"w3".into()).is_none());
}

/// What cannot come back now comes back when there is room: the provider says the same again when it is asked.
#[test]
fn money_that_a_full_wallet_cannot_take_back_stays_on_its_way() {
    let (mut standing, _) = Standing::begun();
    let full = Balance {
        available: AMOUNT_MAX,
        held: 0,
    };
    standing.wallet.balances.insert(krw(0).currency, full);
    let (mut standing, step) = standing.take(DECLINED);
    assert_eq!(
        (step.event, step.entry, standing.status()),
        (None, None, PayoutStatus::OnItsWay)
    );
    standing.wallet.balances.insert(krw(0).currency, Balance::default());
    let (standing, step) = standing.take(Input::Silence);
    assert_eq!(step.call.unwrap().attempt, 2);
    let (standing, _) = standing.take(DECLINED);
    assert_eq!((standing.status(), standing.available()), (PayoutStatus::Returned, 30));
}

//! A provider inside the process, for trying out and for tests. No money moves.

use std::time::Duration;

use commerce::payment::{CALL_WAIT_MS, CardStep, ProviderCall, ProviderOutcome, ProviderTask};

use super::{PaymentProvider, Said};

/// How long a late answer takes: the call has been sent again by then.
const LATE: Duration = Duration::from_millis(CALL_WAIT_MS.unsigned_abs() + 2_000);

/// What each card does. It remembers nothing: the same call has the same answer, also after a crash.
const CARDS: [(&str, Behaviour); 9] = [
    ("sandbox_approved", Behaviour::Approves),
    ("sandbox_declined", Behaviour::Declines(Refused::Card)),
    ("sandbox_capture_declined", Behaviour::Declines(Refused::Capture)),
    ("sandbox_refund_declined", Behaviour::Declines(Refused::Refund)),
    ("sandbox_payout_declined", Behaviour::Declines(Refused::Payout)),
    ("sandbox_timeout", Behaviour::IsSilentOnce),
    ("sandbox_silent", Behaviour::IsSilent),
    ("sandbox_late", Behaviour::IsLate),
    ("sandbox_twice", Behaviour::AnswersTwice),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    Approves,
    Declines(Refused),
    /// Answers no call that comes for the first time.
    IsSilentOnce,
    /// Answers no call at all.
    IsSilent,
    IsLate,
    AnswersTwice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// The card takes no part in anything: what is paid out to it does not arrive either.
    Card,
    Capture,
    Refund,
    Payout,
}

/// The sandbox. A card that it does not know is declined.
#[derive(Debug)]
pub(crate) struct Sandbox;

impl PaymentProvider for Sandbox {
    fn carry_out(&self, call: ProviderCall) -> Said {
        Box::pin(async move {
            let known = CARDS.iter().find(|(card, _)| *card == call.card.as_str());
            match known.map(|(_, behaviour)| *behaviour) {
                Some(Behaviour::IsSilent) => Vec::new(),
                Some(Behaviour::IsSilentOnce) if call.attempt == 1 => Vec::new(),
                Some(Behaviour::IsLate) => {
                    tokio::time::sleep(LATE).await;
                    vec![ProviderOutcome::Done]
                }
                Some(Behaviour::AnswersTwice) => vec![ProviderOutcome::Done; 2],
                Some(Behaviour::Declines(refused)) => vec![refused.outcome(&call.task)],
                Some(Behaviour::Approves | Behaviour::IsSilentOnce) => vec![ProviderOutcome::Done],
                None => vec![Refused::Card.outcome(&call.task)],
            }
        })
    }
}

impl Refused {
    fn outcome(self, task: &ProviderTask) -> ProviderOutcome {
        let is_refused = match task {
            ProviderTask::Step(_, CardStep::Authorize) => self == Self::Card,
            ProviderTask::Step(_, CardStep::Capture) => self == Self::Capture,
            ProviderTask::Step(_, CardStep::Void) => false,
            ProviderTask::Step(_, CardStep::Refund(_)) => self == Self::Refund,
            ProviderTask::Payout(_) => self == Self::Card || self == Self::Payout,
        };
        if is_refused {
            ProviderOutcome::Declined
        } else {
            ProviderOutcome::Done
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use commerce::money::{Currency, Money};
    use commerce::payment::CardToken;

    use super::*;

    fn call(card: &str, task: ProviderTask, attempt: u32) -> ProviderCall {
        ProviderCall {
            call_id: "c".to_owned(),
            task,
            card: CardToken::parse(card).unwrap(),
            amount: Money::new(5, Currency::parse("KRW").unwrap()),
            attempt,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_card_does_what_its_name_says() {
        use ProviderOutcome::{Declined, Done};
        let refund = CardStep::Refund("r".into());
        let cases: [(&str, CardStep, u32, &[ProviderOutcome]); 14] = [
            ("sandbox_payout_declined", CardStep::Authorize, 1, &[Done]),
            ("sandbox_approved", CardStep::Authorize, 1, &[Done]),
            ("sandbox_declined", CardStep::Authorize, 1, &[Declined]),
            ("sandbox_capture_declined", CardStep::Authorize, 1, &[Done]),
            ("sandbox_capture_declined", CardStep::Capture, 1, &[Declined]),
            ("sandbox_refund_declined", CardStep::Capture, 1, &[Done]),
            ("sandbox_refund_declined", refund.clone(), 1, &[Declined]),
            ("sandbox_timeout", CardStep::Void, 1, &[]),
            ("sandbox_timeout", CardStep::Void, 2, &[Done]),
            ("sandbox_silent", CardStep::Authorize, 9, &[]),
            ("sandbox_late", CardStep::Capture, 1, &[Done]),
            ("sandbox_twice", refund, 1, &[Done, Done]),
            ("a_card_of_nobody", CardStep::Authorize, 1, &[Declined]),
            ("a_card_of_nobody", CardStep::Void, 1, &[Done]),
        ];
        for (card, step, attempt, said) in cases {
            let task = ProviderTask::Step("o".into(), step);
            assert_eq!(Sandbox.carry_out(call(card, task, attempt)).await, said, "{card}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn money_arrives_on_a_card_that_takes_payouts() {
        use ProviderOutcome::{Declined, Done};
        let cases: [(&str, u32, &[ProviderOutcome]); 7] = [
            ("sandbox_approved", 1, &[Done]),
            ("sandbox_refund_declined", 1, &[Done]),
            ("sandbox_payout_declined", 1, &[Declined]),
            ("sandbox_declined", 1, &[Declined]),
            ("sandbox_timeout", 1, &[]),
            ("sandbox_timeout", 2, &[Done]),
            ("a_card_of_nobody", 1, &[Declined]),
        ];
        for (card, attempt, said) in cases {
            let payout = ProviderTask::Payout("w".into());
            assert_eq!(Sandbox.carry_out(call(card, payout, attempt)).await, said, "{card}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_comes_after_the_call_was_sent_again() {
        let began = tokio::time::Instant::now();
        let said = Sandbox.carry_out(call(
            "sandbox_late",
            ProviderTask::Step("o".into(), CardStep::Authorize),
            1,
        ));
        assert_eq!(said.await.len(), 1);
        assert!(began.elapsed().as_millis() > u128::from(CALL_WAIT_MS.unsigned_abs()));
    }
}

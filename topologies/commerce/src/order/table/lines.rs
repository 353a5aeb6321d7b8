//! What the saga does about commands and answers that are about single lines of a paid order.

use super::Decision;
use crate::order::fulfilment::LineMoney;
use crate::order::state::{LineStatus, SagaStep};

/// Which way an order goes: what lines decide by.
#[derive(Clone, Copy)]
enum Way {
    Forward,
    Paid,
    Back,
    Over,
}

pub(super) fn command(step: SagaStep) -> Decision {
    match way(step) {
        // The edge lets nobody ask so early; but a saga that reads its inputs again hears of it before it has come so far.
        Way::Forward => Decision::WaitUntilPaid,
        Way::Paid => Decision::JudgeLines,
        Way::Back | Way::Over => Decision::RefuseLines,
    }
}

pub(super) fn refunded(step: SagaStep, money: LineMoney) -> Decision {
    match way(step) {
        Way::Forward => before_payment(money),
        Way::Paid => match money {
            // From an earlier life of this order: the command that asked for it will be read again, and will ask again.
            LineMoney::WithOrder => Decision::TooEarly,
            LineMoney::RefundAsked => Decision::Record,
            LineMoney::Refunded => Decision::Duplicate,
            // What is the seller's does not go back.
            LineMoney::SettlementAsked | LineMoney::CreditAsked | LineMoney::Settled => Decision::Alarm,
        },
        Way::Back => Decision::Alarm,
        Way::Over => match money {
            LineMoney::Refunded => Decision::Duplicate,
            LineMoney::WithOrder
            | LineMoney::RefundAsked
            | LineMoney::SettlementAsked
            | LineMoney::CreditAsked
            | LineMoney::Settled => Decision::Alarm,
        },
    }
}

pub(super) fn settled(step: SagaStep, money: LineMoney) -> Decision {
    match way(step) {
        Way::Forward => before_payment(money),
        Way::Paid => match money {
            LineMoney::WithOrder => Decision::TooEarly,
            LineMoney::SettlementAsked => Decision::Record,
            LineMoney::CreditAsked | LineMoney::Settled => Decision::Duplicate,
            // What is the buyer's again does not go to the seller.
            LineMoney::RefundAsked | LineMoney::Refunded => Decision::Alarm,
        },
        Way::Back | Way::Over => Decision::Alarm,
    }
}

pub(super) fn credited(step: SagaStep, money: LineMoney) -> Decision {
    match way(step) {
        Way::Forward => before_payment(money),
        Way::Paid => match money {
            LineMoney::WithOrder => Decision::TooEarly,
            // The settlement that is asked for is answered again, and asks for this again.
            LineMoney::SettlementAsked => Decision::TooEarly,
            LineMoney::CreditAsked => Decision::Record,
            LineMoney::Settled => Decision::Duplicate,
            LineMoney::RefundAsked | LineMoney::Refunded => Decision::Alarm,
        },
        Way::Back | Way::Over => Decision::Alarm,
    }
}

/// No line asks for its money before the order is paid, but a saga that reads its inputs again may hear of it.
fn before_payment(money: LineMoney) -> Decision {
    match money {
        LineMoney::WithOrder => Decision::TooEarly,
        LineMoney::RefundAsked
        | LineMoney::Refunded
        | LineMoney::SettlementAsked
        | LineMoney::CreditAsked
        | LineMoney::Settled => Decision::Alarm,
    }
}

pub(super) fn returned(step: SagaStep, line: LineStatus, money: LineMoney) -> Decision {
    match (way(step), line) {
        (Way::Forward, LineStatus::Requested | LineStatus::Reserved | LineStatus::Confirmed) => Decision::TooEarly,
        (Way::Paid, LineStatus::Confirmed) => returned_while_paid(money),
        // The answer to the restock of an order that unwinds: the ledger remembers a return that this saga does not.
        (Way::Back, LineStatus::Requested | LineStatus::Reserved | LineStatus::Confirmed) => Decision::Record,
        (Way::Forward | Way::Paid | Way::Back, LineStatus::Returned) => Decision::Duplicate,
        (Way::Back, LineStatus::Rejected | LineStatus::Released | LineStatus::Restocked) => Decision::Duplicate,
        // Of a paid order each line has been sold.
        (Way::Paid, LineStatus::Requested | LineStatus::Reserved) => Decision::Alarm,
        (Way::Forward | Way::Paid, LineStatus::Rejected | LineStatus::Released | LineStatus::Restocked) => {
            Decision::Alarm
        }
        (
            Way::Over,
            LineStatus::Requested
            | LineStatus::Reserved
            | LineStatus::Confirmed
            | LineStatus::Rejected
            | LineStatus::Released
            | LineStatus::Restocked
            | LineStatus::Returned,
        ) => Decision::Duplicate,
    }
}

/// Goods follow their money.
fn returned_while_paid(money: LineMoney) -> Decision {
    match money {
        LineMoney::Refunded => Decision::Record,
        LineMoney::WithOrder => Decision::TooEarly,
        LineMoney::RefundAsked => Decision::TooEarly,
        LineMoney::SettlementAsked => Decision::Alarm,
        LineMoney::CreditAsked => Decision::Alarm,
        LineMoney::Settled => Decision::Alarm,
    }
}

fn way(step: SagaStep) -> Way {
    match step {
        SagaStep::Reserving | SagaStep::Authorizing | SagaStep::Confirming | SagaStep::Capturing => Way::Forward,
        SagaStep::Settling | SagaStep::Paid => Way::Paid,
        SagaStep::Voiding | SagaStep::Refunding | SagaStep::Returning => Way::Back,
        SagaStep::Cancelled => Way::Over,
    }
}

//! What the saga does about an answer of the stock ledger.

use super::Decision;
use crate::order::state::{LineStatus, SagaStep};

pub(super) fn reserved(step: SagaStep, line: LineStatus) -> Decision {
    match (step, line) {
        (SagaStep::Reserving, LineStatus::Requested) => Decision::Record,
        // Going forward, a line past its reservation has been answered before.
        (
            SagaStep::Reserving
            | SagaStep::Authorizing
            | SagaStep::Confirming
            | SagaStep::Capturing
            | SagaStep::Settling
            | SagaStep::Paid,
            LineStatus::Reserved | LineStatus::Confirmed | LineStatus::Returned,
        ) => Decision::Duplicate,
        (
            SagaStep::Authorizing | SagaStep::Confirming | SagaStep::Capturing | SagaStep::Settling | SagaStep::Paid,
            LineStatus::Requested,
        ) => Decision::Alarm,
        // Going forward no line has ended: each of these would have begun an unwinding.
        (
            SagaStep::Reserving
            | SagaStep::Authorizing
            | SagaStep::Confirming
            | SagaStep::Capturing
            | SagaStep::Settling
            | SagaStep::Paid,
            LineStatus::Rejected | LineStatus::Released | LineStatus::Restocked,
        ) => Decision::Alarm,
        // The goods are given back after the money; the hold is known by then.
        (SagaStep::Voiding | SagaStep::Refunding, LineStatus::Requested | LineStatus::Rejected) => Decision::Record,
        (SagaStep::Voiding | SagaStep::Refunding, LineStatus::Reserved | LineStatus::Confirmed) => Decision::Duplicate,
        (SagaStep::Voiding | SagaStep::Refunding, LineStatus::Released) => Decision::ReleaseLate,
        // A restocked line has been confirmed, and the ledger reserves no line twice.
        (SagaStep::Voiding | SagaStep::Refunding, LineStatus::Restocked | LineStatus::Returned) => Decision::Duplicate,
        // The release on its way to the ledger ends this hold as well.
        (SagaStep::Returning, LineStatus::Requested) => Decision::Record,
        (SagaStep::Returning, LineStatus::Reserved | LineStatus::Confirmed) => Decision::Duplicate,
        (SagaStep::Returning, LineStatus::Rejected) => Decision::RecordAndRelease,
        (SagaStep::Returning, LineStatus::Released) => Decision::ReleaseLate,
        (SagaStep::Returning, LineStatus::Restocked | LineStatus::Returned) => Decision::Duplicate,
        (
            SagaStep::Cancelled,
            LineStatus::Requested
            | LineStatus::Reserved
            | LineStatus::Confirmed
            | LineStatus::Rejected
            | LineStatus::Released,
        ) => Decision::ReleaseLate,
        (SagaStep::Cancelled, LineStatus::Restocked | LineStatus::Returned) => Decision::Duplicate,
    }
}

pub(super) fn rejected(step: SagaStep, line: LineStatus) -> Decision {
    match (step, line) {
        (
            SagaStep::Reserving | SagaStep::Voiding | SagaStep::Refunding | SagaStep::Returning,
            LineStatus::Requested,
        ) => Decision::Record,
        (
            SagaStep::Authorizing | SagaStep::Confirming | SagaStep::Capturing | SagaStep::Settling | SagaStep::Paid,
            LineStatus::Requested,
        ) => Decision::Alarm,
        (SagaStep::Cancelled, LineStatus::Requested) => Decision::Duplicate,
        // The ledger refuses no line that it holds or has held: the later answers stand.
        (
            SagaStep::Reserving
            | SagaStep::Authorizing
            | SagaStep::Confirming
            | SagaStep::Capturing
            | SagaStep::Voiding
            | SagaStep::Refunding
            | SagaStep::Returning
            | SagaStep::Settling
            | SagaStep::Paid
            | SagaStep::Cancelled,
            LineStatus::Reserved
            | LineStatus::Confirmed
            | LineStatus::Rejected
            | LineStatus::Released
            | LineStatus::Restocked
            | LineStatus::Returned,
        ) => Decision::Duplicate,
    }
}

pub(super) fn confirmed(step: SagaStep, line: LineStatus) -> Decision {
    match (step, line) {
        (
            SagaStep::Reserving | SagaStep::Authorizing,
            LineStatus::Requested
            | LineStatus::Reserved
            | LineStatus::Confirmed
            | LineStatus::Rejected
            | LineStatus::Released
            | LineStatus::Restocked
            | LineStatus::Returned,
        ) => Decision::TooEarly,
        (SagaStep::Confirming, LineStatus::Reserved) => Decision::Record,
        (
            SagaStep::Confirming | SagaStep::Capturing | SagaStep::Settling | SagaStep::Paid,
            LineStatus::Confirmed | LineStatus::Returned,
        ) => Decision::Duplicate,
        (SagaStep::Capturing | SagaStep::Settling | SagaStep::Paid, LineStatus::Reserved) => Decision::Alarm,
        (
            SagaStep::Confirming | SagaStep::Capturing | SagaStep::Settling | SagaStep::Paid,
            LineStatus::Requested | LineStatus::Rejected | LineStatus::Released | LineStatus::Restocked,
        ) => Decision::Alarm,
        (
            SagaStep::Voiding | SagaStep::Refunding,
            LineStatus::Requested | LineStatus::Reserved | LineStatus::Rejected,
        ) => Decision::Record,
        (
            SagaStep::Voiding | SagaStep::Refunding,
            LineStatus::Confirmed | LineStatus::Released | LineStatus::Restocked | LineStatus::Returned,
        ) => Decision::Duplicate,
        // A release does not undo a confirmation, so the line needs the other command.
        (SagaStep::Returning, LineStatus::Requested | LineStatus::Reserved | LineStatus::Rejected) => {
            Decision::RecordAndRestock
        }
        (SagaStep::Returning, LineStatus::Confirmed | LineStatus::Restocked | LineStatus::Returned) => {
            Decision::Duplicate
        }
        (SagaStep::Returning | SagaStep::Cancelled, LineStatus::Released) => Decision::RestockLate,
        (
            SagaStep::Cancelled,
            LineStatus::Requested | LineStatus::Reserved | LineStatus::Confirmed | LineStatus::Rejected,
        ) => Decision::RestockLate,
        (SagaStep::Cancelled, LineStatus::Restocked | LineStatus::Returned) => Decision::Duplicate,
    }
}

pub(super) fn released(step: SagaStep, line: LineStatus) -> Decision {
    match (step, line) {
        // The answer to the question that is being asked. Recording it begins the unwinding: what is not held
        // cannot be sold.
        (SagaStep::Reserving, LineStatus::Requested) => Decision::Record,
        (SagaStep::Confirming, LineStatus::Reserved) => Decision::Record,
        // Nobody asked yet. The confirmation will be answered with the same.
        (SagaStep::Reserving | SagaStep::Authorizing, LineStatus::Reserved) => Decision::TooEarly,
        (SagaStep::Authorizing | SagaStep::Confirming | SagaStep::Capturing, LineStatus::Requested) => Decision::Alarm,
        (SagaStep::Capturing, LineStatus::Reserved) => Decision::Alarm,
        (
            SagaStep::Voiding | SagaStep::Refunding | SagaStep::Returning,
            LineStatus::Requested | LineStatus::Reserved,
        ) => Decision::Record,
        (SagaStep::Settling | SagaStep::Paid, LineStatus::Requested | LineStatus::Reserved) => Decision::Alarm,
        (SagaStep::Cancelled, LineStatus::Requested | LineStatus::Reserved) => Decision::Duplicate,
        // The ledger releases no hold that it has confirmed.
        (
            SagaStep::Reserving
            | SagaStep::Authorizing
            | SagaStep::Confirming
            | SagaStep::Capturing
            | SagaStep::Voiding
            | SagaStep::Refunding
            | SagaStep::Returning
            | SagaStep::Settling
            | SagaStep::Paid
            | SagaStep::Cancelled,
            LineStatus::Confirmed,
        ) => Decision::Superseded,
        (
            SagaStep::Reserving
            | SagaStep::Authorizing
            | SagaStep::Confirming
            | SagaStep::Capturing
            | SagaStep::Voiding
            | SagaStep::Refunding
            | SagaStep::Returning
            | SagaStep::Settling
            | SagaStep::Paid
            | SagaStep::Cancelled,
            LineStatus::Rejected | LineStatus::Released | LineStatus::Restocked | LineStatus::Returned,
        ) => Decision::Duplicate,
    }
}

pub(super) fn restocked(step: SagaStep, line: LineStatus) -> Decision {
    match (step, line) {
        // The answer to the question that is being asked.
        (SagaStep::Reserving, LineStatus::Requested) => Decision::Record,
        (SagaStep::Confirming, LineStatus::Reserved) => Decision::Record,
        // Nobody asked yet. The confirmation will be answered with the same; and goods were restocked only after
        // the money was settled, so the capture will be refused.
        (SagaStep::Reserving | SagaStep::Authorizing, LineStatus::Reserved | LineStatus::Confirmed) => {
            Decision::TooEarly
        }
        (SagaStep::Confirming | SagaStep::Capturing, LineStatus::Confirmed) => Decision::TooEarly,
        (SagaStep::Authorizing | SagaStep::Confirming | SagaStep::Capturing, LineStatus::Requested) => Decision::Alarm,
        (SagaStep::Capturing, LineStatus::Reserved) => Decision::Alarm,
        (
            SagaStep::Voiding | SagaStep::Refunding | SagaStep::Returning,
            LineStatus::Requested | LineStatus::Reserved | LineStatus::Confirmed,
        ) => Decision::Record,
        // The cancellation that restocked it will be read again, and will ask again.
        (SagaStep::Settling | SagaStep::Paid, LineStatus::Requested | LineStatus::Reserved | LineStatus::Confirmed) => {
            Decision::TooEarly
        }
        (SagaStep::Cancelled, LineStatus::Requested | LineStatus::Reserved | LineStatus::Confirmed) => {
            Decision::Duplicate
        }
        (
            SagaStep::Reserving
            | SagaStep::Authorizing
            | SagaStep::Confirming
            | SagaStep::Capturing
            | SagaStep::Voiding
            | SagaStep::Refunding
            | SagaStep::Returning
            | SagaStep::Settling
            | SagaStep::Paid
            | SagaStep::Cancelled,
            LineStatus::Rejected | LineStatus::Released | LineStatus::Restocked | LineStatus::Returned,
        ) => Decision::Duplicate,
    }
}

//! What the saga does about an answer of the wallet.

use super::Decision;
use crate::order::state::SagaStep;

pub(super) fn authorized(step: SagaStep) -> Decision {
    match step {
        // From an earlier life of this order: should it be cancelled now, the money must not be forgotten.
        SagaStep::Reserving => Decision::NoteMoney,
        SagaStep::Authorizing => Decision::Record,
        SagaStep::Confirming => Decision::Duplicate,
        SagaStep::Capturing => Decision::Duplicate,
        SagaStep::Settling => Decision::Duplicate,
        SagaStep::Paid => Decision::Duplicate,
        SagaStep::Voiding => Decision::Superseded,
        SagaStep::Refunding => Decision::Duplicate,
        SagaStep::Returning => Decision::VoidLate,
        SagaStep::Cancelled => Decision::VoidLate,
    }
}

pub(super) fn declined(step: SagaStep) -> Decision {
    match step {
        SagaStep::Reserving => Decision::TooEarly,
        SagaStep::Authorizing => Decision::Record,
        // A card's provider did not give what it had held.
        SagaStep::Confirming => Decision::Record,
        SagaStep::Capturing => Decision::Record,
        SagaStep::Settling => Decision::Alarm,
        SagaStep::Paid => Decision::Alarm,
        SagaStep::Voiding => Decision::Record,
        SagaStep::Refunding => Decision::Alarm,
        SagaStep::Returning => Decision::Duplicate,
        SagaStep::Cancelled => Decision::Duplicate,
    }
}

pub(super) fn captured(step: SagaStep) -> Decision {
    match step {
        SagaStep::Reserving => Decision::NoteMoney,
        SagaStep::Authorizing => Decision::TooEarly,
        SagaStep::Confirming => Decision::Record,
        SagaStep::Capturing => Decision::Record,
        SagaStep::Settling => Decision::Duplicate,
        SagaStep::Paid => Decision::Duplicate,
        // The capture was faster than the void: the money comes back by a refund.
        SagaStep::Voiding => Decision::Record,
        SagaStep::Refunding => Decision::Duplicate,
        SagaStep::Returning => Decision::RefundFirst,
        SagaStep::Cancelled => Decision::RefundLate,
    }
}

pub(super) fn voided(step: SagaStep) -> Decision {
    match step {
        SagaStep::Reserving => Decision::TooEarly,
        // Recording it begins the unwinding: the wallet remembers a void that this saga does not.
        SagaStep::Authorizing => Decision::Record,
        // The answer to the capture: the hold had ended before.
        SagaStep::Confirming => Decision::Record,
        SagaStep::Capturing => Decision::Record,
        SagaStep::Settling => Decision::Alarm,
        SagaStep::Paid => Decision::Alarm,
        SagaStep::Voiding => Decision::Record,
        SagaStep::Refunding => Decision::Alarm,
        SagaStep::Returning => Decision::Duplicate,
        SagaStep::Cancelled => Decision::Duplicate,
    }
}

pub(super) fn refunded(step: SagaStep) -> Decision {
    match step {
        SagaStep::Reserving => Decision::TooEarly,
        SagaStep::Authorizing => Decision::Record,
        // The answer to the capture: the wallet remembers a refund that this saga does not.
        SagaStep::Confirming => Decision::Record,
        SagaStep::Capturing => Decision::Record,
        // The cancellation that refunded it will be read again, and will ask again.
        SagaStep::Settling => Decision::TooEarly,
        SagaStep::Paid => Decision::TooEarly,
        SagaStep::Voiding => Decision::Record,
        SagaStep::Refunding => Decision::Record,
        SagaStep::Returning => Decision::RecordRefund,
        SagaStep::Cancelled => Decision::RecordRefund,
    }
}

pub(super) fn refused(step: SagaStep) -> Decision {
    match step {
        SagaStep::Reserving => Decision::TooEarly,
        SagaStep::Authorizing => Decision::Alarm,
        SagaStep::Confirming => Decision::Alarm,
        SagaStep::Capturing => Decision::Alarm,
        SagaStep::Settling => Decision::Alarm,
        SagaStep::Paid => Decision::Duplicate,
        SagaStep::Voiding => Decision::Alarm,
        SagaStep::Refunding => Decision::Alarm,
        SagaStep::Returning => Decision::Duplicate,
        SagaStep::Cancelled => Decision::Duplicate,
    }
}

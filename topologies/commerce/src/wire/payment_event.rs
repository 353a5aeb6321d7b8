//! What the wallet answers, in both directions.

use schemas::wire::payment as wire;

use crate::ids::{AccountId, OrderId, RefundId, SettlementId};
use crate::money::Money;
use crate::order::OrderInput;
use crate::payment::{PaymentEvent, PaymentFact, PaymentOperation, PaymentRefusal};
use crate::wire::{WireError, attempt, attempt_to_wire, money, money_to_wire};

/// What an event of a wallet means to an order; `None` of a deposit, a withdrawal or a payout, which are not about orders, and of what is
/// not known yet.
pub fn order_input(payload: wire::PaymentEventPayload) -> Result<Option<OrderInput>, WireError> {
    Ok(match payload {
        wire::PaymentEventPayload::PaymentAuthorized(wire) => Some(OrderInput::Payment(authorized(wire)?)),
        wire::PaymentEventPayload::PaymentDeclined(wire) => Some(OrderInput::Payment(declined(wire)?)),
        wire::PaymentEventPayload::PaymentCaptured(wire) => Some(OrderInput::Payment(captured(wire)?)),
        wire::PaymentEventPayload::PaymentVoided(wire) => Some(OrderInput::Payment(voided(wire)?)),
        wire::PaymentEventPayload::PaymentRefunded(wire) => Some(OrderInput::Payment(refunded(wire)?)),
        wire::PaymentEventPayload::PaymentSettled(wire) => Some(OrderInput::Payment(settled(wire)?)),
        wire::PaymentEventPayload::SellerCredited(wire) => Some(OrderInput::Payment(credited(wire)?)),
        wire::PaymentEventPayload::PaymentRefused(_) => Some(OrderInput::PaymentRefused),
        // The saga waits anyway, and has a deadline of its own.
        wire::PaymentEventPayload::PaymentUnknown(_) => None,
        wire::PaymentEventPayload::DepositPosted(_) => None,
        wire::PaymentEventPayload::DepositRefused(_) => None,
        wire::PaymentEventPayload::WithdrawalPosted(_) => None,
        wire::PaymentEventPayload::WithdrawalRefused(_) => None,
        wire::PaymentEventPayload::PayoutRequested(_) => None,
        wire::PaymentEventPayload::PayoutPaid(_) => None,
        wire::PaymentEventPayload::PayoutReturned(_) => None,
        wire::PaymentEventPayload::PayoutUnknown(_) => None,
    })
}

/// Writes an event of a wallet.
#[must_use]
pub fn event_to_wire(event: PaymentEvent, account_id: &AccountId) -> wire::PaymentEventPayload {
    let account_id = account_id.0.clone();
    match event {
        PaymentEvent::Fact { order_id, fact } => fact_to_wire(&order_id, fact),
        PaymentEvent::Refused {
            order_id,
            operation,
            reason,
        } => wire::PaymentEventPayload::PaymentRefused(wire::PaymentRefused {
            order_id: order_id.0,
            account_id,
            operation: operation_to_wire(operation),
            reason: refusal_to_wire(reason),
        }),
        PaymentEvent::Unknown { order_id, operation } => {
            wire::PaymentEventPayload::PaymentUnknown(wire::PaymentUnknown {
                order_id: order_id.0,
                account_id,
                operation: operation_to_wire(operation),
            })
        }
        PaymentEvent::DepositPosted { transfer_id, amount } => {
            let (deposit_id, amount) = (transfer_id.0, money_to_wire(amount));
            wire::PaymentEventPayload::DepositPosted(wire::DepositPosted {
                deposit_id,
                account_id,
                amount,
            })
        }
        PaymentEvent::DepositRefused {
            transfer_id,
            amount,
            reason,
        } => wire::PaymentEventPayload::DepositRefused(wire::DepositRefused {
            deposit_id: transfer_id.0,
            account_id,
            amount: money_to_wire(amount),
            reason: refusal_to_wire(reason),
        }),
        PaymentEvent::WithdrawalPosted { transfer_id, amount } => {
            let (withdrawal_id, amount) = (transfer_id.0, money_to_wire(amount));
            wire::PaymentEventPayload::WithdrawalPosted(wire::WithdrawalPosted {
                withdrawal_id,
                account_id,
                amount,
            })
        }
        PaymentEvent::WithdrawalRefused {
            transfer_id,
            amount,
            reason,
        } => wire::PaymentEventPayload::WithdrawalRefused(wire::WithdrawalRefused {
            withdrawal_id: transfer_id.0,
            account_id,
            amount: money_to_wire(amount),
            reason: refusal_to_wire(reason),
        }),
        PaymentEvent::PayoutRequested {
            transfer_id,
            amount,
            card,
        } => wire::PaymentEventPayload::PayoutRequested(wire::PayoutRequested {
            withdrawal_id: transfer_id.0,
            account_id,
            amount: money_to_wire(amount),
            card: card.as_str().to_owned(),
        }),
        PaymentEvent::PayoutPaid { transfer_id, amount } => {
            let (withdrawal_id, amount) = (transfer_id.0, money_to_wire(amount));
            wire::PaymentEventPayload::PayoutPaid(wire::PayoutPaid {
                withdrawal_id,
                account_id,
                amount,
            })
        }
        PaymentEvent::PayoutReturned { transfer_id, amount } => {
            let (withdrawal_id, amount) = (transfer_id.0, money_to_wire(amount));
            wire::PaymentEventPayload::PayoutReturned(wire::PayoutReturned {
                withdrawal_id,
                account_id,
                amount,
            })
        }
        PaymentEvent::PayoutUnknown {
            transfer_id,
            amount,
            contradicted,
        } => wire::PaymentEventPayload::PayoutUnknown(wire::PayoutUnknown {
            withdrawal_id: transfer_id.0,
            account_id,
            amount: money_to_wire(amount),
            contradicted,
        }),
    }
}

fn fact_to_wire(order_id: &OrderId, fact: PaymentFact) -> wire::PaymentEventPayload {
    match fact {
        PaymentFact::Authorized {
            account_id,
            amount,
            attempt,
        } => wire::PaymentEventPayload::PaymentAuthorized(authorized_to_wire(order_id, account_id, amount, attempt)),
        PaymentFact::Declined {
            account_id,
            amount,
            attempt,
            reason,
        } => {
            let declined = declined_to_wire(order_id, account_id, amount, (attempt, reason));
            wire::PaymentEventPayload::PaymentDeclined(declined)
        }
        PaymentFact::Captured { account_id, amount } => {
            wire::PaymentEventPayload::PaymentCaptured(captured_to_wire(order_id, account_id, amount))
        }
        PaymentFact::Voided { account_id, amount } => {
            wire::PaymentEventPayload::PaymentVoided(voided_to_wire(order_id, account_id, amount))
        }
        PaymentFact::Refunded {
            account_id,
            refund_id,
            amount,
        } => wire::PaymentEventPayload::PaymentRefunded(refunded_to_wire(order_id, account_id, refund_id, amount)),
        PaymentFact::Settled {
            account_id,
            settlement_id,
            seller_id,
            amount,
        } => {
            let accounts = (account_id, seller_id);
            wire::PaymentEventPayload::PaymentSettled(settled_to_wire(order_id, accounts, settlement_id, amount))
        }
        PaymentFact::Credited {
            account_id,
            settlement_id,
            amount,
        } => wire::PaymentEventPayload::SellerCredited(credited_to_wire(order_id, account_id, settlement_id, amount)),
    }
}

/// Reads a hold.
pub fn authorized(wire: wire::PaymentAuthorized) -> Result<PaymentFact, WireError> {
    let amount = money(&wire.amount)?;
    Ok(PaymentFact::Authorized {
        account_id: wire.account_id.into(),
        amount,
        attempt: attempt(wire.attempt)?,
    })
}

/// Reads a refused hold.
pub fn declined(wire: wire::PaymentDeclined) -> Result<PaymentFact, WireError> {
    Ok(PaymentFact::Declined {
        account_id: wire.account_id.into(),
        amount: money(&wire.amount)?,
        attempt: attempt(wire.attempt)?,
        reason: refusal(wire.reason)?,
    })
}

/// Reads a capture.
pub fn captured(wire: wire::PaymentCaptured) -> Result<PaymentFact, WireError> {
    Ok(PaymentFact::Captured {
        account_id: wire.account_id.into(),
        amount: money(&wire.amount)?,
    })
}

/// Reads a void.
pub fn voided(wire: wire::PaymentVoided) -> Result<PaymentFact, WireError> {
    let amount = wire.amount.as_ref().map(money).transpose()?;
    Ok(PaymentFact::Voided {
        account_id: wire.account_id.into(),
        amount,
    })
}

/// Reads a refund.
pub fn refunded(wire: wire::PaymentRefunded) -> Result<PaymentFact, WireError> {
    let amount = money(&wire.amount)?;
    Ok(PaymentFact::Refunded {
        account_id: wire.account_id.into(),
        refund_id: wire.refund_id.into(),
        amount,
    })
}

/// Reads a settlement.
pub fn settled(wire: wire::PaymentSettled) -> Result<PaymentFact, WireError> {
    let amount = money(&wire.amount)?;
    Ok(PaymentFact::Settled {
        account_id: wire.account_id.into(),
        settlement_id: wire.settlement_id.into(),
        seller_id: wire.seller_id.into(),
        amount,
    })
}

/// Reads a credit.
pub fn credited(wire: wire::SellerCredited) -> Result<PaymentFact, WireError> {
    let amount = money(&wire.amount)?;
    Ok(PaymentFact::Credited {
        account_id: wire.account_id.into(),
        settlement_id: wire.settlement_id.into(),
        amount,
    })
}

/// Writes a hold.
pub(super) fn authorized_to_wire(
    order_id: &OrderId,
    account_id: AccountId,
    amount: Money,
    attempt: u32,
) -> wire::PaymentAuthorized {
    wire::PaymentAuthorized {
        order_id: order_id.0.clone(),
        account_id: account_id.0,
        amount: money_to_wire(amount),
        attempt: attempt_to_wire(attempt),
    }
}

/// Writes a refused hold.
pub(super) fn declined_to_wire(
    order_id: &OrderId,
    account_id: AccountId,
    amount: Money,
    (attempt, reason): (u32, PaymentRefusal),
) -> wire::PaymentDeclined {
    wire::PaymentDeclined {
        order_id: order_id.0.clone(),
        account_id: account_id.0,
        amount: money_to_wire(amount),
        attempt: attempt_to_wire(attempt),
        reason: refusal_to_wire(reason),
    }
}

/// Writes a capture.
pub(super) fn captured_to_wire(order_id: &OrderId, account_id: AccountId, amount: Money) -> wire::PaymentCaptured {
    wire::PaymentCaptured {
        order_id: order_id.0.clone(),
        account_id: account_id.0,
        amount: money_to_wire(amount),
    }
}

/// Writes a void.
pub(super) fn voided_to_wire(order_id: &OrderId, account_id: AccountId, amount: Option<Money>) -> wire::PaymentVoided {
    wire::PaymentVoided {
        order_id: order_id.0.clone(),
        account_id: account_id.0,
        amount: amount.map(money_to_wire),
    }
}

/// Writes a refund.
pub(super) fn refunded_to_wire(
    order_id: &OrderId,
    account_id: AccountId,
    refund_id: RefundId,
    amount: Money,
) -> wire::PaymentRefunded {
    wire::PaymentRefunded {
        order_id: order_id.0.clone(),
        account_id: account_id.0,
        refund_id: refund_id.0,
        amount: money_to_wire(amount),
    }
}

/// Writes a settlement: the wallet of the buyer, and the account of the seller.
pub(super) fn settled_to_wire(
    order_id: &OrderId,
    (account_id, seller_id): (AccountId, AccountId),
    settlement_id: SettlementId,
    amount: Money,
) -> wire::PaymentSettled {
    wire::PaymentSettled {
        order_id: order_id.0.clone(),
        account_id: account_id.0,
        settlement_id: settlement_id.0,
        seller_id: seller_id.0,
        amount: money_to_wire(amount),
    }
}

/// Writes a credit.
pub(super) fn credited_to_wire(
    order_id: &OrderId,
    account_id: AccountId,
    settlement_id: SettlementId,
    amount: Money,
) -> wire::SellerCredited {
    wire::SellerCredited {
        order_id: order_id.0.clone(),
        account_id: account_id.0,
        settlement_id: settlement_id.0,
        amount: money_to_wire(amount),
    }
}

fn refusal(wire: wire::PaymentRefusal) -> Result<PaymentRefusal, WireError> {
    Ok(match wire {
        wire::PaymentRefusal::InsufficientFunds => PaymentRefusal::InsufficientFunds,
        wire::PaymentRefusal::PaymentDeclined => PaymentRefusal::Declined,
        wire::PaymentRefusal::AccountDisabled => PaymentRefusal::AccountDisabled,
        wire::PaymentRefusal::AlreadyVoided => PaymentRefusal::AlreadyVoided,
        wire::PaymentRefusal::UnknownPayment => PaymentRefusal::UnknownPayment,
        wire::PaymentRefusal::Conflict => PaymentRefusal::Conflict,
        wire::PaymentRefusal::InvalidAmount => PaymentRefusal::InvalidAmount,
        wire::PaymentRefusal::TooManyPayouts => PaymentRefusal::TooManyPayouts,
        wire::PaymentRefusal::Unknown => return Err(WireError::UnknownSymbol("payment refusal")),
    })
}

fn refusal_to_wire(refusal: PaymentRefusal) -> wire::PaymentRefusal {
    match refusal {
        PaymentRefusal::InsufficientFunds => wire::PaymentRefusal::InsufficientFunds,
        PaymentRefusal::Declined => wire::PaymentRefusal::PaymentDeclined,
        PaymentRefusal::AccountDisabled => wire::PaymentRefusal::AccountDisabled,
        PaymentRefusal::AlreadyVoided => wire::PaymentRefusal::AlreadyVoided,
        PaymentRefusal::UnknownPayment => wire::PaymentRefusal::UnknownPayment,
        PaymentRefusal::Conflict => wire::PaymentRefusal::Conflict,
        PaymentRefusal::InvalidAmount => wire::PaymentRefusal::InvalidAmount,
        PaymentRefusal::TooManyPayouts => wire::PaymentRefusal::TooManyPayouts,
    }
}

fn operation_to_wire(operation: PaymentOperation) -> wire::PaymentOperation {
    match operation {
        PaymentOperation::Authorize => wire::PaymentOperation::Authorize,
        PaymentOperation::Capture => wire::PaymentOperation::Capture,
        PaymentOperation::Void => wire::PaymentOperation::Void,
        PaymentOperation::Refund => wire::PaymentOperation::Refund,
        PaymentOperation::Settle => wire::PaymentOperation::Settle,
        PaymentOperation::Credit => wire::PaymentOperation::Credit,
    }
}

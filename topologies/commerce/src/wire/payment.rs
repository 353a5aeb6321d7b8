//! Records to and of the wallet: its commands and its books.

use schemas::wire::payment as wire;

use crate::money::Currency;
use crate::payment::{LedgerAccount, LedgerEntry, LedgerKind, PaymentCommand, Posting};
use crate::wire::{Meta, WireError, attempt, attempt_to_wire, count, id, money, money_to_wire, number, optional_card};

/// Reads a command.
pub fn command(payload: wire::PaymentCommandPayload) -> Result<PaymentCommand, WireError> {
    Ok(match payload {
        wire::PaymentCommandPayload::Deposit(deposit) => PaymentCommand::Deposit {
            transfer_id: id(deposit.deposit_id, "deposit id")?,
            amount: money(&deposit.amount)?,
        },
        wire::PaymentCommandPayload::Withdraw(withdraw) => PaymentCommand::Withdraw {
            transfer_id: id(withdraw.withdrawal_id, "withdrawal id")?,
            amount: money(&withdraw.amount)?,
            card: optional_card(withdraw.card.as_deref())?,
        },
        wire::PaymentCommandPayload::AuthorizePayment(authorize) => PaymentCommand::Authorize {
            order_id: id(authorize.order_id, "order id")?,
            amount: money(&authorize.amount)?,
            attempt: attempt(authorize.attempt)?,
            card: optional_card(authorize.card.as_deref())?,
        },
        wire::PaymentCommandPayload::CapturePayment(capture) => PaymentCommand::Capture {
            order_id: id(capture.order_id, "order id")?,
        },
        wire::PaymentCommandPayload::VoidPayment(void) => PaymentCommand::Void {
            order_id: id(void.order_id, "order id")?,
        },
        wire::PaymentCommandPayload::RefundPayment(refund) => PaymentCommand::Refund {
            order_id: id(refund.order_id, "order id")?,
            refund_id: id(refund.refund_id, "refund id")?,
            amount: money(&refund.amount)?,
        },
        wire::PaymentCommandPayload::SettlePayment(settle) => PaymentCommand::Settle {
            order_id: id(settle.order_id, "order id")?,
            settlement_id: id(settle.settlement_id, "settlement id")?,
            seller_id: id(settle.seller_id, "seller id")?,
            amount: money(&settle.amount)?,
        },
        wire::PaymentCommandPayload::CreditSeller(credit) => PaymentCommand::Credit {
            order_id: id(credit.order_id, "order id")?,
            settlement_id: id(credit.settlement_id, "settlement id")?,
            amount: money(&credit.amount)?,
        },
    })
}

/// Writes a command.
#[must_use]
pub fn command_to_wire(command: PaymentCommand) -> wire::PaymentCommandPayload {
    match command {
        PaymentCommand::Deposit { transfer_id, amount } => {
            let (deposit_id, amount) = (transfer_id.0, money_to_wire(amount));
            wire::PaymentCommandPayload::Deposit(wire::Deposit { deposit_id, amount })
        }
        PaymentCommand::Withdraw {
            transfer_id,
            amount,
            card,
        } => wire::PaymentCommandPayload::Withdraw(wire::Withdraw {
            withdrawal_id: transfer_id.0,
            amount: money_to_wire(amount),
            card: card.map(|card| card.as_str().to_owned()),
        }),
        PaymentCommand::Authorize {
            order_id,
            amount,
            attempt,
            card,
        } => wire::PaymentCommandPayload::AuthorizePayment(wire::AuthorizePayment {
            order_id: order_id.0,
            amount: money_to_wire(amount),
            attempt: attempt_to_wire(attempt),
            card: card.map(|card| card.as_str().to_owned()),
        }),
        PaymentCommand::Capture { order_id } => {
            wire::PaymentCommandPayload::CapturePayment(wire::CapturePayment { order_id: order_id.0 })
        }
        PaymentCommand::Void { order_id } => {
            wire::PaymentCommandPayload::VoidPayment(wire::VoidPayment { order_id: order_id.0 })
        }
        PaymentCommand::Refund {
            order_id,
            refund_id,
            amount,
        } => wire::PaymentCommandPayload::RefundPayment(wire::RefundPayment {
            order_id: order_id.0,
            refund_id: refund_id.0,
            amount: money_to_wire(amount),
        }),
        PaymentCommand::Settle {
            order_id,
            settlement_id,
            seller_id,
            amount,
        } => wire::PaymentCommandPayload::SettlePayment(wire::SettlePayment {
            order_id: order_id.0,
            settlement_id: settlement_id.0,
            seller_id: seller_id.0,
            amount: money_to_wire(amount),
        }),
        PaymentCommand::Credit {
            order_id,
            settlement_id,
            amount,
        } => wire::PaymentCommandPayload::CreditSeller(wire::CreditSeller {
            order_id: order_id.0,
            settlement_id: settlement_id.0,
            amount: money_to_wire(amount),
        }),
    }
}

/// Reads an entry of the books.
pub fn entry(wire: wire::LedgerEntry) -> Result<LedgerEntry, WireError> {
    let posting = |posting: wire::Posting| {
        let account = LedgerAccount::parse(&posting.account).ok_or(WireError::UnknownSymbol("ledger account"))?;
        Ok(Posting {
            account,
            amount: posting.amount,
        })
    };
    Ok(LedgerEntry {
        entry_id: wire.entry_id,
        seq: count(wire.seq)?,
        account_id: wire.account_id.into(),
        order_id: wire.order_id.map(Into::into),
        kind: kind(wire.kind)?,
        currency: Currency::parse(&wire.currency)?,
        postings: wire
            .postings
            .into_iter()
            .map(posting)
            .collect::<Result<_, WireError>>()?,
    })
}

/// Writes an entry of the books; of `meta` the time, the cause and the correlation count.
#[must_use]
pub fn entry_to_wire(entry: LedgerEntry, meta: Meta) -> wire::LedgerEntry {
    let posting = |posting: Posting| wire::Posting {
        account: posting.account.to_string(),
        amount: posting.amount,
    };
    wire::LedgerEntry {
        entry_id: entry.entry_id,
        seq: number(entry.seq),
        at: meta.at,
        account_id: entry.account_id.0,
        order_id: entry.order_id.map(|order_id| order_id.0),
        kind: kind_to_wire(entry.kind),
        currency: entry.currency.code().to_owned(),
        postings: entry.postings.into_iter().map(posting).collect(),
        causation: meta.causation,
        correlation: meta.correlation,
    }
}

fn kind(wire: wire::LedgerEntryKind) -> Result<LedgerKind, WireError> {
    Ok(match wire {
        wire::LedgerEntryKind::Deposit => LedgerKind::Deposit,
        wire::LedgerEntryKind::Withdrawal => LedgerKind::Withdrawal,
        wire::LedgerEntryKind::Authorization => LedgerKind::Authorization,
        wire::LedgerEntryKind::Capture => LedgerKind::Capture,
        wire::LedgerEntryKind::Void => LedgerKind::Void,
        wire::LedgerEntryKind::Refund => LedgerKind::Refund,
        wire::LedgerEntryKind::Settlement => LedgerKind::Settlement,
        wire::LedgerEntryKind::Credit => LedgerKind::Credit,
        wire::LedgerEntryKind::Payout => LedgerKind::Payout,
        wire::LedgerEntryKind::PayoutPaid => LedgerKind::PayoutPaid,
        wire::LedgerEntryKind::PayoutReturned => LedgerKind::PayoutReturned,
        wire::LedgerEntryKind::Unknown => return Err(WireError::UnknownSymbol("ledger operation")),
    })
}

fn kind_to_wire(kind: LedgerKind) -> wire::LedgerEntryKind {
    match kind {
        LedgerKind::Deposit => wire::LedgerEntryKind::Deposit,
        LedgerKind::Withdrawal => wire::LedgerEntryKind::Withdrawal,
        LedgerKind::Authorization => wire::LedgerEntryKind::Authorization,
        LedgerKind::Capture => wire::LedgerEntryKind::Capture,
        LedgerKind::Void => wire::LedgerEntryKind::Void,
        LedgerKind::Refund => wire::LedgerEntryKind::Refund,
        LedgerKind::Settlement => wire::LedgerEntryKind::Settlement,
        LedgerKind::Credit => wire::LedgerEntryKind::Credit,
        LedgerKind::Payout => wire::LedgerEntryKind::Payout,
        LedgerKind::PayoutPaid => wire::LedgerEntryKind::PayoutPaid,
        LedgerKind::PayoutReturned => wire::LedgerEntryKind::PayoutReturned,
    }
}

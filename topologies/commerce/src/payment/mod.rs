//! Payment: a wallet per buyer, a payment per order, and double-entry books of every operation.
//!
//! One writer per wallet. Every operation has an id and is carried out once: the same one again is answered
//! from what it led to, another one under the same id is a conflict. A void that comes before its
//! authorisation leaves a mark, so that the authorisation is refused when it comes.
//!
//! What an order has been paid with leaves its escrow by refunds, to the buyer, or by settlements, to the sellers. A settlement
//! takes two wallets and so two operations: at the buyer's it is set aside, at the seller's it is credited.
//!
//! An order is paid from the buyer's wallet or with a card. A card's money comes from outside into what is held, and goes back there;
//! each step waits for the payment provider (`card`), and the saga hears of it when it is true.
//!
//! A withdrawal is paid out to a card by the payment provider too (`payout`): the money stands aside until it is out, or back.
//!
//! A holder who may not pay (disabled, or no buyer) begins nothing: no hold, no deposit; and no disabled one takes money out. What is
//! under way goes on: a hold that was granted is captured or voided, a capture refunded or settled, and the system pays out what
//! is left.

mod card;
mod card_turn;
mod credit;
mod holder;
mod ledger;
mod order_payment;
mod part;
mod payout;
mod transfer;
mod turn;
mod wallet;

pub use card::{
    CALL_WAIT_MAX_MS, CALL_WAIT_MS, CARD_BYTES_MAX, Call, CardPayment, CardStep, CardToken, NotACard, ProviderAnswer,
    ProviderCall, ProviderOutcome, ProviderTask,
};
pub use card_turn::{step_answer, step_overdue};
pub use credit::{Credit, CreditStep, step as step_credit};
pub use holder::Holder;
pub use ledger::{LedgerAccount, LedgerEntry, LedgerKind, Posting};
pub use order_payment::{PARTS_MAX, Payment, PaymentStep, Standing, step as step_payment};
pub use payout::{
    PAYOUTS_MAX, Payout, PayoutAnswer, PayoutStatus, step_answer as step_payout_answer,
    step_overdue as step_payout_overdue,
};
pub use transfer::{NewTransfer, Transfer, TransferKind, TransferStep, step as step_transfer};
pub use wallet::{AMOUNT_MAX, Balance, CURRENCIES_MAX, Wallet};

use crate::ids::{AccountId, OrderId, RefundId, SettlementId, TransferId};
use crate::money::Money;

/// How long a payment that came to nothing, a full refund and a transfer are remembered, in milliseconds: seven days,
/// as long as the command topics keep a command. A duplicate older than that cannot be read from the log any more.
pub const PAYMENT_RETENTION_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// What is asked of a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentCommand {
    /// Put money in from outside.
    Deposit {
        /// Which deposit: the same one counts once.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
    },
    /// Take free money out.
    Withdraw {
        /// Which withdrawal: the same one counts once.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
        /// The card that the payment provider pays it to; without one it is paid by hand.
        card: Option<CardToken>,
    },
    /// Hold the total of an order.
    Authorize {
        /// Which order.
        order_id: OrderId,
        /// How much.
        amount: Money,
        /// How often it has been sent, from 1. A second send is not a second hold.
        attempt: u32,
        /// The card that pays; without one the wallet does.
        card: Option<CardToken>,
    },
    /// Take what is held.
    Capture {
        /// Which order.
        order_id: OrderId,
    },
    /// Give up the hold; of an unknown one, refuse it should it come.
    Void {
        /// Which order.
        order_id: OrderId,
    },
    /// Give back what was taken, or a part of it.
    Refund {
        /// Which order.
        order_id: OrderId,
        /// Which refund: the same one counts once.
        refund_id: RefundId,
        /// How much.
        amount: Money,
    },
    /// Set a part of what was taken aside for a seller.
    Settle {
        /// Which order.
        order_id: OrderId,
        /// Which settlement: the same one counts once.
        settlement_id: SettlementId,
        /// Whose it is.
        seller_id: AccountId,
        /// How much.
        amount: Money,
    },
    /// Take, as a seller, what was set aside.
    Credit {
        /// Which order.
        order_id: OrderId,
        /// Which settlement: the same one counts once.
        settlement_id: SettlementId,
        /// How much.
        amount: Money,
    },
}

/// What the wallet has done, or found done, for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentFact {
    /// The money is held.
    Authorized {
        /// Whose money.
        account_id: AccountId,
        /// How much.
        amount: Money,
        /// The send that this answers.
        attempt: u32,
    },
    /// The hold was refused.
    Declined {
        /// Whose money.
        account_id: AccountId,
        /// How much was asked for.
        amount: Money,
        /// The send that this answers.
        attempt: u32,
        /// Why.
        reason: PaymentRefusal,
    },
    /// The money is taken.
    Captured {
        /// Whose money.
        account_id: AccountId,
        /// How much.
        amount: Money,
    },
    /// The hold is given up, or will be refused.
    Voided {
        /// Whose money.
        account_id: AccountId,
        /// How much was held, if anything was.
        amount: Option<Money>,
    },
    /// Money was given back.
    Refunded {
        /// Whose money.
        account_id: AccountId,
        /// Which refund.
        refund_id: RefundId,
        /// How much.
        amount: Money,
    },
    /// Money is set aside for a seller.
    Settled {
        /// Whose money it was.
        account_id: AccountId,
        /// Which settlement.
        settlement_id: SettlementId,
        /// Whose it is.
        seller_id: AccountId,
        /// How much.
        amount: Money,
    },
    /// A seller has what was set aside.
    Credited {
        /// The seller.
        account_id: AccountId,
        /// Which settlement.
        settlement_id: SettlementId,
        /// How much.
        amount: Money,
    },
}

/// Why a wallet refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum PaymentRefusal {
    /// Less is free.
    InsufficientFunds,
    /// An outside provider refused.
    Declined,
    /// The account may not pay: it is disabled, or no buyer's.
    AccountDisabled,
    /// The hold has been given up.
    AlreadyVoided,
    /// No money was ever held for the order.
    UnknownPayment,
    /// The same id came with other content.
    Conflict,
    /// The amount is negative, too large, or more than there is to give back.
    InvalidAmount,
    /// As many payouts as may be are under way.
    TooManyPayouts,
}

/// The steps of an order's payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentOperation {
    /// Hold.
    Authorize,
    /// Take.
    Capture,
    /// Give up.
    Void,
    /// Give back.
    Refund,
    /// Set aside for a seller.
    Settle,
    /// Take what was set aside.
    Credit,
}

impl PaymentOperation {
    /// The word for it, for people and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::Settle => "settle",
            Self::Credit => "credit",
        }
    }
}

/// What happened at a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentEvent {
    /// The answer to an order.
    Fact {
        /// Which order.
        order_id: OrderId,
        /// What was done.
        fact: PaymentFact,
    },
    /// A step that should have been possible, refused: an alarm.
    Refused {
        /// Which order.
        order_id: OrderId,
        /// Which step.
        operation: PaymentOperation,
        /// Why.
        reason: PaymentRefusal,
    },
    /// The payment provider has not said in time what became of a step. It is asked again until it does.
    Unknown {
        /// Which order.
        order_id: OrderId,
        /// Which step.
        operation: PaymentOperation,
    },
    /// Money came in.
    DepositPosted {
        /// Which deposit.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
    },
    /// Money did not come in.
    DepositRefused {
        /// Which deposit.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
        /// Why.
        reason: PaymentRefusal,
    },
    /// Money went out.
    WithdrawalPosted {
        /// Which withdrawal.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
    },
    /// Money did not go out.
    WithdrawalRefused {
        /// Which withdrawal.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
        /// Why.
        reason: PaymentRefusal,
    },
    /// Money is on its way out.
    PayoutRequested {
        /// Which withdrawal.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
        /// Where to.
        card: CardToken,
    },
    /// The payment provider has paid.
    PayoutPaid {
        /// Which withdrawal.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
    },
    /// The payment provider does not pay: the money is back.
    PayoutReturned {
        /// Which withdrawal.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
    },
    /// What became of a payout is not known.
    PayoutUnknown {
        /// Which withdrawal.
        transfer_id: TransferId,
        /// How much.
        amount: Money,
        /// Whether the payment provider has said two different things: the first stands. Otherwise it has not answered in time, and
        /// is asked again.
        contradicted: bool,
    },
}

impl PaymentCommand {
    /// The order that it is about; `None` of a transfer.
    #[must_use]
    pub fn order_id(&self) -> Option<&OrderId> {
        match self {
            Self::Deposit { .. } | Self::Withdraw { .. } => None,
            Self::Authorize { order_id, .. }
            | Self::Capture { order_id }
            | Self::Void { order_id }
            | Self::Refund { order_id, .. }
            | Self::Settle { order_id, .. }
            | Self::Credit { order_id, .. } => Some(order_id),
        }
    }
}

impl PaymentFact {
    /// How much was held, taken, given back or on; `None` where nothing was.
    #[must_use]
    pub fn amount(&self) -> Option<Money> {
        match self {
            Self::Authorized { amount, .. } => Some(*amount),
            Self::Captured { amount, .. } => Some(*amount),
            Self::Refunded { amount, .. } => Some(*amount),
            Self::Settled { amount, .. } => Some(*amount),
            Self::Credited { amount, .. } => Some(*amount),
            Self::Declined { .. } => None,
            Self::Voided { .. } => None,
        }
    }
}

/// The answer to somebody who may not ask this of the wallet; the record is put aside with its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the actor may not do this with the wallet")]
pub struct NotAllowed;

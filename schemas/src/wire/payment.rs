//! Records of the topics `payment-commands`, `payment-events` and `ledger-entries`.

use serde::{Deserialize, Serialize};

use super::Wire;
use super::envelope::{Envelope, Money};
use crate::topics::{self, TopicSpec};

/// A command to a wallet; the key is the account id of its owner.
pub type PaymentCommand = Envelope<PaymentCommandPayload>;

impl Wire for PaymentCommand {
    fn topic() -> &'static TopicSpec {
        &topics::PAYMENT_COMMANDS
    }
}

/// What a [`PaymentCommand`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentCommandPayload {
    /// Puts money into the wallet.
    #[serde(alias = "sluice.Deposit")]
    Deposit(Deposit),
    /// Takes available money out of the wallet.
    #[serde(alias = "sluice.Withdraw")]
    Withdraw(Withdraw),
    /// Asks to hold money for an order.
    #[serde(alias = "sluice.AuthorizePayment")]
    AuthorizePayment(AuthorizePayment),
    /// Moves the held money of the order into escrow.
    #[serde(alias = "sluice.CapturePayment")]
    CapturePayment(CapturePayment),
    /// Gives the hold of the order back. For an unknown one it leaves a tombstone that refuses a late
    /// `AuthorizePayment`.
    #[serde(alias = "sluice.VoidPayment")]
    VoidPayment(VoidPayment),
    /// Pays captured money back to the buyer.
    #[serde(alias = "sluice.RefundPayment")]
    RefundPayment(RefundPayment),
    /// Sets a part of the captured money aside for a seller.
    #[serde(alias = "sluice.SettlePayment")]
    SettlePayment(SettlePayment),
    /// Pays what was set aside to the seller, whose wallet this is.
    #[serde(alias = "sluice.CreditSeller")]
    CreditSeller(CreditSeller),
}

/// What happened to a payment; the key is the order id, for deposits and withdrawals the account id.
pub type PaymentEvent = Envelope<PaymentEventPayload>;

impl Wire for PaymentEvent {
    fn topic() -> &'static TopicSpec {
        &topics::PAYMENT_EVENTS
    }
}

/// What a [`PaymentEvent`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentEventPayload {
    /// The money is held.
    #[serde(alias = "sluice.PaymentAuthorized")]
    PaymentAuthorized(PaymentAuthorized),
    /// No money is held.
    #[serde(alias = "sluice.PaymentDeclined")]
    PaymentDeclined(PaymentDeclined),
    /// The held money is in escrow.
    #[serde(alias = "sluice.PaymentCaptured")]
    PaymentCaptured(PaymentCaptured),
    /// Nothing is held, and nothing will be again.
    #[serde(alias = "sluice.PaymentVoided")]
    PaymentVoided(PaymentVoided),
    /// Captured money is available to the buyer again.
    #[serde(alias = "sluice.PaymentRefunded")]
    PaymentRefunded(PaymentRefunded),
    /// A capture, void or refund that does not fit the state of the payment; no money moved.
    #[serde(alias = "sluice.PaymentRefused")]
    PaymentRefused(PaymentRefused),
    /// The deposit is available.
    #[serde(alias = "sluice.DepositPosted")]
    DepositPosted(DepositPosted),
    /// The deposit was not posted.
    #[serde(alias = "sluice.DepositRefused")]
    DepositRefused(DepositRefused),
    /// The money left the wallet.
    #[serde(alias = "sluice.WithdrawalPosted")]
    WithdrawalPosted(WithdrawalPosted),
    /// The money did not leave the wallet.
    #[serde(alias = "sluice.WithdrawalRefused")]
    WithdrawalRefused(WithdrawalRefused),
    /// A part of the captured money is due to a seller.
    #[serde(alias = "sluice.PaymentSettled")]
    PaymentSettled(PaymentSettled),
    /// What was due is available to the seller.
    #[serde(alias = "sluice.SellerCredited")]
    SellerCredited(SellerCredited),
    /// The payment provider has not said in time what became of a step.
    #[serde(alias = "sluice.PaymentUnknown")]
    PaymentUnknown(PaymentUnknown),
    /// The money is on its way through the payment provider.
    #[serde(alias = "sluice.PayoutRequested")]
    PayoutRequested(PayoutRequested),
    /// The payment provider has paid.
    #[serde(alias = "sluice.PayoutPaid")]
    PayoutPaid(PayoutPaid),
    /// The payment provider does not pay.
    #[serde(alias = "sluice.PayoutReturned")]
    PayoutReturned(PayoutReturned),
    /// What became of a payout is not known.
    #[serde(alias = "sluice.PayoutUnknown")]
    PayoutUnknown(PayoutUnknown),
}

impl Wire for LedgerEntry {
    fn topic() -> &'static TopicSpec {
        &topics::LEDGER_ENTRIES
    }
}

/// Puts money into the wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// Id of this deposit: posted once.
    pub deposit_id: String,
    /// Positive amount.
    pub amount: Money,
}

/// Takes available money out of the wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdraw {
    /// Id of this withdrawal: posted once.
    pub withdrawal_id: String,
    /// Positive amount.
    pub amount: Money,
    /// Token of the card that the payment provider pays it to; null is paid by hand, and leaves the books at once.
    #[serde(default)]
    pub card: Option<String>,
}

/// Asks to hold money for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizePayment {
    /// The order.
    pub order_id: String,
    /// Total of the order.
    pub amount: Money,
    /// How often this was asked, from 1; a repetition holds nothing more.
    pub attempt: i32,
    /// Token of the card that pays, as the payment provider has given it out; null pays from the wallet.
    #[serde(default)]
    pub card: Option<String>,
}

/// Moves the held money of the order into escrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturePayment {
    /// The order.
    pub order_id: String,
}

/// Gives the hold of the order back. For an unknown one it leaves a tombstone that refuses a late
/// `AuthorizePayment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidPayment {
    /// The order.
    pub order_id: String,
}

/// Pays captured money back to the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundPayment {
    /// The order.
    pub order_id: String,
    /// Id of this refund: paid once.
    pub refund_id: String,
    /// At most what is captured and not yet refunded.
    pub amount: Money,
}

/// Sets a part of the captured money aside for a seller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlePayment {
    /// The order.
    pub order_id: String,
    /// Id of this settlement: made once.
    pub settlement_id: String,
    /// Account of the seller.
    pub seller_id: String,
    /// At most what is captured and neither refunded nor settled.
    pub amount: Money,
}

/// Pays what was set aside to the seller, whose wallet this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditSeller {
    /// The order.
    pub order_id: String,
    /// Id of this settlement: made once.
    pub settlement_id: String,
    /// What was set aside.
    pub amount: Money,
}

/// Why money did not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentRefusal {
    /// Less is available than was asked for.
    InsufficientFunds,
    /// The provider declined.
    PaymentDeclined,
    /// The account may not pay.
    AccountDisabled,
    /// The payment was voided before.
    AlreadyVoided,
    /// Nothing is held or captured for the order.
    UnknownPayment,
    /// The same id came before with other content.
    Conflict,
    /// The amount is not positive, too large, or more than may be refunded.
    InvalidAmount,
    /// As many payouts as may be are under way.
    TooManyPayouts,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// A step of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentOperation {
    /// Hold.
    Authorize,
    /// Take what is held.
    Capture,
    /// Give the hold back.
    Void,
    /// Pay back what was taken.
    Refund,
    /// Set aside for a seller.
    Settle,
    /// Pay what was set aside.
    Credit,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// The money is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAuthorized {
    /// The order.
    pub order_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Held amount.
    pub amount: Money,
    /// Attempt of the `AuthorizePayment` that is answered.
    pub attempt: i32,
}

/// No money is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    /// The order.
    pub order_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Amount that was asked for.
    pub amount: Money,
    /// Attempt of the `AuthorizePayment` that is answered.
    pub attempt: i32,
    /// Why.
    pub reason: PaymentRefusal,
}

/// The held money is in escrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Captured amount.
    pub amount: Money,
}

/// Nothing is held, and nothing will be again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentVoided {
    /// The order.
    pub order_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Amount that was held; null if nothing was.
    #[serde(default)]
    pub amount: Option<Money>,
}

/// Captured money is available to the buyer again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefunded {
    /// The order.
    pub order_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Id of the refund.
    pub refund_id: String,
    /// Refunded amount.
    pub amount: Money,
}

/// A part of the captured money is due to a seller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentSettled {
    /// The order.
    pub order_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Id of this settlement: made once.
    pub settlement_id: String,
    /// Account of the seller.
    pub seller_id: String,
    /// What the seller gets.
    pub amount: Money,
}

/// What was due is available to the seller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SellerCredited {
    /// The order.
    pub order_id: String,
    /// Wallet of the seller.
    pub account_id: String,
    /// Id of this settlement: made once.
    pub settlement_id: String,
    /// What the seller got.
    pub amount: Money,
}

/// A capture, void or refund that does not fit the state of the payment; no money moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefused {
    /// The order.
    pub order_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// What was asked for.
    pub operation: PaymentOperation,
    /// Why it was refused.
    pub reason: PaymentRefusal,
}

/// The payment provider has not said in time what became of a step; it is asked again until it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentUnknown {
    /// The order.
    pub order_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// What was asked for.
    pub operation: PaymentOperation,
}

/// The deposit is available.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositPosted {
    /// Id of this deposit: posted once.
    pub deposit_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Deposited amount.
    pub amount: Money,
}

/// The deposit was not posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositRefused {
    /// Id of this deposit: posted once.
    pub deposit_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Amount that was asked for.
    pub amount: Money,
    /// Why.
    pub reason: PaymentRefusal,
}

/// The money left the wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalPosted {
    /// Id of this withdrawal: posted once.
    pub withdrawal_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Withdrawn amount.
    pub amount: Money,
}

/// The money did not leave the wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalRefused {
    /// Id of this withdrawal: posted once.
    pub withdrawal_id: String,
    /// Wallet of the buyer.
    pub account_id: String,
    /// Amount that was asked for.
    pub amount: Money,
    /// Why.
    pub reason: PaymentRefusal,
}

/// The money is on its way: it left the wallet, and the payment provider is asked to pay it to a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutRequested {
    /// Id of the withdrawal that it carries out.
    pub withdrawal_id: String,
    /// The wallet.
    pub account_id: String,
    /// Amount that is set aside.
    pub amount: Money,
    /// Token of the card that the payment provider pays it to.
    pub card: String,
}

/// The payment provider has paid: the money is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutPaid {
    /// Id of the withdrawal that it carries out.
    pub withdrawal_id: String,
    /// The wallet.
    pub account_id: String,
    /// Paid amount.
    pub amount: Money,
}

/// The payment provider does not pay: the money is available again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutReturned {
    /// Id of the withdrawal that it carries out.
    pub withdrawal_id: String,
    /// The wallet.
    pub account_id: String,
    /// Returned amount.
    pub amount: Money,
}

/// What became of a payout is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutUnknown {
    /// Id of the withdrawal that it carries out.
    pub withdrawal_id: String,
    /// The wallet.
    pub account_id: String,
    /// Amount that is on its way, or was.
    pub amount: Money,
    /// True where the payment provider has said two different things, and the first stands; false where it has not answered in
    /// time, and is asked again.
    pub contradicted: bool,
}

/// The operation behind a ledger entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LedgerEntryKind {
    /// outside to available.
    Deposit,
    /// available to outside.
    Withdrawal,
    /// available to held.
    Authorization,
    /// held to escrow.
    Capture,
    /// held to available.
    Void,
    /// escrow to available.
    Refund,
    /// escrow to due.
    Settlement,
    /// due to available.
    Credit,
    /// available to payout.
    Payout,
    /// payout to outside.
    PayoutPaid,
    /// payout to available.
    PayoutReturned,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// One side of a ledger entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// `wallet:<account_id>:available`, `wallet:<account_id>:held`, `escrow:<order_id>`, `due:<order_id>`,
    /// `payout:<withdrawal_id>` or `outside`.
    pub account: String,
    /// Minor units; positive enters the account, negative leaves it.
    pub amount: i64,
}

/// All postings of one operation; their amounts sum to zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Deterministic id of the entry.
    pub entry_id: String,
    /// Place in the ledger of the wallet, from 1.
    pub seq: i64,
    /// When the operation happened.
    pub at: i64,
    /// The wallet, also the key.
    pub account_id: String,
    /// The order; null for deposits and withdrawals.
    #[serde(default)]
    pub order_id: Option<String>,
    /// The operation.
    pub kind: LedgerEntryKind,
    /// ISO 4217 code of all postings.
    pub currency: String,
    /// At least two.
    pub postings: Vec<Posting>,
    /// Id of the command behind it.
    pub causation: String,
    /// Id of the order, or of the request.
    pub correlation: String,
}

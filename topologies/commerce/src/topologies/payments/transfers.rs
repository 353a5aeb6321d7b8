//! Deposits, withdrawals and payouts, and what sales bring to sellers: operations that have no order's payment behind them.

use streams::ProcessError;

use super::{Context, Expiry, NAME, Till};
use crate::authority::Actor;
use crate::ids::{AccountId, OrderId, RecordId, SettlementId};
use crate::keys;
use crate::money::Money;
use crate::payment::{
    NewTransfer, PayoutAnswer, TransferStep, step_credit, step_payout_answer, step_payout_overdue, step_transfer,
};
use crate::topologies::Cause;
use crate::wire::Meta;

impl Till {
    /// A deposit or a withdrawal.
    pub(super) fn transfer(
        &self,
        context: &mut Context<'_, '_>,
        key: &String,
        transfer: NewTransfer,
        actor: Actor,
        cause: &Cause,
    ) -> Result<(), ProcessError> {
        let account_id = AccountId(key.clone());
        let transfer_key = keys::transfer(&account_id, &transfer.transfer_id);
        let holder = context.store(&self.holders)?.get(key)?;
        let wallet = context.store(&self.wallets)?.get(key)?;
        let made = context.store(&self.transfers)?.get(&transfer_key)?;
        let now = context.now_ms();
        let is_new = made.is_none();
        let mut next =
            step_transfer(&account_id, holder, wallet, made, transfer, &actor, now).map_err(ProcessError::refused)?;
        if let Some(transfer) = next.transfer.take().filter(|_| is_new) {
            context.store(&self.transfers)?.put(&transfer_key, transfer)?;
        }
        self.conclude_transfer(context, (key, transfer_key), next, (actor, cause))
    }

    /// The provider's answer about a payout.
    pub(super) fn hear_of_payout(
        &self,
        context: &mut Context<'_, '_>,
        key: &String,
        answer: &PayoutAnswer,
        cause: &Cause,
    ) -> Result<(), ProcessError> {
        let transfer_key = keys::transfer(&AccountId(key.clone()), &answer.transfer_id);
        let wallet = context.store(&self.wallets)?.get(key)?;
        let next = step_payout_answer(wallet, answer, context.now_ms());
        self.conclude_transfer(context, (key, transfer_key), next, (Actor::system(NAME), cause))
    }

    /// The provider has not said in time what became of a payout.
    pub(super) fn ask_again_for_payout(
        &self,
        context: &mut Context<'_, '_>,
        transfer_key: Vec<u8>,
    ) -> Result<(), ProcessError> {
        let (AccountId(key), transfer_id) = keys::account_and_transfer(&transfer_key)
            .ok_or_else(|| ProcessError::refused("a timer of something that is no payout"))?;
        let wallet = context.store(&self.wallets)?.get(&key)?;
        let next = step_payout_overdue(wallet, &transfer_id, context.now_ms());
        let cause = Cause {
            id: format!("{transfer_id}.payout"),
            correlation: transfer_id.0,
        };
        self.conclude_transfer(context, (&key, transfer_key), next, (Actor::system(NAME), &cause))
    }

    /// Tells what a step of a transfer has come to, and keeps it. A step that says nothing and asks nothing has changed nothing.
    fn conclude_transfer(
        &self,
        context: &mut Context<'_, '_>,
        (key, transfer_key): (&String, Vec<u8>),
        next: TransferStep,
        (actor, cause): (Actor, &Cause),
    ) -> Result<(), ProcessError> {
        if next.event.is_none() && next.call.is_none() {
            return Ok(());
        }
        let seq = next.wallet.as_ref().map_or(0, |wallet| wallet.events);
        let meta = Meta {
            id: RecordId(format!("{key}.wallet.{seq}")),
            seq,
            at: context.now_ms(),
            actor,
            causation: cause.id.clone(),
            correlation: cause.correlation.clone(),
        };
        if let Some(call) = next.call {
            self.ask_provider(context, key, call, &meta)?;
        }
        if let Some(at) = next.ask_again_at {
            context.set_timer(&self.expiries, &Expiry::Payout(transfer_key.clone()).tag(), at)?;
        }
        if let Some(at) = next.forget_at {
            context.set_timer(&self.expiries, &Expiry::Transfer(transfer_key).tag(), at)?;
        }
        if let Some(event) = next.event {
            self.publish(context, key, (key.clone(), event), next.entry, meta)?;
        }
        self.keep_wallet(context, key, next.wallet)
    }

    /// The answer has the order's key but no number: what happens to the order is numbered at the buyer's wallet.
    pub(super) fn credit(
        &self,
        context: &mut Context<'_, '_>,
        key: &String,
        credit: (OrderId, SettlementId, Money),
        actor: &Actor,
        cause: &Cause,
    ) -> Result<(), ProcessError> {
        let account_id = AccountId(key.clone());
        let (order_id, credit_key) = (credit.0.clone(), keys::credit(&account_id, &credit.1));
        let wallet = context.store(&self.wallets)?.get(key)?;
        let made = context.store(&self.credits)?.get(&credit_key)?;
        let now = context.now_ms();
        let next = step_credit(&account_id, wallet, made, credit, actor, now).map_err(ProcessError::refused)?;
        if let (None, Some(credit)) = (made, next.credit) {
            let expiry = Expiry::Credit(credit_key.clone()).tag();
            context.set_timer(&self.expiries, &expiry, credit.forget_at())?;
            context.store(&self.credits)?.put(&credit_key, credit)?;
        }
        let meta = Meta {
            id: RecordId(format!("{}.answered", cause.id)),
            seq: 0,
            at: now,
            actor: Actor::system(NAME),
            causation: cause.id.clone(),
            correlation: order_id.0.clone(),
        };
        self.publish(context, key, (order_id.0, next.event), next.entry, meta)?;
        self.keep_wallet(context, key, next.wallet)
    }
}

//! `payments`: wallets, the payments of orders, and the books. One writer per wallet.
//!
//! It reads the accounts beside the commands, partition by partition: both have the account as their key. A command is judged
//! by what is known of its account when it is processed, and what was decided is kept, so a repetition is answered the same
//! whatever has become of the account.
//!
//! What a card is to pay, or to be paid, is asked of the payment provider through `provider-calls`, outside of any transaction and
//! of this topology; `provider-answers` has the same key too. A question without an answer is asked again by a timer until one
//! comes.

mod expiry;
mod transfers;

use std::sync::Arc;

use schemas::SchemaTable;
use schemas::wire::account::Account;
use schemas::wire::payment as wire_types;
use schemas::wire::provider::{ProviderAnswer, ProviderCall as WireCall};
use streams::serde::{BytesSerde, StringSerde};
use streams::{
    FiredTimer, ProcessError, Processor, ProcessorContext, ProcessorSpec, PunctuationType, Record, SinkRef, StoreRef,
    TimerRef, Topology, TopologyBuilder, TopologyError,
};

use crate::authority::{Actor, act_as_saga};
use crate::ids::{AccountId, OrderId, RecordId};
use crate::keys;
use crate::payment::{
    Credit, Holder, LedgerEntry, NewTransfer, NotAllowed, Payment, PaymentCommand, PaymentEvent, PaymentStep,
    ProviderCall, Transfer, Wallet, step_answer, step_overdue, step_payment,
};
use crate::state_serde::StateSerde;
use crate::topologies::{Cause, admit, topic};
use crate::views;
use crate::wire::{self, Meta, account, payment, payment_event, provider};
use expiry::Expiry;

/// The topology's name.
pub const NAME: &str = "payments";

/// payment-commands, accounts and provider-answers in; payment-events, ledger-entries and provider-calls out.
pub fn topology(schemas: &Arc<SchemaTable>) -> Result<Topology, TopologyError> {
    let builder = TopologyBuilder::new(NAME);
    let till = Till {
        holders: builder.store("holders", StringSerde, StateSerde::new()),
        wallets: builder.store(views::WALLETS.store, StringSerde, StateSerde::new()),
        payments: builder.store("payments", BytesSerde, StateSerde::new()),
        transfers: builder.store(views::TRANSFERS.store, BytesSerde, StateSerde::new()),
        credits: builder.store("credits", BytesSerde, StateSerde::new()),
        expiries: builder.timers("payment-expiries", BytesSerde, PunctuationType::WallClockTime),
        events: builder.sink(&topic(schemas)),
        entries: builder.sink(&topic(schemas)),
        calls: builder.sink(&topic(schemas)),
    };
    let spec = ProcessorSpec::new("wallet-ledger")
        .store(&till.holders)
        .store(&till.wallets)
        .store(&till.payments)
        .store(&till.transfers)
        .store(&till.credits)
        .timers(&till.expiries)
        .sink(&till.events)
        .sink(&till.entries)
        .sink(&till.calls);
    let commands = builder.stream(&topic(schemas)).map_values(Arrived::Command);
    let accounts = builder.stream(&topic(schemas)).map_values(Arrived::Account);
    let answers = builder.stream(&topic(schemas)).map_values(Arrived::Answer);
    commands
        .merge(&accounts)
        .merge(&answers)
        .process::<_, (), ()>(spec, move || till.clone());
    builder.build()
}

/// What arrives for a wallet.
#[derive(Clone)]
enum Arrived {
    Command(wire_types::PaymentCommand),
    Account(Account),
    Answer(ProviderAnswer),
}

#[derive(Clone)]
struct Till {
    holders: StoreRef<String, Holder>,
    wallets: StoreRef<String, Wallet>,
    payments: StoreRef<Vec<u8>, Payment>,
    transfers: StoreRef<Vec<u8>, Transfer>,
    credits: StoreRef<Vec<u8>, Credit>,
    expiries: TimerRef<Vec<u8>>,
    events: SinkRef<String, wire_types::PaymentEvent>,
    entries: SinkRef<String, wire_types::LedgerEntry>,
    calls: SinkRef<String, WireCall>,
}

type Context<'s, 'n> = ProcessorContext<'s, 'n, (), ()>;

impl Processor<String, Arrived> for Till {
    fn process(&mut self, context: &mut Context<'_, '_>, record: Record<String, Arrived>) -> Result<(), ProcessError> {
        match record.value {
            Arrived::Command(envelope) => self.take(context, &record.key, envelope),
            Arrived::Account(account) => self.know(context, &record.key, &account),
            Arrived::Answer(envelope) => self.hear(context, &record.key, envelope),
        }
    }

    /// Asks the provider again, or forgets what has been resolved long enough; what has changed since has another timer.
    fn on_timer(&mut self, context: &mut Context<'_, '_>, timer: &FiredTimer) -> Result<(), ProcessError> {
        let tagged = timer.key(&self.expiries).map_err(ProcessError::Key)?;
        let now = context.now_ms();
        match Expiry::untag(tagged)? {
            Expiry::Payment(key) => {
                let mut payments = context.store(&self.payments)?;
                let due = payments.get(&key)?.and_then(|payment| payment.forget_at());
                if due.is_some_and(|at| at <= now) {
                    payments.delete(&key)
                } else {
                    Ok(())
                }
            }
            Expiry::Transfer(key) => context.store(&self.transfers)?.delete(&key),
            Expiry::Credit(key) => context.store(&self.credits)?.delete(&key),
            Expiry::Call(key) => self.ask_again(context, &key),
            Expiry::Payout(key) => self.ask_again_for_payout(context, key),
        }
    }
}

impl Till {
    fn know(&self, context: &mut Context<'_, '_>, key: &String, told: &Account) -> Result<(), ProcessError> {
        wire::check_key(key).map_err(ProcessError::refused)?;
        let told = account::holder(told).map_err(ProcessError::refused)?;
        let mut holders = context.store(&self.holders)?;
        let known = holders.get(key)?;
        holders.put(key, Holder::newer(known, told))
    }

    fn take(
        &self,
        context: &mut Context<'_, '_>,
        key: &String,
        envelope: wire_types::PaymentCommand,
    ) -> Result<(), ProcessError> {
        let (actor, cause) = (admit(key, &envelope)?, Cause::of(&envelope));
        let command = payment::command(envelope.payload).map_err(ProcessError::refused)?;
        match command {
            PaymentCommand::Deposit { transfer_id, amount } => {
                let deposit = NewTransfer::deposit(transfer_id, amount);
                self.transfer(context, key, deposit, actor, &cause)
            }
            PaymentCommand::Withdraw {
                transfer_id,
                amount,
                card,
            } => {
                let withdrawal = NewTransfer::withdrawal(transfer_id, amount, card);
                self.transfer(context, key, withdrawal, actor, &cause)
            }
            PaymentCommand::Credit {
                order_id,
                settlement_id,
                amount,
            } => self.credit(context, key, (order_id, settlement_id, amount), &actor, &cause),
            PaymentCommand::Authorize { .. }
            | PaymentCommand::Capture { .. }
            | PaymentCommand::Void { .. }
            | PaymentCommand::Refund { .. }
            | PaymentCommand::Settle { .. } => self.pay(context, key, command, &actor, &cause),
        }
    }

    /// Sends a question to the payment provider; of `meta` the time, the cause and the correlation count.
    fn ask_provider(
        &self,
        context: &mut Context<'_, '_>,
        key: &str,
        call: ProviderCall,
        meta: &Meta,
    ) -> Result<(), ProcessError> {
        let asked = Meta {
            id: RecordId(format!("{}.{}", call.call_id, call.attempt)),
            seq: 0,
            actor: Actor::system(NAME),
            ..meta.clone()
        };
        let asked = asked.envelope(provider::call_to_wire(call));
        context.send(&self.calls, &Record::new(key.to_owned(), asked, meta.at))
    }

    fn pay(
        &self,
        context: &mut Context<'_, '_>,
        key: &str,
        command: PaymentCommand,
        actor: &Actor,
        cause: &Cause,
    ) -> Result<(), ProcessError> {
        let order_id = command
            .order_id()
            .cloned()
            .ok_or_else(|| ProcessError::refused("a payment of no order"))?;
        let (place, wallet, payment) = self.look(context, key.into(), order_id)?;
        let holder = context.store(&self.holders)?.get(&place.account_id.0)?;
        let now = context.now_ms();
        let next = step_payment(&place.account_id, holder, wallet, payment, command, actor, now)
            .map_err(ProcessError::refused)?;
        self.conclude(context, place, next, &cause.id)
    }

    /// The provider's answer.
    fn hear(&self, context: &mut Context<'_, '_>, key: &String, envelope: ProviderAnswer) -> Result<(), ProcessError> {
        let actor = admit(key, &envelope)?;
        act_as_saga(&actor).map_err(|_| ProcessError::refused(NotAllowed))?;
        let cause = Cause::of(&envelope);
        match provider::answer(envelope.payload).map_err(ProcessError::refused)? {
            provider::Answer::Payment(answer) => {
                let (place, wallet, payment) = self.look(context, key.as_str().into(), answer.order_id.clone())?;
                let next = step_answer(&place.account_id, wallet, payment, &answer, context.now_ms());
                self.conclude(context, place, next, &cause.id)
            }
            provider::Answer::Payout(answer) => self.hear_of_payout(context, key, &answer, &cause),
        }
    }

    /// The provider has not answered in time.
    fn ask_again(&self, context: &mut Context<'_, '_>, payment_key: &[u8]) -> Result<(), ProcessError> {
        let (account_id, order_id) = keys::account_and_order(payment_key)
            .ok_or_else(|| ProcessError::refused("a timer of something that is no payment"))?;
        let (place, wallet, payment) = self.look(context, account_id, order_id)?;
        let now = context.now_ms();
        let due_at = payment.as_ref().and_then(Payment::asks_again_at);
        // Answered, or asked again since: that has a timer of its own.
        if due_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        let next = step_overdue(&place.account_id, wallet, payment, &place.order_id, now);
        let cause = format!("{}.payment", place.order_id);
        self.conclude(context, place, next, &cause)
    }

    /// What is known of an order's payment, and of the wallet that it is at.
    fn look(
        &self,
        context: &mut Context<'_, '_>,
        account_id: AccountId,
        order_id: OrderId,
    ) -> Result<(Place, Option<Wallet>, Option<Payment>), ProcessError> {
        let payment_key = keys::payment(&account_id, &order_id);
        let wallet = context.store(&self.wallets)?.get(&account_id.0)?;
        let payment = context.store(&self.payments)?.get(&payment_key)?;
        let place = Place {
            account_id,
            order_id,
            payment_key,
            wallet_version: wallet.as_ref().map(|wallet| wallet.version),
        };
        Ok((place, wallet, payment))
    }

    /// Tells what a step of a payment has come to, and keeps it.
    fn conclude(
        &self,
        context: &mut Context<'_, '_>,
        place: Place,
        next: PaymentStep,
        cause: &str,
    ) -> Result<(), ProcessError> {
        let Place {
            account_id: AccountId(key),
            order_id,
            payment_key,
            wallet_version,
        } = place;
        let now = context.now_ms();
        let seq = next.payment.as_ref().map_or(0, |payment| payment.events);
        // Without a payment there is no number, so the command names its refusal.
        let id = if seq == 0 {
            format!("{cause}.refused")
        } else {
            format!("{order_id}.payment.{seq}")
        };
        let meta = Meta {
            id: RecordId(id),
            seq,
            at: now,
            actor: Actor::system(NAME),
            causation: cause.to_owned(),
            correlation: order_id.0.clone(),
        };
        if let Some(call) = next.call {
            self.ask_provider(context, &key, call, &meta)?;
            if let Some(at) = next.payment.as_ref().and_then(Payment::asks_again_at) {
                context.set_timer(&self.expiries, &Expiry::Call(payment_key.clone()).tag(), at)?;
            }
        }
        if let Some(event) = next.event {
            self.publish(context, &key, (order_id.0, event), next.entry, meta)?;
        }
        self.keep_payment(context, &payment_key, next.payment)?;
        let wallet = next.wallet.filter(|wallet| Some(wallet.version) != wallet_version);
        self.keep_wallet(context, &key, wallet)
    }

    fn keep_wallet(
        &self,
        context: &mut Context<'_, '_>,
        key: &String,
        wallet: Option<Wallet>,
    ) -> Result<(), ProcessError> {
        match wallet {
            Some(wallet) => context.store(&self.wallets)?.put(key, wallet),
            None => Ok(()),
        }
    }

    fn keep_payment(
        &self,
        context: &mut Context<'_, '_>,
        key: &Vec<u8>,
        payment: Option<Payment>,
    ) -> Result<(), ProcessError> {
        let Some(payment) = payment else {
            return Ok(());
        };
        if let Some(at) = payment.forget_at() {
            context.set_timer(&self.expiries, &Expiry::Payment(key.clone()).tag(), at)?;
        }
        context.store(&self.payments)?.put(key, payment)
    }

    /// Sends an event under its own key and the entry, if there is one, under the wallet's.
    fn publish(
        &self,
        context: &mut Context<'_, '_>,
        wallet_key: &str,
        (event_key, event): (String, PaymentEvent),
        entry: Option<LedgerEntry>,
        meta: Meta,
    ) -> Result<(), ProcessError> {
        let at = meta.at;
        if let Some(entry) = entry {
            let entry = payment::entry_to_wire(entry, meta.clone());
            context.send(&self.entries, &Record::new(wallet_key.to_owned(), entry, at))?;
        }
        let payload = payment_event::event_to_wire(event, &AccountId::from(wallet_key));
        context.send(&self.events, &Record::new(event_key, meta.envelope(payload), at))
    }
}

/// Where a payment stands in the stores, and how its wallet stood before the step.
struct Place {
    account_id: AccountId,
    order_id: OrderId,
    payment_key: Vec<u8>,
    wallet_version: Option<u64>,
}

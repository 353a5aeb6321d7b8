//! The shop told again, as plainly as it can be: what the commands in the topics have to lead to, whatever happened meanwhile.
//!
//! The rules are those of the design, written a second time without a line of `commerce`. Each wallet has all its commands in
//! one partition, so their order is known. A product has them in two; every order of the two is tried that leads to what was
//! published. When a wallet heard that its holder is disabled is nowhere written; any moment may have been it that explains what
//! was published, and none after what came behind its commit.

mod cards;
mod deeds;
mod lists;
mod merge;
mod payouts;
mod shelf;
mod till;
mod verdict;
mod wallet;

use std::collections::{BTreeMap, BTreeSet};

use schemas::wire::Wire;
use schemas::wire::account::{Account, AccountCommand};
use schemas::wire::envelope::Envelope;
use schemas::wire::order::{Order, OrderCommand, OrderCommandPayload, OrderEvent, OrderEventPayload};
use schemas::wire::payment::{LedgerEntry, LedgerEntryKind, PaymentCommand, PaymentEvent, PaymentEventPayload};
use schemas::wire::product::{Product, ProductCommand};
use schemas::wire::stock::{StockCommand, StockEvent, StockReply};

use super::customers::Accepted;
use super::provider::CarriedOut;
use super::topic::{Heard, News};
use crate::workload::Stage;
use lists::Lists;
use merge::Counter;
use payouts::Payouts;
use shelf::Asked;
use verdict::Case;
use wallet::Wallet;

/// Everything that was asked for and everything that came of it.
#[derive(Default)]
pub(super) struct Reference {
    /// Commands by wallet.
    wallets: BTreeMap<String, Wallet>,
    /// What came of commands to wallets: the command, the order or wallet that it is about, and what came of it.
    paid: Vec<(String, String, PaymentEventPayload)>,
    booked: Vec<(String, Option<String>, cards::Booked)>,
    payouts: Payouts,
    counters: BTreeMap<String, Counter>,
    cases: BTreeMap<String, Case>,
    snapshots: Vec<Order>,
    /// The commands from outside that stand in their topics.
    commands: BTreeSet<Accepted>,
}

impl Reference {
    /// Takes in what was committed.
    pub(super) fn observe(&mut self, stage: &Stage, news: News) {
        self.hear_accounts(news.account_commands, news.accounts);
        self.hear_till(news.payment_commands, news.payment_events, news.ledger_entries);
        self.note_the_disabled(stage);
        self.hear_shelf_commands(news.product_commands, news.stock_commands);
        self.hear_shelf(news.stock_events, news.stock_replies, news.products);
        self.hear_orders(news.order_commands, news.order_events, news.orders);
    }

    /// Holds what came of it against what had to come of it.
    pub(super) fn judge(&self, stage: &Stage, accepted: &[Accepted], carried_out: &[CarriedOut]) -> Vec<String> {
        let lists = Lists::of(stage);
        let mut found = self.judge_accepted(accepted);
        found.extend(self.judge_till(&lists, carried_out));
        found.extend(self.judge_cards(carried_out));
        found.extend(self.payouts.judge(carried_out));
        found.extend(self.counters.iter().filter_map(|(id, counter)| counter.differs(id)));
        let cases = self.cases.iter().flat_map(|(id, case)| case.judge(id));
        found.extend(cases);
        found.extend(lists.judge(&self.snapshots));
        found
    }

    fn hear_accounts(&mut self, commands: Vec<Heard<AccountCommand>>, accounts: Vec<Heard<Account>>) {
        for heard in commands {
            self.stored(&heard);
        }
        for heard in accounts {
            self.wallets
                .entry(heard.key.clone())
                .or_default()
                .hear_account(heard.place, &heard.value);
        }
    }

    /// What no wallet had been asked when its partition had read that its holder is disabled is refused.
    fn note_the_disabled(&mut self, stage: &Stage) {
        for wallet in self.wallets.values_mut() {
            wallet.note_the_disabled(stage);
        }
    }

    fn hear_till(
        &mut self,
        commands: Vec<Heard<PaymentCommand>>,
        events: Vec<Heard<PaymentEvent>>,
        entries: Vec<Heard<LedgerEntry>>,
    ) {
        for heard in commands {
            self.stored(&heard);
            let command = (heard.value.id, heard.value.payload);
            self.wallets.entry(heard.key).or_default().commands.push(command);
        }
        for Heard { key, value: event, .. } in events {
            self.paid.push((event.causation, key.clone(), event.payload.clone()));
            self.cases.entry(key).or_default().payments.push(event.payload);
        }
        for Heard { value: entry, .. } in entries {
            self.payouts.hear(&entry);
            let amount = entry.postings.iter().map(|posting| posting.amount.max(0)).sum();
            let booked = (entry.kind, amount);
            self.booked.push((entry.causation, entry.order_id, booked));
        }
    }

    fn hear_shelf_commands(&mut self, of_sellers: Vec<Heard<ProductCommand>>, of_orders: Vec<Heard<StockCommand>>) {
        for heard in of_sellers {
            self.stored(&heard);
            let command = (heard.value.id, Asked::BySeller(heard.value.payload));
            self.counters.entry(heard.key).or_default().of_sellers.push(command);
        }
        for Heard { key, value, .. } in of_orders {
            let command = (value.id, Asked::ByOrder(value.payload));
            self.counters.entry(key).or_default().of_orders.push(command);
        }
    }

    fn hear_shelf(
        &mut self,
        events: Vec<Heard<StockEvent>>,
        replies: Vec<Heard<StockReply>>,
        products: Vec<Heard<Product>>,
    ) {
        for Heard { key, value, .. } in events {
            let event = (value.causation, value.payload);
            self.counters.entry(key).or_default().events.push(event);
        }
        for Heard { key, value: reply, .. } in replies {
            let product = merge::product_of(&reply.payload).to_owned();
            let case = self.cases.entry(key).or_default();
            case.replies.push(reply.payload.clone());
            let replies = &mut self.counters.entry(product).or_default().replies;
            replies.entry(reply.causation).or_default().push(reply.payload);
        }
        for Heard { key, value, .. } in products {
            self.counters.entry(key).or_default().published = Some(value);
        }
    }

    fn hear_orders(
        &mut self,
        commands: Vec<Heard<OrderCommand>>,
        events: Vec<Heard<OrderEvent>>,
        snapshots: Vec<Heard<Order>>,
    ) {
        for heard in commands {
            self.stored(&heard);
            let case = self.cases.entry(heard.key).or_default();
            match heard.value.payload {
                OrderCommandPayload::PlaceOrder(placed) => case.placed = Some(placed),
                OrderCommandPayload::CancelOrder(_) => case.is_given_up = true,
                // What is done with lines is judged by what was accepted of it.
                OrderCommandPayload::ShipLines(_)
                | OrderCommandPayload::ConfirmDelivery(_)
                | OrderCommandPayload::RequestReturn(_)
                | OrderCommandPayload::RejectReturn(_)
                | OrderCommandPayload::RefundLines(_) => {}
            }
        }
        for Heard { key, value, .. } in events {
            let case = self.cases.entry(key).or_default();
            case.has_timed_out |= matches!(value.payload, OrderEventPayload::StepTimedOut(_));
            case.deeds.hear(&value.actor, value.payload);
        }
        for Heard { key, value, .. } in snapshots {
            self.cases.entry(key).or_default().snapshot = Some(value.clone());
            self.snapshots.push(value);
        }
    }

    fn stored<P>(&mut self, heard: &Heard<Envelope<P>>)
    where
        Envelope<P>: Wire,
    {
        self.commands.insert(Accepted {
            topic: Envelope::<P>::topic().name,
            key: heard.key.clone(),
            id: heard.value.id.clone(),
        });
    }

    /// I10: whatever somebody was told is stored stands in its topic.
    fn judge_accepted(&self, accepted: &[Accepted]) -> Vec<String> {
        let lost = accepted.iter().filter(|accepted| !self.commands.contains(*accepted));
        lost.map(|Accepted { topic, key, id }| format!("I10: the accepted command {id} for {key} is not in {topic}"))
            .collect()
    }

    fn judge_till(&self, lists: &Lists, carried_out: &[CarriedOut]) -> Vec<String> {
        let is_by_card = |order: &str| self.cases.get(order).is_some_and(Case::is_by_card);
        let (told, entered) = (self.paid_from_wallets(), self.booked_at_wallets());
        let mut found = Vec::new();
        let (mut paid, mut booked) = (BTreeMap::new(), BTreeMap::new());
        for (account, wallet) in &self.wallets {
            let expected = wallet.expected(account, &told, &is_by_card);
            paid.extend(expected.paid);
            booked.extend(expected.booked);
            // What the provider gives to no card is in the wallet.
            let is_theirs = |one: &&CarriedOut| one.account_id == *account && one.is_left_to_the_wallet();
            let left: i64 = carried_out.iter().filter(is_theirs).map(|one| one.amount).sum();
            found.extend(lists.judge_wallet(account, expected.free + left, expected.held));
        }
        found.extend(merge::difference("payment-events", &paid, &told));
        found.extend(merge::difference("ledger-entries", &booked, &entered));
        found
    }

    /// What commands about wallets have led to, by command. What the provider says leads to the rest.
    fn paid_from_wallets(&self) -> BTreeMap<String, Vec<PaymentEventPayload>> {
        let mut paid: BTreeMap<String, Vec<PaymentEventPayload>> = BTreeMap::new();
        for (command, about, event) in &self.paid {
            if matches!(
                event,
                PaymentEventPayload::PayoutPaid(_)
                    | PaymentEventPayload::PayoutReturned(_)
                    | PaymentEventPayload::PayoutUnknown(_)
            ) {
                continue;
            }
            let is_of_seller = matches!(event, PaymentEventPayload::SellerCredited(_));
            if is_of_seller || !self.cases.get(about).is_some_and(Case::is_by_card) {
                paid.entry(command.clone()).or_default().push(event.clone());
            }
        }
        paid
    }

    /// The entries of the books that commands about wallets have led to, by command.
    fn booked_at_wallets(&self) -> BTreeMap<String, Vec<cards::Booked>> {
        let mut booked: BTreeMap<String, Vec<cards::Booked>> = BTreeMap::new();
        for (command, order, entry) in &self.booked {
            if payouts::is_by_provider(entry.0) {
                continue;
            }
            let case = order.as_ref().and_then(|order| self.cases.get(order));
            if entry.0 == LedgerEntryKind::Credit || !case.is_some_and(Case::is_by_card) {
                booked.entry(command.clone()).or_default().push(*entry);
            }
        }
        booked
    }

    fn judge_cards(&self, carried_out: &[CarriedOut]) -> Vec<String> {
        let mut found = Vec::new();
        for (order, case) in self.cases.iter().filter(|(_, case)| case.is_by_card()) {
            let done: Vec<_> = carried_out.iter().filter(|one| one.order_id == *order).collect();
            let is_its = |(_, of, _): &&(String, Option<String>, cards::Booked)| of.as_ref() == Some(order);
            let booked: Vec<_> = self.booked.iter().filter(is_its).map(|(_, _, entry)| *entry).collect();
            found.extend(cards::judge(order, case, &done, &booked));
        }
        found
    }
}

//! The shop told again, as plainly as it can be: what the commands in the topics have to lead to, whatever happened meanwhile.
//!
//! The rules are those of the design, written a second time without a line of `commerce`. Each wallet has all its commands in
//! one partition, so their order is known. A product has them in two; every order of the two is tried that leads to what was
//! published.

mod lists;
mod merge;
mod shelf;
mod till;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::SchemaTable;
use schemas::wire::order::{Order, OrderCommand, OrderCommandPayload, OrderEvent, OrderEventPayload};
use schemas::wire::payment::{
    LedgerEntry, LedgerEntryKind, PaymentCommand, PaymentCommandPayload, PaymentEvent, PaymentEventPayload,
};
use schemas::wire::product::{Product, ProductCommand};
use schemas::wire::stock::{StockCommand, StockEvent, StockReply};

use super::customers::Accepted;
use super::topic::Topic;
use crate::workload::Stage;
use lists::Lists;
use merge::Counter;
use shelf::Asked;
use till::Till;
use verdict::Case;

/// Everything that was asked for and everything that came of it.
pub(super) struct Reference {
    payment_commands: Topic<PaymentCommand>,
    payment_events: Topic<PaymentEvent>,
    ledger_entries: Topic<LedgerEntry>,
    product_commands: Topic<ProductCommand>,
    stock_commands: Topic<StockCommand>,
    stock_events: Topic<StockEvent>,
    stock_replies: Topic<StockReply>,
    products: Topic<Product>,
    order_commands: Topic<OrderCommand>,
    order_events: Topic<OrderEvent>,
    orders: Topic<Order>,
    /// Commands by wallet.
    wallets: BTreeMap<String, Vec<(String, PaymentCommandPayload)>>,
    /// What came of commands to wallets, by command.
    paid: BTreeMap<String, Vec<PaymentEventPayload>>,
    booked: BTreeMap<String, Vec<(LedgerEntryKind, i64)>>,
    counters: BTreeMap<String, Counter>,
    cases: BTreeMap<String, Case>,
    snapshots: Vec<Order>,
    /// Ids of all commands, by topic and key.
    commands: BTreeMap<(&'static str, String), Vec<String>>,
}

impl Reference {
    pub(super) fn new(schemas: &Arc<SchemaTable>) -> Self {
        Self {
            payment_commands: Topic::new(schemas),
            payment_events: Topic::new(schemas),
            ledger_entries: Topic::new(schemas),
            product_commands: Topic::new(schemas),
            stock_commands: Topic::new(schemas),
            stock_events: Topic::new(schemas),
            stock_replies: Topic::new(schemas),
            products: Topic::new(schemas),
            order_commands: Topic::new(schemas),
            order_events: Topic::new(schemas),
            orders: Topic::new(schemas),
            wallets: BTreeMap::new(),
            paid: BTreeMap::new(),
            booked: BTreeMap::new(),
            counters: BTreeMap::new(),
            cases: BTreeMap::new(),
            snapshots: Vec::new(),
            commands: BTreeMap::new(),
        }
    }

    /// Takes in what was committed since the last call.
    pub(super) fn observe(&mut self, stage: &Stage) -> Vec<String> {
        let mut found = Vec::new();
        self.hear_till(stage, &mut found);
        self.hear_shelf(stage, &mut found);
        self.hear_orders(stage, &mut found);
        found
    }

    /// Holds what came of it against what had to come of it.
    pub(super) fn judge(&self, stage: &Stage, accepted: &[Accepted]) -> Vec<String> {
        let lists = Lists::of(stage);
        let mut found = self.judge_accepted(accepted);
        found.extend(self.judge_till(&lists));
        found.extend(self.counters.iter().filter_map(|(id, counter)| counter.differs(id)));
        let cases = self.cases.iter().flat_map(|(id, case)| case.judge(id));
        found.extend(cases);
        found.extend(lists.judge(&self.snapshots));
        found
    }

    fn hear_till(&mut self, stage: &Stage, found: &mut Vec<String>) {
        for heard in self.payment_commands.news(stage, found) {
            note(&mut self.commands, &heard.key, &heard.value);
            let command = (heard.value.id, heard.value.payload);
            self.wallets.entry(heard.key).or_default().push(command);
        }
        for heard in self.payment_events.news(stage, found) {
            let event = heard.value;
            self.paid
                .entry(event.causation)
                .or_default()
                .push(event.payload.clone());
            self.cases.entry(heard.key).or_default().payments.push(event.payload);
        }
        for heard in self.ledger_entries.news(stage, found) {
            let entry = heard.value;
            let amount = entry.postings.iter().map(|posting| posting.amount.max(0)).sum();
            let booked = self.booked.entry(entry.causation).or_default();
            booked.push((entry.kind, amount));
        }
    }

    fn hear_shelf(&mut self, stage: &Stage, found: &mut Vec<String>) {
        for heard in self.product_commands.news(stage, found) {
            note(&mut self.commands, &heard.key, &heard.value);
            let command = (heard.value.id, Asked::BySeller(heard.value.payload));
            self.counters.entry(heard.key).or_default().of_sellers.push(command);
        }
        for heard in self.stock_commands.news(stage, found) {
            let command = (heard.value.id, Asked::ByOrder(heard.value.payload));
            self.counters.entry(heard.key).or_default().of_orders.push(command);
        }
        for heard in self.stock_events.news(stage, found) {
            let event = (heard.value.causation, heard.value.payload);
            self.counters.entry(heard.key).or_default().events.push(event);
        }
        for heard in self.stock_replies.news(stage, found) {
            let reply = heard.value;
            let product = merge::product_of(&reply.payload).to_owned();
            self.cases
                .entry(heard.key)
                .or_default()
                .replies
                .push(reply.payload.clone());
            let replies = &mut self.counters.entry(product).or_default().replies;
            replies.entry(reply.causation).or_default().push(reply.payload);
        }
        for heard in self.products.news(stage, found) {
            self.counters.entry(heard.key).or_default().published = Some(heard.value);
        }
    }

    fn hear_orders(&mut self, stage: &Stage, found: &mut Vec<String>) {
        for heard in self.order_commands.news(stage, found) {
            note(&mut self.commands, &heard.key, &heard.value);
            let case = self.cases.entry(heard.key).or_default();
            match heard.value.payload {
                OrderCommandPayload::PlaceOrder(placed) => case.placed = Some(placed),
                OrderCommandPayload::CancelOrder(_) => case.is_given_up = true,
            }
        }
        for heard in self.order_events.news(stage, found) {
            if let OrderEventPayload::StepTimedOut(_) = heard.value.payload {
                self.cases.entry(heard.key).or_default().has_timed_out = true;
            }
        }
        for heard in self.orders.news(stage, found) {
            self.cases.entry(heard.key).or_default().snapshot = Some(heard.value.clone());
            self.snapshots.push(heard.value);
        }
    }

    /// I10: whatever somebody was told is stored stands in its topic.
    fn judge_accepted(&self, accepted: &[Accepted]) -> Vec<String> {
        let is_lost = |accepted: &&Accepted| {
            let place = (accepted.topic, accepted.key.clone());
            let stored = self.commands.get(&place);
            !stored.is_some_and(|ids| ids.contains(&accepted.id))
        };
        let lost = accepted.iter().filter(is_lost);
        lost.map(|Accepted { topic, key, id }| format!("I10: the accepted command {id} for {key} is not in {topic}"))
            .collect()
    }

    fn judge_till(&self, lists: &Lists) -> Vec<String> {
        let mut found = Vec::new();
        let (mut paid, mut booked) = (BTreeMap::new(), BTreeMap::new());
        for (account, commands) in &self.wallets {
            let mut till = Till::of(account);
            for (id, command) in commands {
                let (event, entry) = till.take(command);
                paid.entry(id.clone()).or_insert_with(Vec::new).extend(event);
                booked.entry(id.clone()).or_insert_with(Vec::new).extend(entry);
            }
            found.extend(lists.judge_wallet(account, till.free, till.held));
        }
        found.extend(merge::difference("payment-events", &paid, &self.paid));
        found.extend(merge::difference("ledger-entries", &booked, &self.booked));
        found
    }
}

fn note<P>(
    commands: &mut BTreeMap<(&'static str, String), Vec<String>>,
    key: &str,
    command: &schemas::wire::envelope::Envelope<P>,
) where
    schemas::wire::envelope::Envelope<P>: schemas::wire::Wire,
{
    let topic = <schemas::wire::envelope::Envelope<P> as schemas::wire::Wire>::topic().name;
    commands
        .entry((topic, key.to_owned()))
        .or_default()
        .push(command.id.clone());
}

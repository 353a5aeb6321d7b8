//! A small world of orders, products and wallets, and the messages between them that are still under way.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use commerce::authority::{Actor, Role};
use commerce::ids::{AccountId, LineNo, OrderId, ProductId, SettlementId};
use commerce::invariants::{self, Violation};
use commerce::money::{Currency, Money};
use commerce::order::{
    CancelOrder, Deadline, Effect, LineCommand, LineCommandKind, OrderInput, OrderSnapshot, OrderState, PlaceOrder,
    RecordedEvent, RequestedLine, SagaStep,
};
use commerce::payment::{
    CardStep, CardToken, Credit, LedgerAccount, LedgerEntry, LedgerKind, NewTransfer, Payment, PaymentCommand,
    PaymentEvent, PaymentStep, ProviderAnswer, ProviderCall, ProviderOutcome, ProviderTask, Wallet, step_answer,
    step_credit, step_overdue, step_payment, step_transfer,
};
use commerce::product::{Product, ProductCommand};
use commerce::stock::{Hold, StockChange, StockCommand, StockEventKind};
use commerce::{order, product, stock, wire};

/// Something on its way to an order, a stock ledger, a wallet or the payment provider, or back from that.
#[derive(Debug, Clone)]
pub enum Message {
    Order(OrderId, OrderInput),
    Stock(ProductId, StockCommand),
    Wallet(AccountId, PaymentCommand),
    Provider(AccountId, ProviderCall),
    Answer(AccountId, ProviderAnswer),
}

/// A message with the text by which two worlds are compared.
#[derive(Debug, Clone)]
pub struct UnderWay {
    pub message: Message,
    label: String,
}

/// One moment. A search clones worlds for most of its time, and the step after that changes a part of one: the others stay shared.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub orders: Rc<BTreeMap<OrderId, OrderState>>,
    products: Rc<BTreeMap<ProductId, Product>>,
    holds: Rc<BTreeMap<(ProductId, OrderId, LineNo), Hold>>,
    wallets: Rc<BTreeMap<AccountId, Wallet>>,
    payments: Rc<BTreeMap<(AccountId, OrderId), Payment>>,
    credits: Rc<BTreeMap<(AccountId, SettlementId), Credit>>,
    /// What the payment provider has done about each call; it does nothing twice.
    provider: Rc<BTreeMap<String, ProviderOutcome>>,
    pub under_way: Vec<Rc<UnderWay>>,
    now: i64,
    deposited: i64,
    pub history: History,
}

/// What has been published so far; it is no part of the world's identity.
#[derive(Debug, Clone, Default)]
pub struct History {
    events: Rc<BTreeMap<OrderId, Vec<RecordedEvent>>>,
    changes: Rc<Vec<(ProductId, StockChange)>>,
    entries: Rc<Vec<LedgerEntry>>,
    pub messages: Vec<Message>,
    pub keep_messages: bool,
}

fn due(order: &OrderState) -> Option<i64> {
    let deadline = order.deadline.map(|deadline| deadline.due_at);
    deadline.into_iter().chain(order.moves_at()).min()
}

pub fn krw(amount: i64) -> Money {
    Money::new(amount, Currency::parse("KRW").unwrap())
}

fn buyer(id: &AccountId) -> Actor {
    Actor {
        account_id: id.clone(),
        role: Role::Buyer,
    }
}

impl World {
    pub fn with_product(mut self, id: &str, price: i64, stock: i64) -> Self {
        let create = ProductCommand::Create {
            seller_id: "seller".into(),
            name: id.to_owned(),
            price: krw(price),
            stock,
        };
        let step = product::step(&id.into(), None, None, create, &Actor::system("test"), 0);
        let StockEventKind::Changed(change) = step.event.unwrap().kind else {
            panic!("the product was refused")
        };
        Rc::make_mut(&mut self.history.changes).push((id.into(), change));
        Rc::make_mut(&mut self.products).insert(id.into(), step.product.unwrap());
        self
    }

    pub fn with_wallet(mut self, id: &str, amount: i64) -> Self {
        let id = AccountId::from(id);
        let transfer = NewTransfer::deposit(id.as_str().into(), krw(amount));
        let step = step_transfer(&id, None, None, None, transfer, &buyer(&id), 0).unwrap();
        self.note(step.entry);
        Rc::make_mut(&mut self.wallets).insert(id, step.wallet.unwrap());
        self.deposited += amount;
        self
    }

    /// An order under way to the saga: its lines are product and quantity.
    pub fn with_order(self, id: &str, account: &str, lines: &[(&str, i64)]) -> Self {
        self.with_order_by(id, account, lines, None)
    }

    /// The same, paid with a card if there is one.
    pub fn with_order_by(mut self, id: &str, account: &str, lines: &[(&str, i64)], card: Option<&str>) -> Self {
        let lines = (1..).zip(lines);
        let place = PlaceOrder {
            command_id: id.into(),
            at: 0,
            actor: buyer(&account.into()),
            buyer_id: account.into(),
            lines: lines
                .map(|(line, (product, quantity))| RequestedLine {
                    line: LineNo(line),
                    product_id: (*product).into(),
                    quantity: *quantity,
                })
                .collect(),
            currency: None,
            request_hash: id.to_owned(),
            card: card.map(|card| CardToken::parse(card).unwrap()),
        };
        self.send(Message::Order(id.into(), OrderInput::Place(place)));
        self
    }

    pub fn send(&mut self, message: Message) {
        if self.history.keep_messages {
            self.history.messages.push(message.clone());
        }
        let label = format!("{message:?}");
        self.under_way.push(Rc::new(UnderWay { message, label }));
    }

    /// Delivers one message; a duplicate stays under way.
    pub fn deliver(&mut self, at: usize, duplicate: bool) {
        let delivered = if duplicate {
            Rc::clone(&self.under_way[at])
        } else {
            self.under_way.remove(at)
        };
        self.handle(delivered.message.clone());
    }

    pub fn handle(&mut self, message: Message) {
        match message {
            Message::Order(order, input) => self.at_order(&order, input),
            Message::Stock(product, command) => self.at_stock(&product, &command),
            Message::Wallet(account, command) => self.at_wallet(&account, command),
            Message::Provider(account, call) => self.at_provider(account, &call, ProviderOutcome::Done),
            Message::Answer(account, answer) => self.at_card(&account, &answer),
        }
    }

    /// Delivers a call to the provider, who declines it; whether this was one, of which nothing was known.
    pub fn decline(&mut self, at: usize) -> bool {
        let Message::Provider(account, call) = self.under_way[at].message.clone() else {
            return false;
        };
        // A hold can always be given up.
        if self.provider.contains_key(&call.call_id) || matches!(call.task, ProviderTask::Step(_, CardStep::Void)) {
            return false;
        }
        self.under_way.remove(at);
        self.at_provider(account, &call, ProviderOutcome::Declined);
        true
    }

    /// Loses a call to the provider, or its answer; whether this was one.
    pub fn lose(&mut self, at: usize) -> bool {
        let is_lost = matches!(self.under_way[at].message, Message::Provider(..) | Message::Answer(..));
        if is_lost {
            self.under_way.remove(at);
        }
        is_lost
    }

    /// The payments whose provider has yet to answer.
    pub fn asking(&self) -> Vec<(AccountId, OrderId)> {
        let asks = |payment: &Payment| payment.asks_again_at().is_some();
        let asking = self.payments.iter().filter(|(_, payment)| asks(payment));
        asking.map(|(key, _)| key.clone()).collect()
    }

    /// The provider has not answered in time.
    pub fn ask_again(&mut self, (account, order): &(AccountId, OrderId)) {
        let key = (account.clone(), order.clone());
        let (wallet, payment) = (self.wallets.get(account).cloned(), self.payments.get(&key).cloned());
        let due = payment.as_ref().and_then(Payment::asks_again_at);
        self.now = self.now.max(due.unwrap_or(0));
        let step = step_overdue(account, wallet, payment, order, self.now);
        self.after_payment(key, step);
    }

    pub fn cancel(&mut self, order: &OrderId) {
        let actor = buyer(&self.orders[order].buyer_id);
        let command_id = format!("cancel-{order}").as_str().into();
        let input = OrderInput::Cancel(CancelOrder {
            command_id,
            actor,
            reason: None,
        });
        self.send(Message::Order(order.clone(), input));
    }

    /// The buyer or the seller does something with all lines of an order that it can be about.
    pub fn command(&mut self, order: &OrderId, kind: LineCommandKind, by: Role) {
        let account_id = match by {
            Role::Buyer => self.orders[order].buyer_id.clone(),
            Role::Seller | Role::System => "seller".into(),
        };
        let command_id = format!("{kind:?} of {order} by {by:?}").as_str().into();
        let input = OrderInput::Lines(LineCommand {
            command_id,
            actor: Actor { account_id, role: by },
            lines: Vec::new(),
            kind,
        });
        self.send(Message::Order(order.clone(), input));
    }

    pub fn pass_deadline(&mut self, order: &OrderId) {
        let due = due(&self.orders[order]);
        self.now = self.now.max(due.unwrap_or(0));
        self.at_order(order, OrderInput::DeadlinePassed);
    }

    pub fn waiting(&self) -> Vec<OrderId> {
        let waiting = self.orders.iter().filter(|(_, state)| due(state).is_some());
        waiting.map(|(id, _)| id.clone()).collect()
    }

    fn note(&mut self, entry: Option<LedgerEntry>) {
        if let Some(entry) = entry {
            Rc::make_mut(&mut self.history.entries).push(entry);
        }
    }

    fn at_order(&mut self, id: &OrderId, input: OrderInput) {
        let before = self.orders.get(id).cloned();
        let step = order::step(before.clone(), id, input, self.now);
        if let (Some(before), Some(after)) = (&before, &step.state) {
            assert!(
                before.step() != SagaStep::Cancelled || after.step() == SagaStep::Cancelled,
                "a cancelled order came back: {before:?} -> {after:?}"
            );
            assert!(before.cancelling.is_none() || before.cancelling == after.cancelling);
        }
        for effect in step.effects {
            match effect {
                Effect::Stock(ask) => self.send(Message::Stock(ask.product_id, ask.command)),
                Effect::Payment(ask) => self.send(Message::Wallet(ask.account_id, ask.command)),
            }
        }
        if !step.events.is_empty() {
            let events = Rc::make_mut(&mut self.history.events);
            events.entry(id.clone()).or_default().extend(step.events);
        }
        if let Some(state) = step.state {
            Rc::make_mut(&mut self.orders).insert(id.clone(), state);
        }
    }

    fn at_stock(&mut self, id: &ProductId, command: &StockCommand) {
        let (order, line) = command.hold();
        let key = (id.clone(), order.clone(), line);
        let product = self.products.get(id).cloned();
        let hold = self.holds.get(&key).cloned();
        let step = stock::step(id, product, hold, command, &Actor::system("orders"), self.now);
        if let Some(StockEventKind::Changed(change)) = step.event.map(|event| event.kind) {
            Rc::make_mut(&mut self.history.changes).push((id.clone(), change));
        }
        if let Some(product) = step.product {
            Rc::make_mut(&mut self.products).insert(id.clone(), product);
        }
        if let Some(hold) = step.hold {
            Rc::make_mut(&mut self.holds).insert(key, hold);
        }
        if let Some(reply) = step.reply {
            self.send(Message::Order(order.clone(), OrderInput::Stock(reply)));
        }
    }

    fn at_wallet(&mut self, id: &AccountId, command: PaymentCommand) {
        if let PaymentCommand::Credit {
            order_id,
            settlement_id,
            amount,
        } = command
        {
            return self.at_seller(id, (order_id, settlement_id, amount));
        }
        let order = command.order_id().expect("no order deposits").clone();
        let key = (id.clone(), order);
        let (wallet, payment) = (self.wallets.get(id).cloned(), self.payments.get(&key).cloned());
        let step = step_payment(id, None, wallet, payment, command, &Actor::system("orders"), self.now).unwrap();
        let by_card = step.payment.as_ref().is_some_and(|payment| payment.card.is_some());
        assert!(by_card || step.event.is_some(), "a wallet answers at once");
        self.after_payment(key, step);
    }

    fn after_payment(&mut self, key: (AccountId, OrderId), step: PaymentStep) {
        let (account, order) = key.clone();
        self.note(step.entry);
        if let Some(wallet) = step.wallet {
            Rc::make_mut(&mut self.wallets).insert(account.clone(), wallet);
        }
        if let Some(payment) = step.payment {
            Rc::make_mut(&mut self.payments).insert(key, payment);
        }
        if let Some(call) = step.call {
            self.send(Message::Provider(account, call));
        }
        if let Some(event) = step.event {
            self.answer(order, event);
        }
    }

    fn at_provider(&mut self, account: AccountId, call: &ProviderCall, outcome: ProviderOutcome) {
        let outcome = *Rc::make_mut(&mut self.provider)
            .entry(call.call_id.clone())
            .or_insert(outcome);
        let ProviderTask::Step(order_id, _) = &call.task else {
            panic!("no order pays out")
        };
        let answer = ProviderAnswer {
            call_id: call.call_id.clone(),
            order_id: order_id.clone(),
            outcome,
        };
        self.send(Message::Answer(account, answer));
    }

    fn at_card(&mut self, id: &AccountId, answer: &ProviderAnswer) {
        let key = (id.clone(), answer.order_id.clone());
        let (wallet, payment) = (self.wallets.get(id).cloned(), self.payments.get(&key).cloned());
        let step = step_answer(id, wallet, payment, answer, self.now);
        self.after_payment(key, step);
    }

    fn at_seller(&mut self, id: &AccountId, credit: (OrderId, SettlementId, Money)) {
        let (order, key) = (credit.0.clone(), (id.clone(), credit.1.clone()));
        let (wallet, made) = (self.wallets.get(id).cloned(), self.credits.get(&key).copied());
        let step = step_credit(id, wallet, made, credit, &Actor::system("orders"), self.now).unwrap();
        self.note(step.entry);
        if let Some(wallet) = step.wallet {
            Rc::make_mut(&mut self.wallets).insert(id.clone(), wallet);
        }
        if let Some(credit) = step.credit {
            Rc::make_mut(&mut self.credits).insert(key, credit);
        }
        self.answer(order, step.event);
    }

    fn answer(&mut self, order: OrderId, event: PaymentEvent) {
        let input = match event {
            PaymentEvent::Fact { fact, .. } => OrderInput::Payment(fact),
            PaymentEvent::Refused { .. } => OrderInput::PaymentRefused,
            PaymentEvent::Unknown { .. } => return,
            other => panic!("an order was answered with {other:?}"),
        };
        self.send(Message::Order(order, input));
    }

    /// What must hold at every moment.
    pub fn check_now(&self) {
        for product in self.products.values() {
            let own = self.holds.iter().filter(|((id, ..), _)| *id == product.product_id);
            self.expect_none(&invariants::i1_stock(product, own.map(|(_, hold)| hold)));
        }
        for state in self.orders.values() {
            self.expect_none(&invariants::i6_waits_with_a_deadline(state));
        }
        let mut money = 0;
        for wallet in self.wallets.values() {
            for balance in wallet.balances.values() {
                assert!(balance.available >= 0 && balance.held >= 0, "{wallet:?}");
                money += balance.available + balance.held;
            }
        }
        for payment in self.payments.values() {
            assert!(payment.in_escrow() >= 0, "{payment:?}");
            money += payment.captured() - payment.refunded();
        }
        // What was settled is counted as the order's money until its seller has it.
        money -= self.credits.values().map(|credit| credit.amount.amount).sum::<i64>();
        assert_eq!(money, self.deposited + self.brought_by_cards(), "money came or went");
        self.check_provider();
    }

    /// What has come from cards, less what has gone back to them, as the books say.
    fn brought_by_cards(&self) -> i64 {
        let by_card = self
            .history
            .entries
            .iter()
            .filter(|entry| entry.kind != LedgerKind::Deposit);
        let postings = by_card.flat_map(|entry| &entry.postings);
        let outside = postings.filter(|posting| posting.account == LedgerAccount::Outside);
        -outside.map(|posting| posting.amount).sum::<i64>()
    }

    /// Of what was not asked the provider has done nothing, and the books never have what it has not done.
    fn check_provider(&self) {
        for payment in self.payments.values() {
            let Some(card) = &payment.card else { continue };
            for (call, outcome) in &card.outcomes {
                assert_eq!(self.provider.get(call), Some(outcome), "{payment:?}");
            }
        }
    }

    /// What must hold when nothing is under way: every order has ended, and left behind what it should.
    pub fn check_end(&self) {
        assert!(self.under_way.is_empty());
        let changes = || self.history.changes.iter().map(|(product, change)| (product, change));
        self.expect_none(&invariants::i1_stock_changes(changes()));
        self.expect_none(&invariants::i2_holds_resolved_once(changes()));
        self.expect_none(&invariants::i3_ledger_sums_to_zero(self.history.entries.iter()));
        self.expect_none(&invariants::i4_refunded_captured_authorised(
            self.history.entries.iter(),
        ));
        let ids = self.history.entries.iter().map(|entry| entry.entry_id.as_str());
        self.expect_none(&invariants::i5_no_operation_twice(ids));
        assert_eq!(self.asking(), [], "the provider has yet to answer");
        self.check_statement();
        for (id, state) in self.orders.iter() {
            assert!(state.step().is_final(), "order {id} never ended: {state:#?}");
            assert!(!state.needs_attention, "order {id} needs attention: {state:#?}");
            let published = wire::order::snapshot(&OrderSnapshot::of(state));
            self.expect_none(&invariants::i6_every_order_ends(&published, i64::MAX));
            let all = self.history.changes.iter().map(|(_, change)| change);
            self.expect_none(&invariants::i7_cancelled_leaves_nothing(
                &published,
                self.history.entries.iter(),
                all,
            ));
            self.expect_none(&invariants::i8_snapshot_is_fold(&self.history.events[id], &published));
        }
    }

    /// What the provider has done is what the books have: held or not, taken or not, given back or not.
    fn check_statement(&self) {
        let done = |call: String| self.provider.get(&call) == Some(&ProviderOutcome::Done);
        for ((_, order), payment) in self.payments.iter() {
            use commerce::payment::Standing;
            if payment.card.is_none() {
                continue;
            }
            let [held, taken, given_up] =
                [CardStep::Authorize, CardStep::Capture, CardStep::Void].map(|step| done(step.call_id(order)));
            let expected = match payment.status {
                Standing::Captured => (true, true, false),
                // At once, or when the money was to be taken.
                Standing::Declined(_) => (held, false, false),
                Standing::Voided => (true, false, true),
                Standing::Asked | Standing::Held => panic!("{payment:?}"),
            };
            assert_eq!((held, taken, given_up), expected, "{payment:?} {:?}", self.provider);
        }
    }

    fn expect_none(&self, violations: &[Violation]) {
        assert!(violations.is_empty(), "{violations:#?}\n{:#?}", self.history.events);
    }

    /// What tells two worlds apart: everything that can change what happens next. Times cannot.
    pub fn identity(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for state in self.orders.values() {
            let mut timeless = OrderState {
                created_at: 0,
                updated_at: 0,
                deadline: state.deadline.map(|deadline| Deadline { due_at: 0, ..deadline }),
                timer: None,
                ..state.clone()
            };
            for line in &mut timeless.lines {
                line.fulfilment.moves_at = line.fulfilment.moves_at.map(|_| 0);
            }
            rmp_serde::to_vec(&timeless).unwrap().hash(&mut hasher);
        }
        for hold in self.holds.values() {
            rmp_serde::to_vec(&Hold {
                changed_at: 0,
                ..hold.clone()
            })
            .unwrap()
            .hash(&mut hasher);
        }
        for payment in self.payments.values() {
            let mut timeless = Payment {
                changed_at: 0,
                ..payment.clone()
            };
            let calls = timeless.card.iter_mut().flat_map(|card| &mut card.calls);
            calls.for_each(|call| call.due_at = call.due_at.min(1));
            rmp_serde::to_vec(&timeless).unwrap().hash(&mut hasher);
        }
        self.provider.hash(&mut hasher);
        for (settlement, credit) in self.credits.iter() {
            (settlement, credit.amount.amount).hash(&mut hasher);
        }
        let mut labels: Vec<&str> = self
            .under_way
            .iter()
            .map(|under_way| under_way.label.as_str())
            .collect();
        labels.sort_unstable();
        labels.hash(&mut hasher);
        hasher.finish()
    }

    /// Whether an equal message stands earlier in the list: delivering it leads to the same worlds.
    pub fn is_repeated(&self, at: usize) -> bool {
        self.under_way[..at]
            .iter()
            .any(|earlier| earlier.label == self.under_way[at].label)
    }

    /// Delivers all that is under way, and asks the provider again until it has answered everything.
    pub fn hear_out(&mut self) {
        for _ in 0..100 {
            self.drain();
            let asking = self.asking();
            if asking.is_empty() {
                return;
            }
            for payment in &asking {
                self.ask_again(payment);
            }
        }
        panic!("the provider is asked for ever: {:?}", self.payments);
    }

    /// Delivers all that is under way, oldest first.
    pub fn drain(&mut self) {
        for _ in 0..10_000 {
            if self.under_way.is_empty() {
                return;
            }
            self.deliver(0, false);
            self.check_now();
        }
        panic!("the participants never stop talking: {:?}", self.under_way);
    }
}

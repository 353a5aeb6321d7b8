//! Sellers and buyers: what they want comes from the seed, and they ask until they are told that it is stored.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use commerce::ids::{self, AccountId};
use schemas::SchemaTable;
use schemas::wire::Wire;
use schemas::wire::envelope::{Actor, Envelope, Money, Role};
use schemas::wire::{account, fulfilment, order, payment, product};

use super::gateway::Gateway;
use crate::workload::Stage;

const PRODUCTS: u64 = 4;
const BUYERS: u64 = 5;
/// Buyers who pay by card: nothing but what the provider does not take back is in their wallets, whenever it comes there.
const CARD_HOLDERS: u64 = 2;
/// Buyers who buy nothing and have what they have paid out. It is more than they ask for, so no refusal depends on when the provider
/// answers.
const SAVERS: u64 = 2;
/// What each of them has.
const SAVED: i64 = 100_000;
/// How many payouts each of them asks for.
const PAYOUTS: std::ops::Range<u64> = 1..7;
/// What a payout is of.
const PAID_OUT: std::ops::Range<u64> = 100..8_000;
/// Buyers of each kind whose account is disabled in the course of a run.
const DISABLED: u64 = 1;
/// Times in a thousand that an order is cancelled by its buyer.
const CANCELLED: u64 = 350;
/// Times in a thousand that an order is paid by card.
const BY_CARD: u64 = 250;
/// Times in a thousand that somebody asks again for what is stored.
const ASKED_AGAIN: u64 = 100;
/// Times in a thousand that stock comes or a withdrawal is made between two orders.
const BESIDE: u64 = 150;
/// Times in a thousand that a cancellation comes while the order is still on its way through the saga.
const CANCELLED_AT_ONCE: u64 = 700;
/// Times in a thousand that it is a price that changes.
const REPRICED: u64 = 300;
/// Times in a thousand that buyer and sellers do something with the lines of an order that is not cancelled.
const FULFILLED: u64 = 600;
/// How long they wait before each thing that they do.
const BETWEEN_DEEDS: std::ops::Range<Duration> = Duration::from_millis(50)..Duration::from_secs(2);
/// How long after an order its cancellation comes then.
const AT_ONCE: std::ops::Range<Duration> = Duration::from_millis(1)..Duration::from_millis(250);
/// How long after an order its cancellation comes otherwise.
const SECOND_THOUGHTS: std::ops::Range<Duration> = Duration::from_millis(250)..Duration::from_secs(3);

/// Everybody outside the shop.
pub(super) struct Customers {
    left: Arc<AtomicUsize>,
    accepted: Book,
}

/// A command of which somebody was told that it is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Accepted {
    pub(super) topic: &'static str,
    pub(super) key: String,
    pub(super) id: String,
}

type Book = Arc<Mutex<Vec<Accepted>>>;

impl Customers {
    pub(super) fn begin(stage: &Stage, schemas: &Arc<SchemaTable>, orders: usize) -> Self {
        let gateway = Gateway::open(stage, schemas);
        let customers = Self {
            left: Arc::new(AtomicUsize::new(0)),
            accepted: Arc::default(),
        };
        for number in 0..PRODUCTS {
            customers.act(stage, &gateway, Duration::ZERO, move |act| act.offer(number));
        }
        for number in 0..BUYERS + CARD_HOLDERS + SAVERS {
            let is_last = number + 1 == BUYERS + CARD_HOLDERS + SAVERS;
            let life = (is_last || number % BUYERS < DISABLED).then(|| stage.around(stage.faults.span / 2));
            customers.act(stage, &gateway, Duration::ZERO, move |act| {
                act.be_registered(number, life);
            });
        }
        for number in 0..BUYERS {
            customers.act(stage, &gateway, Duration::ZERO, move |act| {
                act.deposit(number, 0, 40_000);
            });
        }
        for number in BUYERS + CARD_HOLDERS..BUYERS + CARD_HOLDERS + SAVERS {
            customers.act(stage, &gateway, Duration::ZERO, move |act| act.be_paid_out(number));
        }
        for number in 0..orders {
            let at = stage.around(stage.faults.span / 2);
            customers.act(stage, &gateway, at, move |act| act.order(number));
            if stage.kafka.world.draw(|random| random.permille(BESIDE)) {
                customers.act(stage, &gateway, at, move |act| act.beside(number));
            }
        }
        customers
    }

    pub(super) fn are_done(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    pub(super) fn accepted(&self) -> Vec<Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn act(&self, stage: &Stage, gateway: &Gateway, at: Duration, work: impl FnOnce(&Act) + Send + 'static) {
        self.left.fetch_add(1, Ordering::Relaxed);
        let act = Act {
            stage: stage.clone(),
            gateway: gateway.clone(),
            accepted: Arc::clone(&self.accepted),
        };
        let left = Arc::clone(&self.left);
        let begun = move || {
            act.stage.kafka.world.sleep(at);
            work(&act);
            left.fetch_sub(1, Ordering::Relaxed);
        };
        stage.kafka.world.spawn(stage.outside, Box::new(begun));
    }
}

/// One thing that somebody does.
struct Act {
    stage: Stage,
    gateway: Gateway,
    accepted: Book,
}

impl Act {
    fn offer(&self, number: u64) {
        let create = product::CreateProduct {
            seller_id: seller(number),
            name: format!("Product {number}"),
            price: krw(1_000 + i64::try_from(number).unwrap_or(0) * 700),
            stock: self.draw(4..30),
        };
        let payload = product::ProductCommandPayload::CreateProduct(create);
        self.send(&product(number), &seller(number), Role::Seller, "create", payload);
    }

    /// Registers a buyer. Some time later an operator ends the account, if it has an end, whatever of it is on its way.
    fn be_registered(&self, buyer: u64, life: Option<Duration>) {
        let id = buyer_id(buyer);
        let register = account::RegisterAccount {
            account_id: id.clone(),
            display_name: id.clone(),
            role: Role::Buyer,
            password_hash: "hash".to_owned(),
        };
        let payload = account::AccountCommandPayload::RegisterAccount(register);
        self.send(&id, &id, Role::Buyer, "register", payload);
        if let Some(life) = life {
            self.stage.kafka.world.sleep(life);
            let payload = account::AccountCommandPayload::DisableAccount(account::DisableAccount {});
            self.send(&id, "operator", Role::System, "disable", payload);
        }
    }

    fn deposit(&self, buyer: u64, turn: usize, amount: i64) {
        let deposit = payment::Deposit {
            deposit_id: format!("buyer-{buyer}-deposit-{turn}"),
            amount: krw(amount),
        };
        let payload = payment::PaymentCommandPayload::Deposit(deposit);
        self.send(
            &buyer_id(buyer),
            &buyer_id(buyer),
            Role::Buyer,
            &format!("deposit-{turn}"),
            payload,
        );
    }

    /// Puts money by and has parts of it paid out.
    fn be_paid_out(&self, saver: u64) {
        self.deposit(saver, 0, SAVED);
        for turn in 0..self.draw(PAYOUTS) {
            let pause = self.stage.kafka.world.draw(|random| random.time(BETWEEN_DEEDS));
            self.stage.kafka.world.sleep(pause);
            let withdraw = payment::Withdraw {
                withdrawal_id: format!("payout-{saver}-{turn}"),
                amount: krw(self.draw(PAID_OUT)),
                card: Some("a_card".to_owned()),
            };
            let payload = payment::PaymentCommandPayload::Withdraw(withdraw);
            let (id, what) = (buyer_id(saver), format!("pay-out-{turn}"));
            self.send(&id, &id, Role::Buyer, &what, payload);
        }
    }

    /// Something between two orders: stock comes, a price changes, or money goes.
    fn beside(&self, turn: usize) {
        let number = self.pick(PRODUCTS);
        if self.permille(REPRICED) {
            let change = product::ChangeProduct {
                name: None,
                price: Some(krw(self.draw(500..4_000))),
                if_version: None,
            };
            let payload = product::ProductCommandPayload::ChangeProduct(change);
            self.send(
                &product(number),
                &seller(number),
                Role::Seller,
                &format!("change-{turn}"),
                payload,
            );
        } else if self.permille(500) {
            let adjust = product::AdjustStock {
                delta: self.draw(1..9) - 3,
                adjustment_id: format!("adjustment-{turn}"),
            };
            let payload = product::ProductCommandPayload::AdjustStock(adjust);
            self.send(
                &product(number),
                &seller(number),
                Role::Seller,
                &format!("adjust-{turn}"),
                payload,
            );
        } else {
            let buyer = self.pick(BUYERS);
            let withdraw = payment::Withdraw {
                withdrawal_id: format!("withdrawal-{turn}"),
                amount: krw(self.draw(100..8_000)),
                card: None,
            };
            let payload = payment::PaymentCommandPayload::Withdraw(withdraw);
            self.send(
                &buyer_id(buyer),
                &buyer_id(buyer),
                Role::Buyer,
                &format!("withdraw-{turn}"),
                payload,
            );
        }
    }

    fn order(&self, number: usize) {
        let is_by_card = self.permille(BY_CARD);
        let buyer = if is_by_card {
            BUYERS + self.pick(CARD_HOLDERS)
        } else {
            self.pick(BUYERS)
        };
        let buyer = buyer_id(buyer);
        let key = format!("request-{number}");
        let order_id = ids::order_id(&AccountId::from(buyer.as_str()), &key).to_string();
        let payload = order::OrderCommandPayload::PlaceOrder(order::PlaceOrder {
            buyer_id: buyer.clone(),
            lines: self.lines(),
            currency: String::new(),
            request_hash: key,
            card: is_by_card.then(|| "a_card".to_owned()),
        });
        let command = self.envelope(&order_id, &buyer, Role::Buyer, "place", payload);
        self.store(&order_id, &command);
        if self.permille(CANCELLED) {
            let range = if self.permille(CANCELLED_AT_ONCE) {
                AT_ONCE
            } else {
                SECOND_THOUGHTS
            };
            let pause = self.stage.kafka.world.draw(|random| random.time(range));
            self.stage.kafka.world.sleep(pause);
            let cancel = order::CancelOrder { reason: None };
            let payload = order::OrderCommandPayload::CancelOrder(cancel);
            self.send(&order_id, &buyer, Role::Buyer, "cancel", payload);
        } else if self.permille(FULFILLED) {
            for turn in 0..self.draw(1..7) {
                let pause = self.stage.kafka.world.draw(|random| random.time(BETWEEN_DEEDS));
                self.stage.kafka.world.sleep(pause);
                self.deed(&order_id, &buyer, turn);
            }
        }
    }

    /// Something that a buyer or a seller does with lines, without looking whether it is the time for it.
    fn deed(&self, order_id: &str, buyer: &str, turn: i64) {
        let (lines, reason) = (self.some_lines(), None);
        let seller = seller(self.pick(2));
        let (kind, by, role, payload) = match self.pick(8) {
            0..=2 => {
                let (carrier, tracking_number) = (None, Some(format!("parcel-{turn}")));
                let ship = fulfilment::ShipLines {
                    lines,
                    carrier,
                    tracking_number,
                };
                let payload = order::OrderCommandPayload::ShipLines(ship);
                ("ship", seller.as_str(), Role::Seller, payload)
            }
            3 | 4 => {
                let confirm = fulfilment::ConfirmDelivery { lines };
                let payload = order::OrderCommandPayload::ConfirmDelivery(confirm);
                ("confirm", buyer, Role::Buyer, payload)
            }
            5 => {
                let request = fulfilment::RequestReturn { lines, reason };
                let payload = order::OrderCommandPayload::RequestReturn(request);
                ("return", buyer, Role::Buyer, payload)
            }
            6 if self.permille(300) => {
                let reject = fulfilment::RejectReturn { lines, reason };
                let payload = order::OrderCommandPayload::RejectReturn(reject);
                ("reject", seller.as_str(), Role::Seller, payload)
            }
            of => {
                let payload = order::OrderCommandPayload::RefundLines(fulfilment::RefundLines { lines, reason });
                if of == 6 {
                    ("take-back", seller.as_str(), Role::Seller, payload)
                } else {
                    ("give-up", buyer, Role::Buyer, payload)
                }
            }
        };
        self.send(order_id, by, role, &format!("{kind}-{turn}"), payload);
    }

    /// All lines, mostly, or the first.
    fn some_lines(&self) -> Vec<i32> {
        if self.permille(700) { Vec::new() } else { vec![1] }
    }

    /// One to three lines; some ask for more than there is.
    fn lines(&self) -> Vec<order::RequestedLine> {
        let count = i32::try_from(self.draw(1..4)).unwrap_or(1);
        (1..=count)
            .map(|line| order::RequestedLine {
                line,
                product_id: product(self.pick(PRODUCTS)),
                quantity: self.draw(1..6),
            })
            .collect()
    }

    fn send<P>(&self, key: &str, by: &str, role: Role, what: &str, payload: P)
    where
        Envelope<P>: edge_api::commands::Command + Clone + 'static,
    {
        let command = self.envelope(key, by, role, what, payload);
        self.store(key, &command);
    }

    fn store<P>(&self, key: &str, command: &Envelope<P>)
    where
        Envelope<P>: edge_api::commands::Command + Clone + 'static,
    {
        self.gateway.store(key, command);
        let accepted = Accepted {
            topic: Envelope::<P>::topic().name,
            key: key.to_owned(),
            id: command.id.clone(),
        };
        self.accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(accepted);
        if self.permille(ASKED_AGAIN) {
            self.gateway.ask(key, command);
        }
    }

    fn envelope<P>(&self, key: &str, by: &str, role: Role, what: &str, payload: P) -> Envelope<P> {
        Envelope {
            id: ids::command_id(what, key, what).to_string(),
            seq: 0,
            at: self.stage.kafka.world.clock_ms(self.stage.outside),
            actor: Actor {
                account_id: by.to_owned(),
                role,
            },
            causation: "request".to_owned(),
            correlation: key.to_owned(),
            payload,
        }
    }

    fn draw(&self, range: std::ops::Range<u64>) -> i64 {
        i64::try_from(self.stage.kafka.world.draw(|random| random.within(range))).unwrap_or(1)
    }

    fn pick(&self, count: u64) -> u64 {
        self.stage.kafka.world.draw(|random| random.within(0..count))
    }

    fn permille(&self, times: u64) -> bool {
        self.stage.kafka.world.draw(|random| random.permille(times))
    }
}

fn product(number: u64) -> String {
    format!("product-{number}")
}

fn seller(number: u64) -> String {
    format!("seller-{}", number % 2)
}

fn buyer_id(number: u64) -> String {
    format!("buyer-{number}")
}

fn krw(amount: i64) -> Money {
    Money {
        amount,
        currency: "KRW".to_owned(),
    }
}

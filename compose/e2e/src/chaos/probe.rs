//! An order that is placed after a fault, to see when the system works again.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use super::field::Field;
use crate::caller::Caller;

/// After this time a system has not recovered.
const RECOVERY_WAIT: Duration = Duration::from_secs(120);
/// Time between two attempts.
const ATTEMPT_EVERY: Duration = Duration::from_millis(50);
/// More of it than a run can order.
const STOCK: i64 = 1_000_000;
const PRICE: i64 = 100;
const BUYER: &str = "probe-buyer";

/// A buyer with enough money, and something to buy.
pub(super) struct Probe {
    buyer: Caller,
    product: String,
    placed: usize,
    /// Ids of the orders that were accepted.
    pub(super) accepted: Vec<String>,
}

impl Probe {
    pub(super) fn new(field: &Field) -> anyhow::Result<Self> {
        let seller = field.edge.account("probe-seller", "SELLER")?;
        let buyer = field.edge.account(BUYER, "BUYER")?;
        buyer.deposit(STOCK * PRICE)?;
        Ok(Self {
            product: seller.product(PRICE, STOCK)?,
            buyer,
            placed: 0,
            accepted: Vec::new(),
        })
    }

    /// Places an order and answers how long it took to be paid. Meanwhile the field is looked after.
    pub(super) fn until_paid(&mut self, field: &mut Field) -> anyhow::Result<Duration> {
        self.placed += 1;
        let key = format!("probe-{}", self.placed);
        let began = Instant::now();
        let mut last = String::new();
        while began.elapsed() < RECOVERY_WAIT {
            match self.attempt(field, &key) {
                Ok(order) => {
                    self.accepted.push(order);
                    return Ok(began.elapsed());
                }
                Err(error) => last = format!("{error:#}"),
            }
            field.watch(ATTEMPT_EVERY)?;
        }
        bail!("no recovery: an order was not paid within {RECOVERY_WAIT:?}; {last}")
    }

    fn attempt(&mut self, field: &Field, key: &str) -> anyhow::Result<String> {
        let answer = self.buyer.try_order(key, &self.product, 1)?;
        if answer.status == 401 {
            self.buyer = field.edge.log_in(BUYER)?;
        }
        let order = answer.body.get("order_id").and_then(Value::as_str);
        let order = order.with_context(|| format!("{answer:?}"))?.to_owned();
        let seen = self.buyer.settled(&order)?;
        anyhow::ensure!(seen.get("status").and_then(Value::as_str) == Some("PAID"), "{seen}");
        Ok(order)
    }
}

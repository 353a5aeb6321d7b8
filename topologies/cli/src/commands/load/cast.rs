//! Who takes part: buyers with and without money, and products with and without stock.

use std::sync::Arc;

use anyhow::Context;
use edge_api::clock::{SystemEntropy, hex, random_bytes};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::LoadArguments;
use super::shop::{Account, Call, Shop};
use crate::progress::Progress;

/// Accounts and products that are made at the same time; registrations cost the edge a password hash each.
const MADE_AT_ONCE_MAX: usize = 4;
/// Minor units of a product's price.
const PRICE: u64 = 1_500;
/// Pieces of a line, at most.
const QUANTITY_MAX: u64 = 3;
/// One in so many of the buyers has no money, and one in so many of the products no stock, at least one each.
const ONE_WITHOUT_IN: u32 = 10;

/// Everything that orders are made of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cast {
    /// Names this run: part of every e-mail address and idempotency key.
    pub(super) run: String,
    #[serde(with = "shared")]
    rich: Vec<Arc<Account>>,
    #[serde(with = "shared")]
    poor: Vec<Arc<Account>>,
    stocked: Vec<String>,
    sold_out: Vec<String>,
    declines: u64,
    stock_outs: u64,
    cards: u64,
    lines: u32,
}

/// One order before it is placed.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) buyer: Arc<Account>,
    pub(super) key: String,
    pub(super) body: Value,
}

impl Cast {
    /// The cast of a file under a new name, or a new one, which is kept there.
    pub(super) async fn of(shop: &Arc<Shop>, arguments: &LoadArguments) -> anyhow::Result<Self> {
        let Some(file) = &arguments.cast else {
            return Self::assemble(shop, arguments).await;
        };
        if let Ok(kept) = std::fs::read(file) {
            let kept: Self = serde_json::from_slice(&kept)
                .with_context(|| format!("{} is no cast; remove it to make a new one", file.display()))?;
            let seed: [u8; 6] = random_bytes(&SystemEntropy)?;
            return Ok(Self {
                run: hex(&seed),
                ..kept
            });
        }
        let cast = Self::assemble(shop, arguments).await?;
        std::fs::write(file, serde_json::to_vec(&cast)?).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(cast)
    }

    /// Makes the accounts and the products.
    async fn assemble(shop: &Arc<Shop>, arguments: &LoadArguments) -> anyhow::Result<Self> {
        let seed: [u8; 6] = random_bytes(&SystemEntropy)?;
        let run = hex(&seed);
        let poor = if arguments.declines > 0 {
            arguments.buyers.div_ceil(ONE_WITHOUT_IN)
        } else {
            0
        };
        let sold_out = if arguments.stock_outs > 0 {
            arguments.products.div_ceil(ONE_WITHOUT_IN)
        } else {
            0
        };
        let steps = u64::from(arguments.buyers + poor + arguments.products + sold_out) + 1;
        let maker = Maker {
            shop: Arc::clone(shop),
            password: format!("load {run} password"),
            pieces: arguments.orders * QUANTITY_MAX,
            money: arguments.orders * QUANTITY_MAX * PRICE * u64::from(arguments.lines),
            progress: Progress::start(steps, "accounts and products"),
            run: run.clone(),
        };
        let seller = Arc::new(maker.account("seller", 0, "SELLER").await?);
        let maker = Arc::new(maker);
        let cast = Self {
            rich: many(arguments.buyers, |number| maker.clone().buyer("buyer", number, true)).await?,
            poor: many(poor, |number| maker.clone().buyer("poor", number, false)).await?,
            stocked: many(arguments.products, |number| {
                maker.clone().product(seller.clone(), number, true)
            })
            .await?,
            sold_out: many(sold_out, |number| maker.clone().product(seller.clone(), number, false)).await?,
            run,
            declines: arguments.declines.into(),
            stock_outs: arguments.stock_outs.into(),
            cards: arguments.cards.into(),
            lines: arguments.lines,
        };
        maker.progress.finish();
        Ok(cast)
    }

    /// Order number `number`. The same number of the same run is always the same order.
    pub(super) fn draft(&self, number: u64) -> anyhow::Result<Draft> {
        let mut dice = Dice(number);
        let declined = dice.roll(100) < self.declines;
        let stock_out = !declined && dice.roll(100) < self.stock_outs;
        let buyer = dice
            .pick(if declined { &self.poor } else { &self.rich })
            .context("there is no buyer")?;
        let first = dice.roll(self.stocked.len() as u64);
        let mut lines: Vec<Value> = (first..)
            .take(self.lines as usize)
            .filter_map(|at| {
                self.stocked
                    .get(usize::try_from(at % self.stocked.len().max(1) as u64).ok()?)
            })
            .map(|product| json!({ "product_id": product, "quantity": 1 + dice.roll(QUANTITY_MAX) }))
            .collect();
        if let Some(product) = dice.pick(&self.sold_out).filter(|_| stock_out) {
            lines.pop();
            lines.push(json!({ "product_id": product, "quantity": 1 }));
        }
        let body = if dice.roll(100) < self.cards {
            json!({ "lines": lines, "card": dice.card() })
        } else {
            json!({ "lines": lines })
        };
        let (buyer, key) = (Arc::clone(buyer), format!("load-{}-{number}", self.run));
        Ok(Draft { buyer, key, body })
    }
}

/// Shared accounts as a list in a file.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Account;

    pub(super) fn serialize<S: Serializer>(accounts: &[Arc<Account>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(accounts.iter().map(AsRef::as_ref))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Arc<Account>>, D::Error> {
        let accounts = Vec::<Account>::deserialize(from)?;
        Ok(accounts.into_iter().map(Arc::new).collect())
    }
}

/// What making accounts and products needs.
struct Maker {
    shop: Arc<Shop>,
    run: String,
    password: String,
    pieces: u64,
    money: u64,
    progress: Progress,
}

impl Maker {
    async fn account(&self, kind: &str, number: u32, role: &str) -> anyhow::Result<Account> {
        let email = format!("load-{}-{kind}-{number}@example.com", self.run);
        let account = self.shop.register(email, &self.password, role).await?;
        self.progress.advance();
        Ok(account)
    }

    async fn buyer(self: Arc<Self>, kind: &'static str, number: u32, with_money: bool) -> anyhow::Result<Arc<Account>> {
        let account = self.account(kind, number, "BUYER").await?;
        if with_money {
            let key = format!("load-{}-{kind}-{number}-deposit", self.run);
            let body = json!({ "amount": { "amount": self.money, "currency": "KRW" } });
            let answer = self
                .shop
                .call(&Call::post("/wallet/deposits", body).by(&account).named(&key))
                .await?;
            if !answer.status.is_success() {
                return Err(answer.unexpected("POST /wallet/deposits"));
            }
        }
        Ok(Arc::new(account))
    }

    async fn product(self: Arc<Self>, seller: Arc<Account>, number: u32, in_stock: bool) -> anyhow::Result<String> {
        let stock = if in_stock { self.pieces } else { 0 };
        let name = format!("Load {} {}{number}", self.run, if in_stock { "" } else { "sold out " });
        let key = format!("load-{}-product-{number}-{in_stock}", self.run);
        let body = json!({ "name": name, "price": { "amount": PRICE, "currency": "KRW" }, "stock": stock });
        let answer = self
            .shop
            .call(&Call::post("/products", body).by(&seller).named(&key))
            .await?;
        let product = answer
            .text("product_id")
            .filter(|_| answer.status == StatusCode::CREATED);
        let product = product.ok_or_else(|| answer.unexpected("POST /products"))?.to_owned();
        self.progress.advance();
        Ok(product)
    }
}

/// Makes `count` things, a few at a time, in any order.
async fn many<T, F>(count: u32, make: impl Fn(u32) -> F) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let (mut running, mut things) = (JoinSet::new(), Vec::new());
    for number in 0..count {
        if running.len() >= MADE_AT_ONCE_MAX
            && let Some(done) = running.join_next().await
        {
            things.push(done??);
        }
        running.spawn(make(number));
    }
    while let Some(done) = running.join_next().await {
        things.push(done??);
    }
    Ok(things)
}

/// Numbers that look random and follow from a seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }

    fn card(&mut self) -> &'static str {
        match self.roll(100) {
            0..80 => "sandbox_approved",
            80..90 => "sandbox_declined",
            90..98 => "sandbox_twice",
            _ => "sandbox_timeout",
        }
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.roll(from.len() as u64);
        from.get(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_of_rolls_comes_out_about_right() {
        let below = (0..10_000).filter(|number| Dice(*number).roll(100) < 20).count();
        assert!((1_800..2_200).contains(&below), "{below}");
    }
}

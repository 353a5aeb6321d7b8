//! A product: its entry in the catalogue and the numbers of its stock. One writer per product.

use serde::{Deserialize, Serialize};

use crate::authority::{Actor, act_on_product};
use crate::ids::{AccountId, AdjustmentId, ProductId, RecordId, derive};
use crate::money::Money;
use crate::stock::{HOLD_RETENTION_MS, ProductRefusal, StockChangeKind, StockEvent, ledger_changed, ledger_refused};

/// Characters of a product's name, at most.
pub const NAME_CHARS_MAX: usize = 200;

/// Minor units of a unit price, at most: a line of the largest quantity still has a total.
pub const PRICE_MAX: i64 = 1_000_000_000_000;

/// Pieces of one product on the shelf, at most.
pub const STOCK_MAX: i64 = 1_000_000_000_000;

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The product.
    pub product_id: ProductId,
    /// Whose it is.
    pub seller_id: AccountId,
    /// Its name.
    pub name: String,
    /// The price of one.
    pub price: Money,
    /// Pieces on the shelf, held ones included.
    pub on_hand: i64,
    /// Pieces held for orders.
    pub reserved: i64,
    /// Changes so far, from 1.
    pub version: u64,
    /// Stock events so far.
    pub events: u64,
    /// The fingerprint of its creation, to tell a repeated one from another one.
    pub creation: String,
    /// The last change of its name or price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<RecordId>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

/// What a seller asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductCommand {
    /// Put a new product into the catalogue.
    Create {
        /// Whose it is.
        seller_id: AccountId,
        /// Its name.
        name: String,
        /// The price of one.
        price: Money,
        /// The first pieces on the shelf.
        stock: i64,
    },
    /// Change the name or the price. Orders that hold a reservation keep theirs.
    Change {
        /// The new name.
        name: Option<String>,
        /// The new price.
        price: Option<Money>,
        /// The version that is to be changed, and no other; any without it.
        if_version: Option<u64>,
        /// The command's envelope id: by it the seller is told whether it was this change that the product has taken.
        command_id: RecordId,
    },
    /// Add pieces to the shelf, or take away such as are not held.
    Adjust {
        /// How many more; negative for fewer.
        delta: i64,
        /// Which adjustment: the same one counts once.
        adjustment_id: AdjustmentId,
    },
}

/// An adjustment that has been made, remembered as long as a resolved hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// How many more.
    pub delta: i64,
    /// Milliseconds since the epoch.
    pub made_at: i64,
}

/// What one command leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductStep {
    /// The product after it.
    pub product: Option<Product>,
    /// The adjustment that the command names, if it has been made by now.
    pub adjustment: Option<Adjustment>,
    /// What happened to the stock, or the refusal.
    pub event: Option<StockEvent>,
}

impl Product {
    /// Pieces on the shelf that are not held.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

impl Adjustment {
    /// When it may be forgotten, in milliseconds since the epoch.
    #[must_use]
    pub fn forget_at(&self) -> i64 {
        self.made_at.saturating_add(HOLD_RETENTION_MS)
    }
}

/// Takes one command about `product_id`. `adjustment` is the one that the command names, if it has been made.
#[must_use]
pub fn step(
    product_id: &ProductId,
    product: Option<Product>,
    adjustment: Option<Adjustment>,
    command: ProductCommand,
    actor: &Actor,
    now: i64,
) -> ProductStep {
    match (product, command) {
        (
            None,
            ProductCommand::Create {
                seller_id,
                name,
                price,
                stock,
            },
        ) => create(
            product_id,
            Creation {
                seller_id,
                name,
                price,
                stock,
            },
            actor,
            now,
        ),
        (
            Some(product),
            ProductCommand::Create {
                seller_id,
                name,
                price,
                stock,
            },
        ) => create_again(
            product,
            &Creation {
                seller_id,
                name,
                price,
                stock,
            },
        ),
        (None, ProductCommand::Change { .. }) => refuse(None, ProductRefusal::UnknownProduct),
        (None, ProductCommand::Adjust { .. }) => refuse(None, ProductRefusal::UnknownProduct),
        (
            Some(product),
            ProductCommand::Change {
                name,
                price,
                if_version,
                command_id,
            },
        ) => change(product, (name, price), (if_version, command_id), actor, now),
        (Some(product), ProductCommand::Adjust { delta, .. }) => adjust(product, adjustment, delta, actor, now),
    }
}

struct Creation {
    seller_id: AccountId,
    name: String,
    price: Money,
    stock: i64,
}

impl Creation {
    fn fingerprint(&self) -> String {
        let parts = [self.price.to_string(), self.stock.to_string()];
        let [price, stock] = &parts;
        derive("creation", &[self.seller_id.as_str(), &self.name, price, stock])
    }
}

fn create(product_id: &ProductId, creation: Creation, actor: &Actor, now: i64) -> ProductStep {
    if act_on_product(actor, &creation.seller_id).is_err() {
        return refuse(None, ProductRefusal::NotOwner);
    }
    let valid = is_name(&creation.name) && is_price(creation.price) && (0..=STOCK_MAX).contains(&creation.stock);
    if !valid {
        return refuse(None, ProductRefusal::Invalid);
    }
    let product = Product {
        product_id: product_id.clone(),
        creation: creation.fingerprint(),
        seller_id: creation.seller_id,
        name: creation.name,
        price: creation.price,
        on_hand: 0,
        reserved: 0,
        version: 0,
        events: 0,
        changed_by: None,
        created_at: now,
        updated_at: now,
    };
    let (product, event) = ledger_changed(product, (StockChangeKind::Created, None, creation.stock, 0), now);
    ProductStep {
        product: Some(product),
        adjustment: None,
        event: Some(event),
    }
}

fn create_again(product: Product, creation: &Creation) -> ProductStep {
    if product.creation == creation.fingerprint() {
        unchanged(product, None)
    } else {
        refuse(Some(product), ProductRefusal::AlreadyExists)
    }
}

fn change(
    mut product: Product,
    (name, price): (Option<String>, Option<Money>),
    (if_version, command_id): (Option<u64>, RecordId),
    actor: &Actor,
    now: i64,
) -> ProductStep {
    if act_on_product(actor, &product.seller_id).is_err() {
        return refuse(Some(product), ProductRefusal::NotOwner);
    }
    if !name.as_deref().is_none_or(is_name) || !price.is_none_or(is_price) {
        return refuse(Some(product), ProductRefusal::Invalid);
    }
    if if_version.is_some() && product.changed_by.as_ref() == Some(&command_id) {
        return unchanged(product, None);
    }
    if if_version.is_some_and(|version| version != product.version) {
        return refuse(Some(product), ProductRefusal::OtherVersion);
    }
    product.changed_by = Some(command_id);
    product.name = name.unwrap_or(product.name);
    product.price = price.unwrap_or(product.price);
    product.version += 1;
    product.updated_at = now;
    ProductStep {
        product: Some(product),
        adjustment: None,
        event: None,
    }
}

fn adjust(product: Product, made: Option<Adjustment>, delta: i64, actor: &Actor, now: i64) -> ProductStep {
    if act_on_product(actor, &product.seller_id).is_err() {
        return ProductStep {
            adjustment: made,
            ..refuse(Some(product), ProductRefusal::NotOwner)
        };
    }
    match made {
        Some(made) if made.delta == delta => return unchanged(product, Some(made)),
        Some(made) => {
            return ProductStep {
                adjustment: Some(made),
                ..refuse(Some(product), ProductRefusal::Conflict)
            };
        }
        None => {}
    }
    match product.on_hand.checked_add(delta) {
        Some(on_hand) if on_hand < product.reserved => refuse(Some(product), ProductRefusal::StockWouldBeNegative),
        Some(on_hand) if on_hand <= STOCK_MAX => {
            let (product, event) = ledger_changed(product, (StockChangeKind::Adjusted, None, delta, 0), now);
            let adjustment = Some(Adjustment { delta, made_at: now });
            ProductStep {
                product: Some(product),
                adjustment,
                event: Some(event),
            }
        }
        Some(_) | None => refuse(Some(product), ProductRefusal::Invalid),
    }
}

fn unchanged(product: Product, adjustment: Option<Adjustment>) -> ProductStep {
    ProductStep {
        product: Some(product),
        adjustment,
        event: None,
    }
}

fn refuse(product: Option<Product>, refusal: ProductRefusal) -> ProductStep {
    let (product, event) = ledger_refused(product, refusal);
    ProductStep {
        product,
        adjustment: None,
        event: Some(event),
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.chars().count())
}

fn is_price(price: Money) -> bool {
    (0..=PRICE_MAX).contains(&price.amount)
}

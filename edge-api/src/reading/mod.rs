//! Reads of committed state, in the types that `commerce::views` decodes.

use std::time::Duration;

use commerce::views::{self, OrderView, View, WalletView};
use runtime::commands::CommandLog;
use runtime::queries::{Freshness, QueryError, StoreAddress};
use schemas::topics;
use schemas::wire::account::{Account, AccountStatus, Credential, PasswordReset, SecondFactor};
use schemas::wire::envelope::Actor;
use schemas::wire::order::Order;
use schemas::wire::product::Product;
use streams::serde::SerdeError;

use crate::auth::Role;
use crate::commands::{Accepted, everything_by_now};
use crate::limits::READ_TIMEOUT;
use crate::metrics::view_failed;
use crate::problem::{Code, Problem};
use crate::views::Views;

mod away;
mod lists;
mod outcomes;
mod repeats;

pub use outcomes::{Outcome, WantedTransfer};
pub use repeats::Repeats;

/// What a login is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRecord {
    /// The account.
    pub account_id: String,
    /// Its role.
    pub role: Role,
    /// Argon2id hash in PHC format.
    pub password_hash: String,
    /// Whether it may log in.
    pub is_active: bool,
    /// Grows with every change that ends sessions.
    pub version: i64,
    /// What it needs besides the password, if anything.
    pub second_factor: Option<SecondFactor>,
    /// By what its password can be replaced without the one before, if an operator has offered it.
    pub reset: Option<PasswordReset>,
}

impl LoginRecord {
    /// The account as the actor of commands about itself.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor {
            account_id: self.account_id.clone(),
            role: self.role.into(),
        }
    }
}

/// Reads through the views, as fresh as the question needs.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    views: &'a dyn Views,
    log: &'a dyn CommandLog,
    accepted: &'a Accepted,
}

/// Turns the bytes of a store into a value.
type Decode<T> = fn(&[u8]) -> Result<T, SerdeError>;

impl<'a> Reader<'a> {
    pub(crate) fn new(views: &'a dyn Views, log: &'a dyn CommandLog, accepted: &'a Accepted) -> Self {
        Self { views, log, accepted }
    }

    /// The login under a key, as fresh as asked.
    pub async fn login(&self, login_key: &str, fresh: &Freshness) -> Result<Option<LoginRecord>, Problem> {
        let credential = self
            .get(views::CREDENTIALS, login_key, fresh, views::credential)
            .await?;
        Ok(credential.and_then(login_record))
    }

    /// An account as others may see it, as far as it is committed.
    pub async fn account(&self, account_id: &str) -> Result<Option<Account>, Problem> {
        self.get(views::ACCOUNTS, account_id, &Freshness::Committed, views::account)
            .await
    }

    /// A product; what was accepted by now is there.
    pub async fn product(&self, product_id: &str) -> Result<Option<Product>, Problem> {
        self.get_or_catch_up(
            views::PRODUCTS,
            product_id,
            topics::PRODUCT_COMMANDS.name,
            views::product,
        )
        .await
    }

    /// A product, as fresh as asked.
    pub async fn product_as_of(&self, product_id: &str, fresh: &Freshness) -> Result<Option<Product>, Problem> {
        self.get(views::PRODUCTS, product_id, fresh, views::product).await
    }

    /// A product with the id of the command that last changed its name or price, as fresh as asked.
    pub async fn changed_product(
        &self,
        product_id: &str,
        fresh: &Freshness,
    ) -> Result<Option<(Product, Option<String>)>, Problem> {
        self.get(views::PRODUCTS, product_id, fresh, |bytes| {
            let changed_by = views::product_changed_by(bytes)?.map(|id| id.0);
            Ok((views::product(bytes)?, changed_by))
        })
        .await
    }

    /// A wallet with every operation in it that was accepted by now.
    pub async fn wallet(&self, account_id: &str) -> Result<Option<WalletView>, Problem> {
        let fresh = everything_by_now(self.log, topics::PAYMENT_COMMANDS.name, account_id).await?;
        self.wallet_as_of(account_id, &fresh).await
    }

    /// A wallet, as fresh as asked.
    pub async fn wallet_as_of(&self, account_id: &str, fresh: &Freshness) -> Result<Option<WalletView>, Problem> {
        self.get(views::WALLETS, account_id, fresh, views::wallet).await
    }

    /// An order; what was accepted by now is there.
    pub async fn order(&self, order_id: &str) -> Result<Option<Order>, Problem> {
        Ok(self.order_view(order_id).await?.map(|view| view.order))
    }

    /// The same with what became of commands about its lines.
    pub async fn order_view(&self, order_id: &str) -> Result<Option<OrderView>, Problem> {
        let topic = topics::ORDER_COMMANDS.name;
        self.get_or_catch_up(views::ORDERS, order_id, topic, views::order).await
    }

    /// The same, as fresh as asked.
    pub async fn order_view_as_of(&self, order_id: &str, fresh: &Freshness) -> Result<Option<OrderView>, Problem> {
        self.get(views::ORDERS, order_id, fresh, views::order).await
    }

    /// Waits until `done` says so of an order or the time is over; the order as it is then.
    pub async fn await_order(
        &self,
        order_id: &str,
        timeout: Duration,
        done: &(dyn Fn(&Order) -> bool + Sync),
    ) -> Result<Option<Order>, Problem> {
        let key = order_id.as_bytes();
        // What cannot be read is not waited for: the decoding below says why.
        let is_done = |value: Option<&[u8]>| {
            value.is_some_and(|value| views::order(value).map_or(true, |view| done(&view.order)))
        };
        let value = self
            .views
            .wait(address(views::ORDERS, key), key, timeout, &is_done)
            .await;
        let value = value.map_err(|error| refuse(views::ORDERS, &error))?;
        let order = value
            .map(|value| decoded(views::ORDERS, &value, views::order))
            .transpose()?;
        Ok(order.map(|view| view.order))
    }

    /// The committed value, or, if there is none, the one after the command for it that went through here, or else after
    /// everything that stands in `topic` by now: what was accepted a moment ago, by whichever gateway, is never denied.
    async fn get_or_catch_up<T>(
        &self,
        view: View,
        key: &str,
        topic: &'static str,
        decode: Decode<T>,
    ) -> Result<Option<T>, Problem> {
        if let Some(value) = self.get(view, key, &Freshness::Committed, decode).await? {
            return Ok(Some(value));
        }
        if let Some(fresh) = self.accepted.seen(topic, key)
            && let Some(value) = self.get(view, key, &fresh, decode).await?
        {
            return Ok(Some(value));
        }
        let fresh = everything_by_now(self.log, topic, key).await?;
        self.get(view, key, &fresh, decode).await
    }

    async fn get<T>(&self, view: View, key: &str, fresh: &Freshness, decode: Decode<T>) -> Result<Option<T>, Problem> {
        self.get_entry(view, key, key.as_bytes(), fresh, decode).await
    }

    /// The value of a composite key whose first part is `owner`.
    async fn get_entry<T>(
        &self,
        view: View,
        owner: &str,
        key: &[u8],
        fresh: &Freshness,
        decode: Decode<T>,
    ) -> Result<Option<T>, Problem> {
        let value = self
            .views
            .get(address(view, owner.as_bytes()), key, fresh, READ_TIMEOUT)
            .await;
        let value = value.map_err(|error| refuse(view, &error))?;
        value.map(|value| decoded(view, &value, decode)).transpose()
    }
}

fn address(view: View, routing_key: &[u8]) -> StoreAddress<'_> {
    StoreAddress {
        topology: view.topology,
        store: view.store,
        routing_key,
    }
}

fn decoded<T>(view: View, value: &[u8], decode: Decode<T>) -> Result<T, Problem> {
    decode(value).map_err(|error| Problem::internal(format!("{}: {error}", view.store)))
}

fn refuse(view: View, error: &QueryError) -> Problem {
    let (kind, problem) = match error {
        QueryError::Unavailable(_) => (
            "unavailable",
            Problem::new(Code::Unavailable, "The state is not readable now. Try again."),
        ),
        QueryError::TimedOut(_) => (
            "timed_out",
            Problem::new(
                Code::OutcomePending,
                "Accepted requests are not all visible yet. Try again.",
            ),
        ),
        QueryError::UnknownStore(_) => (
            "unknown_store",
            Problem::new(Code::Unavailable, "This gateway cannot reach the state."),
        ),
    };
    view_failed(view.store, kind);
    tracing::warn!(store = view.store, %error, "a read had no answer");
    problem
}

fn login_record(credential: Credential) -> Option<LoginRecord> {
    Some(LoginRecord {
        account_id: credential.account_id,
        role: Role::of_account(credential.role)?,
        password_hash: credential.password_hash,
        is_active: match credential.status {
            AccountStatus::Active => true,
            AccountStatus::Disabled | AccountStatus::Unknown => false,
        },
        version: credential.version,
        second_factor: credential.second_factor,
        reset: credential.reset,
    })
}

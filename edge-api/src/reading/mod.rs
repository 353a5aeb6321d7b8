//! Reads of committed state, in the business's own types.

use std::time::Duration;

use commerce::account::{Account, AccountStatus};
use commerce::order::OrderState;
use commerce::payment::Wallet;
use commerce::product::Product;
use runtime::commands::CommandLog;
use runtime::queries::{Freshness, QueryError, StoreAddress};
use schemas::topics;
use serde::de::DeserializeOwned;

use crate::auth::Role;
use crate::commands::everything_by_now;
use crate::limits::READ_TIMEOUT;
use crate::metrics::view_failed;
use crate::problem::{Code, Problem};
use crate::views::Views;

pub use stores::Store;

mod lists;
mod stores;

/// What a login is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRecord {
    /// The account.
    pub account_id: String,
    /// Its role.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Argon2id hash in PHC format.
    pub password_hash: String,
    /// Whether it may log in.
    pub is_active: bool,
}

/// Reads through the views, as fresh as the question needs.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    views: &'a dyn Views,
    log: &'a dyn CommandLog,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(views: &'a dyn Views, log: &'a dyn CommandLog) -> Self {
        Self { views, log }
    }

    /// The login under a key, as far as it is committed.
    pub async fn login(&self, login_key: &str) -> Result<Option<LoginRecord>, Problem> {
        self.login_as_of(login_key, &Freshness::Committed).await
    }

    /// The login under a key, as fresh as asked.
    pub async fn login_as_of(&self, login_key: &str, fresh: &Freshness) -> Result<Option<LoginRecord>, Problem> {
        let account: Option<Account> = self.get(Store::Accounts, login_key, fresh).await?;
        Ok(account.and_then(login_record))
    }

    /// A product; what is asked for right after its creation is there.
    pub async fn product(&self, product_id: &str) -> Result<Option<Product>, Problem> {
        self.get_or_catch_up(Store::Products, product_id, topics::PRODUCT_COMMANDS.name).await
    }

    /// A product, as fresh as asked.
    pub async fn product_as_of(&self, product_id: &str, fresh: &Freshness) -> Result<Option<Product>, Problem> {
        self.get(Store::Products, product_id, fresh).await
    }

    /// A wallet with every operation in it that was accepted by now.
    pub async fn wallet(&self, account_id: &str) -> Result<Option<Wallet>, Problem> {
        let fresh = everything_by_now(self.log, topics::PAYMENT_COMMANDS.name, account_id).await?;
        self.get(Store::Wallets, account_id, &fresh).await
    }

    /// A wallet, as fresh as asked.
    pub async fn wallet_as_of(&self, account_id: &str, fresh: &Freshness) -> Result<Option<Wallet>, Problem> {
        self.get(Store::Wallets, account_id, fresh).await
    }

    /// An order; what was accepted by now is there.
    pub async fn order(&self, order_id: &str) -> Result<Option<OrderState>, Problem> {
        self.get_or_catch_up(Store::Orders, order_id, topics::ORDER_COMMANDS.name).await
    }

    /// An order as far as it is committed; also `None` while the state is away.
    pub async fn order_if_known(&self, order_id: &str) -> Result<Option<OrderState>, Problem> {
        match self.get(Store::Orders, order_id, &Freshness::Committed).await {
            Err(problem) if problem.code() == Code::Unavailable => Ok(None),
            answer => answer,
        }
    }

    /// Waits until `done` says so of an order or the time is over; the order as it is then.
    pub async fn await_order(
        &self,
        order_id: &str,
        timeout: Duration,
        done: fn(&OrderState) -> bool,
    ) -> Result<Option<OrderState>, Problem> {
        let key = order_id.as_bytes();
        // What cannot be read is not waited for: the decoding below says why.
        let is_done = |value: Option<&[u8]>| {
            value.is_some_and(|value| decode::<OrderState>(Store::Orders, value).map_or(true, |order| done(&order)))
        };
        let value = self.views.wait(Store::Orders.at(key), key, timeout, &is_done).await;
        let value = value.map_err(|error| refuse(Store::Orders, &error))?;
        value.map(|value| decode(Store::Orders, &value)).transpose()
    }

    /// The committed value, or, if there is none, the one after everything that stands in `topic` by now:
    /// a resource that was accepted a moment ago is never denied.
    async fn get_or_catch_up<T: DeserializeOwned>(
        &self,
        store: Store,
        key: &str,
        topic: &'static str,
    ) -> Result<Option<T>, Problem> {
        if let Some(value) = self.get(store, key, &Freshness::Committed).await? {
            return Ok(Some(value));
        }
        let fresh = everything_by_now(self.log, topic, key).await?;
        self.get(store, key, &fresh).await
    }

    async fn get<T: DeserializeOwned>(&self, store: Store, key: &str, fresh: &Freshness) -> Result<Option<T>, Problem> {
        let key = key.as_bytes();
        let value = self.views.get(store.at(key), key, fresh, READ_TIMEOUT).await;
        let value = value.map_err(|error| refuse(store, &error))?;
        value.map(|value| decode(store, &value)).transpose()
    }
}

impl Store {
    fn at(self, routing_key: &[u8]) -> StoreAddress<'_> {
        StoreAddress { topology: self.topology(), store: self.name(), routing_key }
    }
}

fn decode<T: DeserializeOwned>(store: Store, value: &[u8]) -> Result<T, Problem> {
    commerce::state_serde::decode(value).map_err(|error| Problem::internal(format!("{}: {error}", store.name())))
}

fn refuse(store: Store, error: &QueryError) -> Problem {
    let (kind, problem) = match error {
        QueryError::Unavailable(_) => {
            ("unavailable", Problem::new(Code::Unavailable, "The state is not readable now. Try again."))
        }
        QueryError::TimedOut(_) => (
            "timed_out",
            Problem::new(Code::OutcomePending, "Accepted requests are not all visible yet. Try again."),
        ),
        QueryError::UnknownStore(_) => {
            ("unknown_store", Problem::new(Code::Unavailable, "This gateway cannot reach the state."))
        }
    };
    view_failed(store.name(), kind);
    tracing::warn!(store = store.name(), %error, "a read had no answer");
    problem
}

fn login_record(account: Account) -> Option<LoginRecord> {
    let role = match account.role {
        commerce::authority::Role::Buyer => Role::Buyer,
        commerce::authority::Role::Seller => Role::Seller,
        commerce::authority::Role::System => return None,
    };
    let is_active = match account.status {
        AccountStatus::Active => true,
        AccountStatus::Disabled => false,
    };
    Some(LoginRecord {
        account_id: account.account_id.to_string(),
        role,
        name: account.display_name,
        password_hash: account.password_hash,
        is_active,
    })
}

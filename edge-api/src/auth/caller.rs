//! Who a request comes from, once its token is accepted.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use schemas::wire::envelope::{self, Actor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::revocations::Held;
use crate::problem::{Code, Problem};

/// The role of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// Orders and pays.
    Buyer,
    /// Offers products.
    Seller,
}

/// The account behind an accepted access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account_id: String,
    /// Its role.
    pub role: Role,
    /// The session of the token.
    pub session_id: String,
    /// The version of the account's credential with which the session began.
    pub credential_version: i64,
    /// Whether a second factor was shown when it began.
    pub has_second_factor: bool,
}

impl Caller {
    /// What the caller's token said of its session.
    #[must_use]
    pub fn held(&self) -> Held<'_> {
        Held {
            session_id: &self.session_id,
            account_id: &self.account_id,
            credential_version: self.credential_version,
        }
    }

    /// The actor of the commands that this caller sends.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor {
            account_id: self.account_id.clone(),
            role: self.role.into(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// The gate has put the caller there; without one the request gets no further.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::new(Code::Unauthenticated, "Send an access token."))
    }
}

impl From<Role> for envelope::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Buyer => Self::Buyer,
            Role::Seller => Self::Seller,
        }
    }
}

impl Role {
    /// The role of an account, if it is one that may log in.
    #[must_use]
    pub fn of_account(role: envelope::Role) -> Option<Self> {
        match role {
            envelope::Role::Buyer => Some(Self::Buyer),
            envelope::Role::Seller => Some(Self::Seller),
            envelope::Role::System | envelope::Role::Unknown => None,
        }
    }
}

//! Who may do what: one row for each operation. The gate, the ownership checks, the documentation and the tests
//! all read this table; a route without a row cannot be reached.

use axum::http::Method;

use super::caller::{Caller, Role};
use crate::problem::{Code, Problem};
use crate::security::{self, SecurityEvent};

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody, without a token.
    Public,
    /// Any account.
    Account,
    /// Buyers.
    Buyer,
    /// Sellers.
    Seller,
}

/// Whose resources an operation may touch. What is somebody else's is answered as if it did not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// There is no owner to check: the operation touches the caller's own things by construction, or public ones.
    NoneNeeded,
    /// The product's seller.
    ProductSeller,
    /// The session's account.
    SessionAccount,
    /// The order's buyer.
    OrderBuyer,
    /// The order's buyer, and the sellers with lines in it.
    OrderParty,
}

/// One operation of the API.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The HTTP method.
    pub method: &'static str,
    /// The route.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
    /// Whose resources it touches.
    pub owner: Owner,
}

/// What of an order a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderScope {
    /// All of it.
    Whole,
    /// The lines that the caller sells.
    OwnLines,
}

/// The whole API.
pub const OPERATIONS: &[Operation] = &[
    row("POST", "/auth/register", Who::Public, Owner::NoneNeeded),
    row("POST", "/auth/login", Who::Public, Owner::NoneNeeded),
    row("POST", "/auth/refresh", Who::Public, Owner::NoneNeeded),
    row("POST", "/auth/password/reset", Who::Public, Owner::NoneNeeded),
    row("GET", "/.well-known/jwks.json", Who::Public, Owner::NoneNeeded),
    row("POST", "/auth/logout", Who::Account, Owner::NoneNeeded),
    row("POST", "/auth/password", Who::Account, Owner::NoneNeeded),
    row("POST", "/auth/disable", Who::Account, Owner::NoneNeeded),
    row("POST", "/auth/second-factor", Who::Account, Owner::NoneNeeded),
    row(
        "POST",
        "/auth/second-factor/confirmation",
        Who::Account,
        Owner::NoneNeeded,
    ),
    row("POST", "/auth/second-factor/removal", Who::Account, Owner::NoneNeeded),
    row("GET", "/auth/sessions", Who::Account, Owner::NoneNeeded),
    row("POST", "/auth/sessions/end", Who::Account, Owner::NoneNeeded),
    row("POST", "/auth/sessions/{id}/end", Who::Account, Owner::SessionAccount),
    row("GET", "/me", Who::Account, Owner::NoneNeeded),
    row("POST", "/products", Who::Seller, Owner::NoneNeeded),
    row("GET", "/products", Who::Account, Owner::NoneNeeded),
    row("GET", "/products/{id}", Who::Account, Owner::NoneNeeded),
    row("PATCH", "/products/{id}", Who::Seller, Owner::ProductSeller),
    row(
        "POST",
        "/products/{id}/stock-adjustments",
        Who::Seller,
        Owner::ProductSeller,
    ),
    row("GET", "/wallet", Who::Account, Owner::NoneNeeded),
    row("POST", "/wallet/deposits", Who::Buyer, Owner::NoneNeeded),
    row("POST", "/wallet/payouts", Who::Account, Owner::NoneNeeded),
    row("POST", "/orders", Who::Buyer, Owner::NoneNeeded),
    row("GET", "/orders", Who::Buyer, Owner::NoneNeeded),
    row("GET", "/orders/{id}", Who::Account, Owner::OrderParty),
    row("GET", "/orders/{id}/events", Who::Account, Owner::OrderParty),
    row("GET", "/orders/{id}/stream", Who::Account, Owner::OrderParty),
    row("POST", "/orders/{id}/cancel", Who::Buyer, Owner::OrderBuyer),
    row("POST", "/orders/{id}/shipments", Who::Seller, Owner::OrderParty),
    row("POST", "/orders/{id}/deliveries", Who::Buyer, Owner::OrderBuyer),
    row("POST", "/orders/{id}/returns", Who::Buyer, Owner::OrderBuyer),
    row(
        "POST",
        "/orders/{id}/returns/rejections",
        Who::Seller,
        Owner::OrderParty,
    ),
    row("POST", "/orders/{id}/refunds", Who::Account, Owner::OrderParty),
    row("GET", "/seller/orders", Who::Seller, Owner::NoneNeeded),
    row("GET", "/seller/buyers", Who::Seller, Owner::NoneNeeded),
    row("GET", "/seller/buyers/{id}", Who::Seller, Owner::NoneNeeded),
    row("GET", "/openapi.json", Who::Public, Owner::NoneNeeded),
];

const fn row(method: &'static str, path: &'static str, who: Who, owner: Owner) -> Operation {
    Operation {
        method,
        path,
        who,
        owner,
    }
}

impl Operation {
    /// The operation behind a route; `HEAD` is `GET` without a body.
    #[must_use]
    pub fn find(method: &Method, path: &str) -> Option<&'static Self> {
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        OPERATIONS
            .iter()
            .find(|operation| operation.method == method && operation.path == path)
    }

    /// The methods of a route, for the `Allow` header.
    #[must_use]
    pub fn methods(path: &str) -> Vec<&'static str> {
        let mut methods = Vec::new();
        for operation in OPERATIONS.iter().filter(|operation| operation.path == path) {
            methods.push(operation.method);
            if operation.method == "GET" {
                methods.push("HEAD");
            }
        }
        methods
    }

    /// Checks the caller's role.
    pub fn admit(&self, caller: &Caller) -> Result<(), Problem> {
        let admitted = match self.who {
            Who::Public | Who::Account => true,
            Who::Buyer => caller.role == Role::Buyer,
            Who::Seller => caller.role == Role::Seller,
        };
        if admitted {
            Ok(())
        } else {
            Err(Problem::new(
                Code::Forbidden,
                "The role of your account may not do this.",
            ))
        }
    }

    /// Whether somebody may call it who has to take a second factor first: it is what that needs, or the way out.
    #[must_use]
    pub fn serves_enrolment(&self) -> bool {
        matches!(
            self.path,
            "/auth/second-factor" | "/auth/second-factor/confirmation" | "/auth/logout" | "/me"
        )
    }

    /// Checks that the caller may touch a product of `seller_id`.
    pub fn admit_to_product(&self, caller: &Caller, seller_id: &str) -> Result<(), Problem> {
        let admitted = match self.owner {
            Owner::NoneNeeded => true,
            Owner::ProductSeller => caller.role == Role::Seller && caller.account_id == seller_id,
            Owner::SessionAccount | Owner::OrderBuyer | Owner::OrderParty => false,
        };
        if admitted { Ok(()) } else { Err(foreign()) }
    }

    /// Checks that the caller may touch a session of `account_id`.
    pub fn admit_to_session(&self, caller: &Caller, account_id: &str) -> Result<(), Problem> {
        let admitted = self.owner == Owner::SessionAccount && caller.account_id == account_id;
        if admitted { Ok(()) } else { Err(foreign()) }
    }

    /// What the caller may see of an order of this buyer and these sellers.
    pub fn admit_to_order<'a>(
        &self,
        caller: &Caller,
        buyer_id: &str,
        mut seller_ids: impl Iterator<Item = &'a str>,
    ) -> Result<OrderScope, Problem> {
        let is_buyer = caller.role == Role::Buyer && caller.account_id == buyer_id;
        let mut is_seller = || caller.role == Role::Seller && seller_ids.any(|seller| seller == caller.account_id);
        match self.owner {
            Owner::OrderBuyer | Owner::OrderParty if is_buyer => Ok(OrderScope::Whole),
            Owner::OrderParty if is_seller() => Ok(OrderScope::OwnLines),
            Owner::NoneNeeded
            | Owner::ProductSeller
            | Owner::SessionAccount
            | Owner::OrderBuyer
            | Owner::OrderParty => Err(foreign()),
        }
    }
}

/// What is somebody else's is answered like what does not exist, and noted.
fn foreign() -> Problem {
    security::note(SecurityEvent::ForeignObject);
    Problem::not_found()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn caller(account_id: &str, role: Role) -> Caller {
        Caller {
            account_id: account_id.into(),
            role,
            session_id: "s".into(),
            credential_version: 1,
            has_second_factor: false,
        }
    }

    fn scope(operation: &(Method, &str), caller: &Caller) -> Option<OrderScope> {
        let operation = Operation::find(&operation.0, operation.1).unwrap();
        operation.admit_to_order(caller, "buyer", ["seller"].into_iter()).ok()
    }

    #[test]
    fn an_order_is_whole_for_its_buyer_in_part_for_its_sellers_and_absent_for_others() {
        let read = || (Method::GET, "/orders/{id}");
        assert_eq!(scope(&read(), &caller("buyer", Role::Buyer)), Some(OrderScope::Whole));
        assert_eq!(
            scope(&read(), &caller("seller", Role::Seller)),
            Some(OrderScope::OwnLines)
        );
        assert_eq!(scope(&read(), &caller("other", Role::Buyer)), None);
        assert_eq!(scope(&read(), &caller("other", Role::Seller)), None);
        // An id alone is not enough: the role has to fit.
        assert_eq!(scope(&read(), &caller("buyer", Role::Seller)), None);
        assert_eq!(scope(&read(), &caller("seller", Role::Buyer)), None);
    }

    #[test]
    fn only_the_buyer_cancels() {
        let cancel = || (Method::POST, "/orders/{id}/cancel");
        assert_eq!(scope(&cancel(), &caller("buyer", Role::Buyer)), Some(OrderScope::Whole));
        assert_eq!(scope(&cancel(), &caller("seller", Role::Seller)), None);
    }

    #[test]
    fn every_operation_is_listed_once() {
        let mut rows: Vec<_> = OPERATIONS
            .iter()
            .map(|operation| (operation.method, operation.path))
            .collect();
        rows.sort_unstable();
        let all = rows.len();
        rows.dedup();
        assert_eq!(rows.len(), all);
    }
}

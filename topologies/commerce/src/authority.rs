//! Who asked, and whether they may. The gateway has checked roles already; each topology checks again,
//! because a command topic can be written by more than the gateway.

use serde::{Deserialize, Serialize};

use crate::ids::AccountId;

/// The role in which somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Places orders and owns a wallet.
    Buyer,
    /// Owns products.
    Seller,
    /// A topology, or an operator.
    System,
}

/// Who asked for a command, as the envelope carries it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The account; of a topology, its name.
    pub account_id: AccountId,
    /// The role of this request.
    pub role: Role,
}

/// The answer to somebody who may not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden;

impl Actor {
    /// A topology that acts by itself.
    #[must_use]
    pub fn system(topology: &str) -> Self {
        Self {
            account_id: AccountId::from(topology),
            role: Role::System,
        }
    }
}

/// A buyer places and cancels own orders only; the system may act for anybody.
pub fn act_on_order(actor: &Actor, buyer: &AccountId) -> Result<(), Forbidden> {
    match actor.role {
        Role::Buyer => own(actor, buyer),
        Role::Seller => Err(Forbidden),
        Role::System => Ok(()),
    }
}

/// A seller creates and changes own products only; the system may act for anybody.
pub fn act_on_product(actor: &Actor, seller: &AccountId) -> Result<(), Forbidden> {
    match actor.role {
        Role::Buyer => Err(Forbidden),
        Role::Seller => own(actor, seller),
        Role::System => Ok(()),
    }
}

/// A buyer moves money into the own wallet only; the system may act for anybody. A seller's wallet is filled by sales.
pub fn deposit_into(actor: &Actor, owner: &AccountId) -> Result<(), Forbidden> {
    match actor.role {
        Role::Buyer => own(actor, owner),
        Role::Seller => Err(Forbidden),
        Role::System => Ok(()),
    }
}

/// Buyers and sellers take money out of the own wallet only; the system may act for anybody.
pub fn withdraw_from(actor: &Actor, owner: &AccountId) -> Result<(), Forbidden> {
    match actor.role {
        Role::Buyer => own(actor, owner),
        Role::Seller => own(actor, owner),
        Role::System => Ok(()),
    }
}

/// Anybody changes the own account only; the system may act for anybody.
pub fn act_on_account(actor: &Actor, account: &AccountId) -> Result<(), Forbidden> {
    match actor.role {
        Role::Buyer => own(actor, account),
        Role::Seller => own(actor, account),
        Role::System => Ok(()),
    }
}

/// What stands outside of an account is decided by operators alone.
pub fn act_as_operator(actor: &Actor) -> Result<(), Forbidden> {
    match actor.role {
        Role::Buyer => Err(Forbidden),
        Role::Seller => Err(Forbidden),
        Role::System => Ok(()),
    }
}

/// The steps of a saga (reserve, authorise, capture, …) are asked for by topologies, never by a person.
pub fn act_as_saga(actor: &Actor) -> Result<(), Forbidden> {
    match actor.role {
        Role::Buyer => Err(Forbidden),
        Role::Seller => Err(Forbidden),
        Role::System => Ok(()),
    }
}

fn own(actor: &Actor, owner: &AccountId) -> Result<(), Forbidden> {
    if actor.account_id == *owner {
        Ok(())
    } else {
        Err(Forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(id: &str, role: Role) -> Actor {
        Actor {
            account_id: AccountId::from(id),
            role,
        }
    }

    #[test]
    fn each_role_acts_on_its_own_things_only() {
        let (ann, bob) = (AccountId::from("ann"), AccountId::from("bob"));
        let buyer = actor("ann", Role::Buyer);
        let seller = actor("ann", Role::Seller);
        let system = Actor::system("orders");
        let answers = |owner: &AccountId, actor: &Actor| {
            [
                act_on_order(actor, owner).is_ok(),
                act_on_product(actor, owner).is_ok(),
                deposit_into(actor, owner).is_ok(),
                withdraw_from(actor, owner).is_ok(),
                act_on_account(actor, owner).is_ok(),
                act_as_saga(actor).is_ok(),
                act_as_operator(actor).is_ok(),
            ]
        };
        assert_eq!(answers(&ann, &buyer), [true, false, true, true, true, false, false]);
        assert_eq!(answers(&bob, &buyer), [false; 7]);
        assert_eq!(answers(&ann, &seller), [false, true, false, true, true, false, false]);
        assert_eq!(answers(&bob, &seller), [false; 7]);
        assert_eq!(answers(&bob, &system), [true; 7]);
    }
}

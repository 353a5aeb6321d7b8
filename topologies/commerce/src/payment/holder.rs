//! Whose wallet it is, as the accounts topology tells.

use planted::Bug;
use serde::{Deserialize, Serialize};

use crate::account::AccountStatus;
use crate::authority::Role;
use crate::payment::PaymentRefusal;

/// What a wallet knows of the account that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What the account may do: only a buyer pays, and a seller takes out what sales have brought.
    pub role: Role,
    /// Whether it may do that.
    pub status: AccountStatus,
    /// The version of the account that said so.
    pub version: u64,
}

impl Holder {
    /// The newer of what is known and what is told: a topic that is read again takes nothing back.
    #[must_use]
    pub fn newer(known: Option<Self>, told: Self) -> Self {
        known.filter(|known| known.version >= told.version).unwrap_or(told)
    }

    fn pays(self) -> bool {
        match (self.role, self.status) {
            (Role::Buyer, AccountStatus::Active) => true,
            (Role::Buyer, AccountStatus::Disabled) => false,
            (Role::Seller, AccountStatus::Active | AccountStatus::Disabled) => false,
            (Role::System, AccountStatus::Active | AccountStatus::Disabled) => false,
        }
    }

    fn takes_out(self) -> bool {
        match (self.role, self.status) {
            (Role::Buyer | Role::Seller, AccountStatus::Active) => true,
            (Role::Buyer | Role::Seller, AccountStatus::Disabled) => false,
            (Role::System, AccountStatus::Active | AccountStatus::Disabled) => false,
        }
    }
}

/// Whether the holder may put money in, or have it held for an order.
///
/// Nothing orders the topics of accounts and of commands, so a first deposit can be read before the registration that it
/// followed. Whoever is not known yet is let through: a refusal would hit honest buyers by chance, and a wait would hold up
/// a whole partition for an account that may never come. Who is let through wrongly is somebody whose account nobody has
/// disabled yet, as far as can be seen from here.
pub(crate) fn may_pay(holder: Option<Holder>) -> Result<(), PaymentRefusal> {
    admitted(holder.is_none_or(Holder::pays))
}

/// Whether the holder may take free money out. Whoever is not known yet may, as above.
pub(crate) fn may_take_out(holder: Option<Holder>) -> Result<(), PaymentRefusal> {
    admitted(holder.is_none_or(Holder::takes_out))
}

fn admitted(may: bool) -> Result<(), PaymentRefusal> {
    if may || planted::is(Bug::HolderUnasked) {
        Ok(())
    } else {
        Err(PaymentRefusal::AccountDisabled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(role: Role, status: AccountStatus, version: u64) -> Holder {
        Holder { role, status, version }
    }

    #[test]
    fn only_an_active_buyer_pays_sellers_take_out_and_whoever_is_not_known_yet_may_do_both() {
        let answers = |role| {
            [AccountStatus::Active, AccountStatus::Disabled].map(|status| {
                let holder = Some(holder(role, status, 1));
                (may_pay(holder).is_ok(), may_take_out(holder).is_ok())
            })
        };
        assert_eq!(answers(Role::Buyer), [(true, true), (false, false)]);
        assert_eq!(answers(Role::Seller), [(false, true), (false, false)]);
        assert_eq!(answers(Role::System), [(false, false), (false, false)]);
        assert_eq!((may_pay(None), may_take_out(None)), (Ok(()), Ok(())));
    }

    #[test]
    fn what_was_known_earlier_takes_nothing_back() {
        let active = holder(Role::Buyer, AccountStatus::Active, 1);
        let disabled = holder(Role::Buyer, AccountStatus::Disabled, 2);
        assert_eq!(Holder::newer(None, active), active);
        assert_eq!(Holder::newer(Some(active), disabled), disabled);
        assert_eq!(Holder::newer(Some(disabled), active), disabled);
    }
}

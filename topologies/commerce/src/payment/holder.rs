//! Whose wallet it is, as the accounts topology tells.

use planted::Bug;
use serde::{Deserialize, Serialize};

use crate::account::AccountStatus;
use crate::authority::Role;
use crate::payment::PaymentRefusal;

/// What a wallet knows of the account that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What the account may do: only a buyer owns a wallet.
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

    fn may_pay(self) -> bool {
        match (self.role, self.status) {
            (Role::Buyer, AccountStatus::Active) => true,
            (Role::Buyer, AccountStatus::Disabled) => false,
            (Role::Seller, AccountStatus::Active | AccountStatus::Disabled) => false,
            (Role::System, AccountStatus::Active | AccountStatus::Disabled) => false,
        }
    }
}

/// Whether money may be moved because the holder wants it.
///
/// Nothing orders the topics of accounts and of commands, so a first deposit can be read before the registration that it
/// followed. Whoever is not known yet is let through: a refusal would hit honest buyers by chance, and a wait would hold up
/// a whole partition for an account that may never come. Who is let through wrongly is somebody whose account nobody has
/// disabled yet, as far as can be seen from here.
pub(crate) fn admit(holder: Option<Holder>) -> Result<(), PaymentRefusal> {
    if holder.is_none_or(Holder::may_pay) || planted::is(Bug::HolderUnasked) {
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
    fn only_an_active_buyer_pays_and_whoever_is_not_known_yet() {
        let answers = |role| {
            [AccountStatus::Active, AccountStatus::Disabled].map(|status| admit(Some(holder(role, status, 1))).is_ok())
        };
        assert_eq!(answers(Role::Buyer), [true, false]);
        assert_eq!(answers(Role::Seller), [false, false]);
        assert_eq!(answers(Role::System), [false, false]);
        assert_eq!(admit(None), Ok(()));
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

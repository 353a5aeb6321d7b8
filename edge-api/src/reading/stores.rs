//! Where the gateway reads: topologies and stores.

/// A store that the gateway reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// `commerce::account::Account` by login key.
    Accounts,
    /// `commerce::product::Product` by product id.
    Products,
    /// `commerce::payment::Wallet` by account id.
    Wallets,
    /// `commerce::order::OrderState` by order id.
    Orders,
}

impl Store {
    /// The topology that owns it.
    #[must_use]
    pub fn topology(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Products => "products",
            Self::Wallets => "payments",
            Self::Orders => "orders",
        }
    }

    /// Its name in the topology.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Products => "products",
            Self::Wallets => "wallets",
            Self::Orders => "orders",
        }
    }
}

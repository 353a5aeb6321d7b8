//! What became of a command that names its own id: the topologies remember such commands for seven days.

use commerce::ids::{AccountId, AdjustmentId, ProductId, TransferId};
use commerce::keys;
use commerce::payment::{CardToken, Transfer, TransferKind};
use commerce::product::Adjustment;
use commerce::state_serde::decode;
use commerce::views::View;
use runtime::queries::Freshness;
use schemas::wire::envelope::Money;

use super::Reader;
use crate::problem::Problem;

/// Transfers into and out of wallets.
const TRANSFERS: View = View {
    topology: "payments",
    store: "transfers",
};

/// Adjustments of stock.
const ADJUSTMENTS: View = View {
    topology: "products",
    store: "adjustments",
};

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out, now or when it came before.
    Done,
    /// Its id came before with another content.
    Conflict,
    /// It was refused.
    Refused,
}

/// A deposit or a withdrawal as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedTransfer {
    /// In or out.
    pub kind: TransferKind,
    /// Its id, which the account's holder has chosen.
    pub transfer_id: TransferId,
    /// How much.
    pub amount: Money,
    /// Token of the card that a withdrawal is paid to; without one it is paid by hand.
    pub card: Option<String>,
}

impl WantedTransfer {
    /// Whether it is this one that has been made, and not another under the same id.
    fn is(&self, made: &Transfer) -> bool {
        made.kind == self.kind
            && made.amount.amount == self.amount.amount
            && made.amount.currency.code() == self.amount.currency
            && made.card.as_ref().map(CardToken::as_str) == self.card.as_deref()
    }
}

impl Reader<'_> {
    /// What became of a deposit or a withdrawal.
    pub async fn transfer(
        &self,
        account_id: &str,
        wanted: &WantedTransfer,
        fresh: &Freshness,
    ) -> Result<Outcome, Problem> {
        let key = keys::transfer(&AccountId::from(account_id), &wanted.transfer_id);
        let transfer = self
            .get_entry(TRANSFERS, account_id, &key, fresh, decode::<Transfer>)
            .await?;
        Ok(match transfer {
            None => Outcome::Refused,
            Some(made) if wanted.is(&made) => Outcome::Done,
            Some(_) => Outcome::Conflict,
        })
    }

    /// What became of a stock adjustment.
    pub async fn adjustment(
        &self,
        product_id: &str,
        adjustment_id: &AdjustmentId,
        delta: i64,
        fresh: &Freshness,
    ) -> Result<Outcome, Problem> {
        let key = keys::adjustment(&ProductId::from(product_id), adjustment_id);
        let adjustment = self
            .get_entry(ADJUSTMENTS, product_id, &key, fresh, decode::<Adjustment>)
            .await?;
        Ok(match adjustment {
            None => Outcome::Refused,
            Some(made) if made.delta == delta => Outcome::Done,
            Some(_) => Outcome::Conflict,
        })
    }
}

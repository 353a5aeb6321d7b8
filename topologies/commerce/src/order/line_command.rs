//! Commands about the lines of a paid order: who may give them, and which lines they can be about.

use serde::{Deserialize, Serialize};

use crate::authority::{Actor, Role, act_on_order, act_on_product};
use crate::ids::{LineNo, RecordId};
use crate::order::event::OrderEvent;
use crate::order::fulfilment::{Fulfilment, LineMoney, Parcel};
use crate::order::state::{CommandRefusal, OrderLine, OrderState};

/// A command about some lines of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCommand {
    /// The command's envelope id.
    pub command_id: RecordId,
    /// Who asks.
    pub actor: Actor,
    /// Which lines; none means all that it can be about.
    pub lines: Vec<LineNo>,
    /// What shall be done.
    pub kind: LineCommandKind,
}

/// What shall be done with the lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineCommandKind {
    /// The seller has handed them to a carrier.
    Ship(Parcel),
    /// The buyer has them and keeps them, also where a return had been asked for.
    ConfirmDelivery,
    /// The buyer wants to give them back.
    RequestReturn {
        /// The buyer's own words.
        reason: Option<String>,
    },
    /// The seller does not take them back.
    RejectReturn {
        /// The seller's own words.
        reason: Option<String>,
    },
    /// Their money goes back to the buyer, and the goods to the store: a buyer may ask until they are shipped, a seller until
    /// they are delivered.
    Refund {
        /// The words of who asked.
        reason: Option<String>,
    },
}

impl LineCommand {
    /// The lines that the command is about, or why it is refused. All of them or none.
    pub(crate) fn judge(&self, state: &OrderState) -> Result<Vec<LineNo>, CommandRefusal> {
        if self.lines.is_empty() {
            return self.all_possible(state);
        }
        let mut named = self.lines.clone();
        named.sort_unstable();
        named.dedup();
        for number in &named {
            let line = state.line(*number).ok_or(CommandRefusal::Invalid)?;
            if !self.may_ask(state, line) {
                return Err(CommandRefusal::NotAllowed);
            }
            if !self.fits(line) {
                return Err(CommandRefusal::NotNow);
            }
        }
        Ok(named)
    }

    fn all_possible(&self, state: &OrderState) -> Result<Vec<LineNo>, CommandRefusal> {
        let own: Vec<&OrderLine> = state.lines.iter().filter(|line| self.may_ask(state, line)).collect();
        let fitting: Vec<LineNo> = own
            .iter()
            .filter(|line| self.fits(line))
            .map(|line| line.line)
            .collect();
        match (own.is_empty(), fitting.is_empty()) {
            (true, _) => Err(CommandRefusal::NotAllowed),
            (false, true) => Err(CommandRefusal::NotNow),
            (false, false) => Ok(fitting),
        }
    }

    fn may_ask(&self, state: &OrderState, line: &OrderLine) -> bool {
        let as_buyer = || act_on_order(&self.actor, &state.buyer_id).is_ok();
        let as_seller = || {
            let seller = line.seller_id.as_ref();
            seller.is_some_and(|seller| act_on_product(&self.actor, seller).is_ok())
        };
        match self.kind {
            LineCommandKind::Ship(_) | LineCommandKind::RejectReturn { .. } => as_seller(),
            LineCommandKind::ConfirmDelivery | LineCommandKind::RequestReturn { .. } => as_buyer(),
            LineCommandKind::Refund { .. } => as_buyer() || as_seller(),
        }
    }

    fn fits(&self, line: &OrderLine) -> bool {
        let stands = line.fulfilment.status;
        let open = line.fulfilment.money == LineMoney::WithOrder;
        open && match self.kind {
            LineCommandKind::Ship(_) => stands == Fulfilment::Unshipped,
            LineCommandKind::ConfirmDelivery => stands == Fulfilment::Shipped || stands == Fulfilment::ReturnRequested,
            LineCommandKind::RequestReturn { .. } => stands == Fulfilment::Shipped && !line.fulfilment.return_rejected,
            LineCommandKind::RejectReturn { .. } => stands == Fulfilment::ReturnRequested,
            LineCommandKind::Refund { .. } => match stands {
                Fulfilment::Unshipped => true,
                Fulfilment::Shipped | Fulfilment::ReturnRequested => self.actor.role != Role::Buyer,
                Fulfilment::Delivered => false,
            },
        }
    }

    /// What has happened once the command was accepted for these lines.
    pub(crate) fn event(kind: LineCommandKind, lines: Vec<LineNo>) -> OrderEvent {
        match kind {
            LineCommandKind::Ship(parcel) => OrderEvent::LinesShipped { lines, parcel },
            LineCommandKind::ConfirmDelivery => OrderEvent::LinesDelivered { lines },
            LineCommandKind::RequestReturn { reason } => OrderEvent::ReturnRequested { lines, reason },
            LineCommandKind::RejectReturn { reason } => OrderEvent::ReturnRejected { lines, reason },
            LineCommandKind::Refund { reason } => OrderEvent::RefundRequested { lines, reason },
        }
    }
}

//! The order saga: an unwindowed process manager with one state per order.
//!
//! Forward it reserves each line, authorises (holds) the payment, confirms the stock and captures the payment.
//! Backward it settles the money first and gives the goods back after that. The state is the fold of the
//! order's own events, and the step is computed from the state: what has been answered decides what to do next.
//! An answer to a question that is not being asked is ignored where asking later brings the same answer, and
//! undone at the participant where nobody would ask again. So a saga that reads all its inputs once more from the
//! start, in whatever order, comes to the same end.
//!
//! A paid order goes on line by line: shipped, kept or given back. Each line asks for its own money and goods, all of them in one
//! step, and the order has ended when no line asks for anything.

mod deadline;
mod effect;
mod event;
mod fold;
mod fulfilment;
mod input;
mod line_command;
mod line_turn;
mod placing;
mod snapshot;
mod state;
mod table;
mod turn;

pub use deadline::{RESENDS_MAX, STEP_BOUND_MS, STEP_DEADLINE_MS};
pub use effect::{Effect, PaymentAsk, StockAsk};
pub use event::{OrderEvent, RecordedEvent};
pub use fold::fold;
pub use fulfilment::{DELIVERY_ASSUMED_MS, Fulfilment, LineFulfilment, LineMoney, Parcel, RETURN_AGREED_MS};
pub use input::{CancelOrder, LINES_MAX, OrderInput, PlaceOrder, QUANTITY_MAX, RequestedLine};
pub use line_command::{LineCommand, LineCommandKind};
pub use snapshot::{OrderSnapshot, Told};
pub use state::{
    CancelReason, CommandRefusal, Deadline, LineStatus, OrderLine, OrderState, OrderStatus, PaymentStatus, SagaStep,
    WAITING_MAX, WaitingCommand, fulfilled,
};
pub use table::{Decision, InputKind, decide};
pub use turn::{Step, step};

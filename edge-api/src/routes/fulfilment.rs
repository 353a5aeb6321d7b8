//! What becomes of the lines of a paid order: shipped, kept or given back.
#![allow(unused_qualifications, reason = "utoipa writes them into what it generates")]

use axum::Router;
use axum::extract::{Extension, FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use commerce::ids;
use commerce::views::OrderView;
use schemas::wire::fulfilment as wire;
use schemas::wire::order::{Order, OrderCommandPayload, OrderStatus};

use super::orders::{command, own_part, scope, stored};
use crate::auth::Caller;
use crate::auth::access::{Operation, OrderScope};
use crate::http::body::OptionalBody;
use crate::http::consistency::Token;
use crate::http::headers::{OptionalIdempotencyKey, OptionalKey, etag, with_version};
use crate::http::layers::RequestId;
use crate::http::parameters::PathId;
use crate::idempotency::key_reused;
use crate::model::fulfilment::{Delivery, LinesWithReason, Shipment, numbers};
use crate::model::order::{OrderBody, OrderCommandAccepted, is_settled};
use crate::problem::{Answer, Code, Problem};
use crate::state::EdgeState;

/// What happens below `/orders/{id}` once it is paid.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/orders/{id}/shipments", post(ship))
        .route("/orders/{id}/deliveries", post(confirm_delivery))
        .route("/orders/{id}/returns", post(request_return))
        .route("/orders/{id}/returns/rejections", post(reject_return))
        .route("/orders/{id}/refunds", post(refund))
}

/// Hands own lines to a carrier. What the buyer has not sent back within 14 days counts as delivered.
#[utoipa::path(
    post, path = "/orders/{id}/shipments", tag = "fulfilment", request_body = Option<Shipment>,
    params(("id" = String, Path, description = "The order."), OptionalKey),
    responses(
        (status = 200, description = "The order with the lines on their way.", body = OrderBody),
        (status = 202, description = "The command is stored, and not carried out yet.", body = OrderCommandAccepted)
    )
)]
pub async fn ship(
    State(state): State<EdgeState>,
    context: Context,
    OptionalBody(shipment): OptionalBody<Shipment>,
) -> Answer {
    shipment.check()?;
    let payload = OrderCommandPayload::ShipLines(wire::ShipLines {
        lines: numbers(shipment.lines),
        carrier: shipment.carrier,
        tracking_number: shipment.tracking_number,
    });
    context.give(&state, "ship-lines", payload).await
}

/// Confirms that shipped lines have arrived and are kept: their money goes to the seller, and they cannot be given back any more.
#[utoipa::path(
    post, path = "/orders/{id}/deliveries", tag = "fulfilment", request_body = Option<Delivery>,
    params(("id" = String, Path, description = "The order."), OptionalKey),
    responses(
        (status = 200, description = "The order with the lines delivered.", body = OrderBody),
        (status = 202, description = "The command is stored, and not carried out yet.", body = OrderCommandAccepted)
    )
)]
pub async fn confirm_delivery(
    State(state): State<EdgeState>,
    context: Context,
    OptionalBody(delivery): OptionalBody<Delivery>,
) -> Answer {
    delivery.check()?;
    let lines = numbers(delivery.lines);
    let payload = OrderCommandPayload::ConfirmDelivery(wire::ConfirmDelivery { lines });
    context.give(&state, "confirm-delivery", payload).await
}

/// Asks the sellers to take shipped lines back. A seller agrees by a refund, or by saying nothing for 14 days.
#[utoipa::path(
    post, path = "/orders/{id}/returns", tag = "fulfilment", request_body = Option<LinesWithReason>,
    params(("id" = String, Path, description = "The order."), OptionalKey),
    responses(
        (status = 200, description = "The order with the return asked for.", body = OrderBody),
        (status = 202, description = "The command is stored, and not carried out yet.", body = OrderCommandAccepted)
    )
)]
pub async fn request_return(
    State(state): State<EdgeState>,
    context: Context,
    OptionalBody(request): OptionalBody<LinesWithReason>,
) -> Answer {
    request.check()?;
    let payload = OrderCommandPayload::RequestReturn(wire::RequestReturn {
        lines: numbers(request.lines),
        reason: request.reason,
    });
    context.give(&state, "request-return", payload).await
}

/// Refuses to take lines back. The buyer cannot ask for them again.
#[utoipa::path(
    post, path = "/orders/{id}/returns/rejections", tag = "fulfilment", request_body = Option<LinesWithReason>,
    params(("id" = String, Path, description = "The order."), OptionalKey),
    responses(
        (status = 200, description = "The order with the return refused.", body = OrderBody),
        (status = 202, description = "The command is stored, and not carried out yet.", body = OrderCommandAccepted)
    )
)]
pub async fn reject_return(
    State(state): State<EdgeState>,
    context: Context,
    OptionalBody(rejection): OptionalBody<LinesWithReason>,
) -> Answer {
    rejection.check()?;
    let payload = OrderCommandPayload::RejectReturn(wire::RejectReturn {
        lines: numbers(rejection.lines),
        reason: rejection.reason,
    });
    context.give(&state, "reject-return", payload).await
}

/// Pays lines back and takes their goods back: a buyer those that are not shipped yet, a seller own lines that are not delivered.
#[utoipa::path(
    post, path = "/orders/{id}/refunds", tag = "fulfilment", request_body = Option<LinesWithReason>,
    params(("id" = String, Path, description = "The order."), OptionalKey),
    responses(
        (status = 200, description = "The order with the refund under way.", body = OrderBody),
        (status = 202, description = "The command is stored, and not carried out yet.", body = OrderCommandAccepted)
    )
)]
pub async fn refund(
    State(state): State<EdgeState>,
    context: Context,
    OptionalBody(refund): OptionalBody<LinesWithReason>,
) -> Answer {
    refund.check()?;
    let payload = OrderCommandPayload::RefundLines(wire::RefundLines {
        lines: numbers(refund.lines),
        reason: refund.reason,
    });
    context.give(&state, "refund-lines", payload).await
}

/// Who asks, for which order, under which key.
pub struct Context {
    caller: Caller,
    operation: &'static Operation,
    request_id: String,
    key: Option<String>,
    order_id: String,
}

impl FromRequestParts<EdgeState> for Context {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &EdgeState) -> Result<Self, Response> {
        fn refused(rejection: impl IntoResponse) -> Response {
            rejection.into_response()
        }
        let caller = Caller::from_request_parts(parts, state).await.map_err(refused)?;
        let operation = Extension::from_request_parts(parts, state).await.map_err(refused)?;
        let request_id = Extension::from_request_parts(parts, state).await.map_err(refused)?;
        let key = OptionalIdempotencyKey::from_request_parts(parts, state)
            .await
            .map_err(refused)?;
        let order_id = PathId::from_request_parts(parts, state).await.map_err(refused)?;
        let (Extension(operation), Extension(RequestId(request_id))) = (operation, request_id);
        Ok(Self {
            caller,
            operation,
            request_id,
            key: key.0,
            order_id: order_id.0,
        })
    }
}

impl Context {
    /// Puts the command into the log and waits for what becomes of it. The same request again, under the same key, is the same
    /// command; without a key each request is one of its own.
    async fn give(self, state: &EdgeState, kind: &str, payload: OrderCommandPayload) -> Answer {
        let (id, request_id) = (self.order_id, self.request_id);
        let before = state.reader().order_view(&id).await?.ok_or_else(Problem::not_found)?;
        let scope = scope(self.operation, &self.caller, &before.order)?;
        may_be_about(&before.order)?;
        let subject = format!("{id}/{}", self.caller.account_id);
        let named = ids::command_id(kind, &subject, self.key.as_deref().unwrap_or(&request_id));
        // The request is part of the id, so that another request under the same key is known for what it is.
        let command_id = format!("{named}.{}", fingerprint(&payload)?);
        if is_another(&before, named.as_str(), &command_id) {
            return Err(key_reused());
        }
        let command = command(state, &self.caller, command_id.clone(), &id, request_id, payload);
        let seen = state.append(&id, &command).await?.seen();
        match state.reader().order_view_as_of(&id, &seen).await {
            Ok(Some(view)) => outcome(view, &command_id, scope, &self.caller),
            Ok(None) => Err(Problem::not_found()),
            Err(problem) if problem.code() == Code::OutcomePending => Ok(stored(id, before.order.status)),
            Err(problem) => Err(problem),
        }
    }
}

/// What became of a command that was read.
fn outcome(view: OrderView, command_id: &str, scope: OrderScope, caller: &Caller) -> Answer {
    let is_it = |id: &ids::RecordId| id.as_str() == command_id;
    if view.waiting.iter().any(is_it) {
        return Ok(stored(view.order.order_id.clone(), view.order.status));
    }
    if !view.line_commands.iter().any(is_it) {
        return Err(with_version(refused(), view.order.version));
    }
    let order = own_part(view.order, scope, caller)?;
    // Lists have every version of an order that waits for nothing, and not those in between.
    let token = is_settled(&order).then(|| Token {
        order_id: order.order_id.clone(),
        version: order.version,
    });
    let token = token.map(|token| [token.header()]);
    Ok((token, [etag(order.version)], Json(OrderBody::from(order))).into_response())
}

fn is_another(view: &OrderView, named: &str, command_id: &str) -> bool {
    let mut known = view
        .line_commands
        .iter()
        .chain(&view.waiting)
        .map(ids::RecordId::as_str);
    known.any(|id| id != command_id && id.strip_prefix(named).is_some_and(|rest| rest.starts_with('.')))
}

/// Before it is paid and after it is cancelled there is nothing to do with lines.
fn may_be_about(order: &Order) -> Result<(), Problem> {
    match order.status {
        OrderStatus::Paid | OrderStatus::Shipped | OrderStatus::Delivered => Ok(()),
        OrderStatus::Cancelled => Err(Problem::new(Code::OrderTooLate, "The order is cancelled.")),
        OrderStatus::Created | OrderStatus::Unknown => {
            Err(Problem::new(Code::LinesNotReady, "The order is not paid yet."))
        }
    }
}

fn refused() -> Problem {
    Problem::new(
        Code::LinesNotReady,
        "The lines do not stand where this needs them, or are not yours. Read the order for how they stand.",
    )
}

fn fingerprint(payload: &OrderCommandPayload) -> Result<String, Problem> {
    let bytes = serde_json::to_vec(payload).map_err(Problem::internal)?;
    Ok(ids::request_hash(&bytes).chars().take(FINGERPRINT_CHARS).collect())
}

/// Hex digits of a request's fingerprint in its command's id: 64 bits tell one caller's requests under one key apart.
const FINGERPRINT_CHARS: usize = 16;

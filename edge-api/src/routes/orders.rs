//! Orders: placing, reading, cancelling.
#![allow(unused_qualifications, reason = "utoipa writes them into what it generates")]

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post};
use commerce::ids::{self, AccountId};
use commerce::views::{self, TimelineItem, View};
use schemas::wire::envelope::Envelope;
use schemas::wire::fulfilment::{Fulfilment, LineMoney};
use schemas::wire::order::{
    self as wire, CancelOrder, Order, OrderCommand, OrderCommandPayload, PlaceOrder, RequestedLine,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Caller;
use crate::auth::access::{Operation, OrderScope};
use crate::http::body::{Body, OptionalBody};
use crate::http::consistency::{self, AsOf, ConsistencyToken, Token};
use crate::http::cursor::{self, Page, page_size};
use crate::http::headers::{
    IdempotencyKey, Known, OptionalIdempotencyKey, OptionalKey, RequiredKey, Wait, etag, with_version,
};
use crate::http::layers::RequestId;
use crate::http::parameters::{Parameters, PathId};
use crate::idempotency::key_reused;
use crate::metrics::{Counted, Kind};
use crate::model::order::{
    Cancellation, NewOrder, OrderAccepted, OrderBody, OrderCommandAccepted, OrderStatus, is_settled,
};
use crate::model::timeline::EventBody;
use crate::problem::{Answer, Code, Problem};
use crate::state::EdgeState;

/// `/orders` and below.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/orders", get(list).post(place))
        .route("/orders/{id}", get(read))
        .route("/orders/{id}/events", get(events))
        .route("/orders/{id}/cancel", post(cancel))
}

/// Which page of which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParameters {
    /// Only orders in this status.
    #[param(inline)]
    status: Option<OrderStatus>,
    /// Entries on the page, 1 to 100; 20 without it.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 1024, pattern = "^[A-Za-z0-9_-]*$")]
    cursor: Option<String>,
}

impl ListParameters {
    /// The page of an owner's orders in one of the two listings.
    pub(super) async fn page(
        &self,
        state: &EdgeState,
        (view, owner): (View, &str),
        as_of: AsOf,
    ) -> Answer<Json<Page<OrderBody>>> {
        let size = page_size(self.limit)?;
        if let AsOf(Some(token)) = as_of {
            catch_up(state, view, owner, &token).await?;
        }
        let page = state
            .reader()
            .orders_of(view, owner, self.cursor.as_deref(), size, self.status)
            .await?;
        Ok(Json(page.map(OrderBody::from)))
    }
}

/// Waits until a listing has what the token names.
async fn catch_up(state: &EdgeState, view: View, owner: &str, token: &Token) -> Result<(), Problem> {
    let order = state.reader().order(&token.order_id).await?;
    let order = order.filter(|order| order.buyer_id == owner || order.seller_ids.iter().any(|seller| seller == owner));
    let order = order.ok_or_else(consistency::invalid)?;
    let Ok(_place) = state.long_polls().try_acquire() else {
        return Err(Problem::new(
            Code::TooManyRequests,
            "Too many requests wait already. Try again.",
        ));
    };
    if state.reader().await_listed(view, owner, &order, token.version).await? {
        Ok(())
    } else {
        Err(Problem::new(
            Code::Unavailable,
            "The list does not have that yet. Try again.",
        ))
    }
}

/// Which page of a timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineParameters {
    /// Entries on the page, 1 to 100; 20 without it.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 1024, pattern = "^[A-Za-z0-9_-]*$")]
    cursor: Option<String>,
}

/// Places an order. The answer comes when the order is stored; what becomes of it shows under its Location, which is
/// never 404 from then on. The same request again, under the same `Idempotency-Key`, is the same order.
#[utoipa::path(
    post, path = "/orders", tag = "orders", request_body = NewOrder,
    params(RequiredKey),
    responses((
        status = 202, description = "The order is stored.", body = OrderAccepted,
        headers(("Location" = String), ("Sluice-Consistency" = String))
    ))
)]
pub async fn place(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    IdempotencyKey(key): IdempotencyKey,
    Body(order): Body<NewOrder>,
) -> Answer {
    order.check(state.takes_cards())?;
    let order_id = ids::order_id(&AccountId::from(caller.account_id.as_str()), &key).to_string();
    let request_hash = ids::request_hash(&serde_json::to_vec(&order).map_err(Problem::internal)?);
    state.recent().claim(&order_id, &request_hash)?;
    let payload = PlaceOrder {
        buyer_id: caller.account_id.clone(),
        // The buyer pays in whatever currency the products have.
        currency: String::new(),
        card: order.card.clone(),
        request_hash: request_hash.clone(),
        lines: requested_lines(order),
    };
    let payload = OrderCommandPayload::PlaceOrder(payload);
    let id = ids::command_id("place-order", &order_id, &key).to_string();
    let command = command(&state, &caller, id, &order_id, request_id, payload);
    // Nobody waits for the state and then for the log: what is stored under a key that was another request's is refused by the topology.
    let (stored, placed) = tokio::join!(state.append(&order_id, &command), state.placed_order(&order_id));
    match placed? {
        Some(placed) if placed.request_hash == request_hash => {}
        Some(placed) => {
            state.recent().correct(&order_id, &placed.request_hash);
            return Err(key_reused());
        }
        None => {
            stored?;
        }
    }
    Ok(accepted(order_id))
}

/// Reads an order: all of it for its buyer, the own lines for a seller. With `Prefer: wait=N` the answer comes when
/// the order is settled, or after N seconds (30 at most). With `If-None-Match` it comes when there is another version than the client
/// has, and without a wait, or after it, it is 304 if there is none.
#[utoipa::path(
    get, path = "/orders/{id}", tag = "orders",
    params(
        ("id" = String, Path, description = "The order."),
        ("Prefer" = Option<String>, Header, description = "`wait=N` waits up to N seconds until the order is settled."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the version that the client has.")
    ),
    responses(
        (status = 200, description = "The order; its version is the ETag.", body = OrderBody),
        (status = 304, description = "The client has the order as it is.")
    )
)]
pub async fn read(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(operation): Extension<&'static Operation>,
    Wait(wait): Wait,
    known: Known,
    PathId(id): PathId,
) -> Answer {
    let mut order = find(&state, &id).await?;
    // Who may not see the order does not wait for it either.
    let scope = scope(operation, &caller, &order)?;
    let is_awaited = |order: &Order| {
        if known.is_some() {
            !known.has(order.version)
        } else {
            is_settled(order)
        }
    };
    if !wait.is_zero() && !is_awaited(&order) {
        order = awaited(&state, &id, wait, &is_awaited).await?.unwrap_or(order);
    }
    let order = own_part(order, scope, &caller)?;
    if known.has(order.version) {
        return Ok((StatusCode::NOT_MODIFIED, [etag(order.version)]).into_response());
    }
    Ok(([etag(order.version)], Json(OrderBody::from(order))).into_response())
}

/// Lists the caller's orders, the newest first. An order shows here a moment after it shows under its own address; with the
/// `Sluice-Consistency` of an earlier answer it shows at once.
#[utoipa::path(
    get, path = "/orders", tag = "orders", params(ListParameters, ConsistencyToken),
    responses((status = 200, description = "A page of orders.", body = Page<OrderBody>))
)]
pub async fn list(
    State(state): State<EdgeState>,
    caller: Caller,
    as_of: AsOf,
    Parameters(parameters): Parameters<ListParameters>,
) -> Answer<Json<Page<OrderBody>>> {
    parameters
        .page(&state, (views::ORDERS_BY_BUYER, &caller.account_id), as_of)
        .await
}

/// Lists what has happened to an order, the oldest first. A seller sees what concerns the own lines.
#[utoipa::path(
    get, path = "/orders/{id}/events", tag = "orders",
    params(("id" = String, Path, description = "The order."), TimelineParameters),
    responses((status = 200, description = "A page of events.", body = Page<EventBody>))
)]
pub async fn events(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(operation): Extension<&'static Operation>,
    PathId(id): PathId,
    Parameters(parameters): Parameters<TimelineParameters>,
) -> Answer<Json<Page<EventBody>>> {
    let size = page_size(parameters.limit)?;
    let after = parameters.cursor.as_deref().map_or(Ok(0), number)?;
    let Seen { order, scope, own } = see(&state, operation, &caller, &id).await?;
    let mut items = state.reader().events_of(&order, after, size + 1).await?;
    let more = items.len() > size;
    items.truncate(size);
    let last = items
        .last()
        .filter(|_| more)
        .map(|item| cursor::encode(item.seq.to_string().as_bytes()));
    Ok(Json(Page {
        items: shown(items, scope, &own).collect(),
        next_cursor: last,
    }))
}

/// Cancels an order as long as no line of it was shipped or given back: before it is paid it unwinds, after that it is paid back
/// and restocked. The answer comes when the request is stored; what becomes of it shows in the order.
#[utoipa::path(
    post, path = "/orders/{id}/cancel", tag = "orders", request_body = Option<Cancellation>,
    params(
        ("id" = String, Path, description = "The order."),
        OptionalKey
    ),
    responses((
        status = 202, description = "The cancellation is stored.", body = OrderCommandAccepted,
        headers(("Location" = String), ("Sluice-Consistency" = String))
    ))
)]
pub async fn cancel(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(operation): Extension<&'static Operation>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    OptionalIdempotencyKey(key): OptionalIdempotencyKey,
    PathId(id): PathId,
    OptionalBody(cancellation): OptionalBody<Cancellation>,
) -> Answer {
    cancellation.check()?;
    let order = find(&state, &id).await?;
    scope(operation, &caller, &order)?;
    if !is_cancellable(&order) {
        let problem = Problem::new(Code::OrderTooLate, "The order has gone too far to be cancelled.");
        return Err(with_version(problem, order.version));
    }
    let payload = OrderCommandPayload::CancelOrder(CancelOrder {
        reason: cancellation.reason,
    });
    // Without a key all cancellations of an order are one: sent twice, it counts once.
    let key = key.unwrap_or_default();
    let command_id = ids::command_id("cancel-order", &id, &key).to_string();
    let command = command(&state, &caller, command_id, &id, request_id, payload);
    state.append(&id, &command).await?;
    let token = Token {
        order_id: id.clone(),
        version: order.version.saturating_add(1),
    };
    Ok(([token.header()], stored(id, order.status)).into_response())
}

/// The answer to a command of which is known that it is stored, and no more.
pub(super) fn stored(order_id: String, status: wire::OrderStatus) -> axum::response::Response {
    let location = format!("/orders/{order_id}");
    let body = OrderCommandAccepted {
        order_id,
        status: status.into(),
    };
    (StatusCode::ACCEPTED, [(LOCATION, location)], Json(body)).into_response()
}

/// An order, and what of it the caller may see.
pub(super) struct Seen {
    pub(super) order: Order,
    pub(super) scope: OrderScope,
    /// The part that the caller may see.
    pub(super) own: Order,
}

/// Finds an order of which the caller may see something.
pub(super) async fn see(state: &EdgeState, operation: &Operation, caller: &Caller, id: &str) -> Result<Seen, Problem> {
    let order = find(state, id).await?;
    let scope = scope(operation, caller, &order)?;
    let own = own_part(order.clone(), scope, caller)?;
    Ok(Seen { order, scope, own })
}

async fn find(state: &EdgeState, id: &str) -> Result<Order, Problem> {
    state.reader().order(id).await?.ok_or_else(Problem::not_found)
}

pub(super) fn scope(operation: &Operation, caller: &Caller, order: &Order) -> Result<OrderScope, Problem> {
    operation.admit_to_order(caller, &order.buyer_id, order.seller_ids.iter().map(String::as_str))
}

pub(super) fn own_part(order: Order, scope: OrderScope, caller: &Caller) -> Result<Order, Problem> {
    match scope {
        OrderScope::Whole => Ok(order),
        OrderScope::OwnLines => views::order_for_seller(&order, &caller.account_id).ok_or_else(Problem::not_found),
    }
}

/// Events as the caller may see them; `own` is the part of the order that the caller may see.
pub(super) fn shown(items: Vec<TimelineItem>, scope: OrderScope, own: &Order) -> impl Iterator<Item = EventBody> {
    items.into_iter().filter_map(move |item| match scope {
        OrderScope::Whole => Some(EventBody::whole(item)),
        OrderScope::OwnLines => EventBody::for_seller(item, own),
    })
}

/// The order once it is as the client waits for it, or the time is over; `None` if too many others wait already.
async fn awaited(
    state: &EdgeState,
    id: &str,
    wait: std::time::Duration,
    is_awaited: &(dyn Fn(&Order) -> bool + Sync),
) -> Result<Option<Order>, Problem> {
    let Ok(_place) = state.long_polls().try_acquire() else {
        return Ok(None);
    };
    let _counted = Counted::start(Kind::LongPoll);
    state.reader().await_order(id, wait, is_awaited).await
}

/// As long as nothing was shipped or given back; then it goes line by line.
fn is_cancellable(order: &Order) -> bool {
    let is_whole =
        |line: &wire::OrderLine| line.fulfilment == Fulfilment::Unshipped && line.money == LineMoney::WithOrder;
    match order.status {
        wire::OrderStatus::Created | wire::OrderStatus::Paid => order.lines.iter().all(is_whole),
        wire::OrderStatus::Shipped
        | wire::OrderStatus::Delivered
        | wire::OrderStatus::Cancelled
        | wire::OrderStatus::Unknown => false,
    }
}

fn requested_lines(order: NewOrder) -> Vec<RequestedLine> {
    let numbered = (1..).zip(order.lines);
    numbered
        .map(|(line, wanted)| RequestedLine {
            line,
            product_id: wanted.product_id,
            quantity: wanted.quantity,
        })
        .collect()
}

/// A command about an order. What is the same whenever a request is repeated makes its id, so that it is a repeated command.
pub(super) fn command(
    state: &EdgeState,
    caller: &Caller,
    id: String,
    order_id: &str,
    request_id: String,
    payload: OrderCommandPayload,
) -> OrderCommand {
    Envelope {
        id,
        seq: 0,
        at: state.now_ms(),
        actor: caller.actor(),
        causation: request_id,
        correlation: order_id.to_owned(),
        payload,
    }
}

fn accepted(order_id: String) -> axum::response::Response {
    let location = format!("/orders/{order_id}");
    let token = Token {
        order_id: order_id.clone(),
        version: 1,
    };
    let body = OrderAccepted {
        order_id,
        status: OrderStatus::Created,
    };
    let headers = [(LOCATION, location), token.header()];
    (StatusCode::ACCEPTED, headers, Json(body)).into_response()
}

fn number(cursor: &str) -> Result<u64, Problem> {
    let text = String::from_utf8(cursor::decode(cursor)?).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(cursor::invalid)
}

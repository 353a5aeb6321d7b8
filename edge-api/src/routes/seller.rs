//! What sellers see: orders with their lines, and who has bought from them.
#![allow(unused_qualifications, reason = "utoipa writes them into what it generates")]

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::get;
use commerce::views;

use super::orders::ListParameters;
use super::products::ListParameters as PageParameters;
use crate::auth::Caller;
use crate::http::consistency::{AsOf, ConsistencyToken};
use crate::http::cursor::{Page, page_size};
use crate::http::parameters::{Parameters, PathId};
use crate::model::order::OrderBody;
use crate::model::seller::BuyerBody;
use crate::problem::{Answer, Problem};
use crate::state::EdgeState;

/// `/seller/*`.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/seller/orders", get(orders))
        .route("/seller/buyers", get(buyers))
        .route("/seller/buyers/{id}", get(buyer))
}

/// Lists orders with lines of the caller, the newest first, and of each only those lines.
#[utoipa::path(
    get, path = "/seller/orders", tag = "seller", params(ListParameters, ConsistencyToken),
    responses((status = 200, description = "A page of orders.", body = Page<OrderBody>))
)]
pub async fn orders(
    State(state): State<EdgeState>,
    caller: Caller,
    as_of: AsOf,
    Parameters(parameters): Parameters<ListParameters>,
) -> Answer<Json<Page<OrderBody>>> {
    parameters
        .page(&state, (views::ORDERS_BY_SELLER, &caller.account_id), as_of)
        .await
}

/// Lists the buyers who have bought from the caller.
#[utoipa::path(
    get, path = "/seller/buyers", tag = "seller", params(PageParameters),
    responses((status = 200, description = "A page of buyers.", body = Page<BuyerBody>))
)]
pub async fn buyers(
    State(state): State<EdgeState>,
    caller: Caller,
    Parameters(parameters): Parameters<PageParameters>,
) -> Answer<Json<Page<BuyerBody>>> {
    let size = page_size(parameters.limit)?;
    let page = state
        .reader()
        .buyers_of(&caller.account_id, parameters.cursor.as_deref(), size)
        .await?;
    Ok(Json(page.map(BuyerBody::from)))
}

/// Reads one buyer who has bought from the caller; anybody else is not found.
#[utoipa::path(
    get, path = "/seller/buyers/{id}", tag = "seller", params(("id" = String, Path, description = "The buyer.")),
    responses((status = 200, description = "The buyer.", body = BuyerBody))
)]
pub async fn buyer(State(state): State<EdgeState>, caller: Caller, PathId(id): PathId) -> Answer<Json<BuyerBody>> {
    let buyer = state.reader().buyer_of(&caller.account_id, &id).await?;
    Ok(Json(buyer.ok_or_else(Problem::not_found)?.into()))
}

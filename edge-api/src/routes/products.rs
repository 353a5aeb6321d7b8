//! The catalogue and the stock.
#![allow(unused_qualifications, reason = "utoipa writes them into what it generates")]

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use commerce::ids::{self, AccountId, ProductId};
use schemas::wire::envelope::Envelope;
use schemas::wire::product::{self as wire, Product, ProductCommand, ProductCommandPayload};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Caller;
use crate::auth::access::Operation;
use crate::http::body::Body;
use crate::http::cursor::{Page, page_size};
use crate::http::headers::{Expected, Known, OptionalIdempotencyKey, OptionalKey, etag, with_version};
use crate::http::layers::RequestId;
use crate::http::parameters::{Parameters, PathId};
use crate::idempotency::key_reused;
use crate::model::product::{NewProduct, ProductBody, ProductChange, StockAdjustment};
use crate::problem::{Answer, Code, Problem};
use crate::reading::Outcome;
use crate::state::EdgeState;

/// `/products` and below.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/products", get(list).post(create))
        .route("/products/{id}", get(read).patch(change))
        .route("/products/{id}/stock-adjustments", post(adjust))
}

/// Which page of the catalogue.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParameters {
    /// Entries on the page, 1 to 100; 20 without it.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 1024, pattern = "^[A-Za-z0-9_-]*$")]
    pub cursor: Option<String>,
}

/// Lists products of all sellers.
#[utoipa::path(
    get, path = "/products", tag = "products", params(ListParameters),
    responses((status = 200, description = "A page of products.", body = Page<ProductBody>))
)]
pub async fn list(
    State(state): State<EdgeState>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Answer<Json<Page<ProductBody>>> {
    let size = page_size(parameters.limit)?;
    let page = state.reader().products(parameters.cursor.as_deref(), size).await?;
    Ok(Json(page.map(ProductBody::from)))
}

/// Reads a product.
#[utoipa::path(
    get, path = "/products/{id}", tag = "products",
    params(
        ("id" = String, Path, description = "The product."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the version that the client has.")
    ),
    responses(
        (status = 200, description = "The product; its version is the ETag.", body = ProductBody),
        (status = 304, description = "The client has the product as it is.")
    )
)]
pub async fn read(State(state): State<EdgeState>, known: Known, PathId(id): PathId) -> Answer {
    let product = state.reader().product(&id).await?.ok_or_else(Problem::not_found)?;
    if known.has(product.version) {
        return Ok((StatusCode::NOT_MODIFIED, [etag(product.version)]).into_response());
    }
    Ok(shown(StatusCode::OK, product))
}

/// Puts a product on offer. With an `Idempotency-Key` the same request again is the same product.
#[utoipa::path(
    post, path = "/products", tag = "products", request_body = NewProduct,
    params(OptionalKey),
    responses((status = 201, description = "The product is on offer.", body = ProductBody, headers(("Location" = String))))
)]
pub async fn create(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    OptionalIdempotencyKey(key): OptionalIdempotencyKey,
    Body(product): Body<NewProduct>,
) -> Answer {
    product.check()?;
    let key = key.unwrap_or_else(|| request_id.clone());
    let product_id = ids::product_id(&AccountId::from(caller.account_id.as_str()), &key).to_string();
    let fingerprint = ids::request_hash(&serde_json::to_vec(&product).map_err(Problem::internal)?);
    state.recent().claim(&product_id, &fingerprint)?;
    let payload = ProductCommandPayload::CreateProduct(wire::CreateProduct {
        seller_id: caller.account_id.clone(),
        name: product.name.trim().to_owned(),
        price: product.price.into(),
        stock: product.stock,
    });
    let command = command(
        &state,
        &caller,
        ("create-product", &product_id, &key),
        request_id,
        payload,
    );
    let receipt = state.append(&product_id, &command).await?;
    let created = state.reader().product_as_of(&product_id, &receipt.seen()).await?;
    let created =
        created.ok_or_else(|| Problem::internal("a product inside the bounds was refused by the topology"))?;
    let location = format!("/products/{product_id}");
    Ok(([(LOCATION, location)], shown(StatusCode::CREATED, created)).into_response())
}

/// Changes the name or the price of an own product. Orders that hold a reservation keep theirs.
#[utoipa::path(
    patch, path = "/products/{id}", tag = "products", request_body = ProductChange,
    params(
        ("id" = String, Path, description = "The product."),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version that is to be changed: in any other nothing is, and the answer is 412.")
    ),
    responses((status = 200, description = "The product after the change.", body = ProductBody))
)]
pub async fn change(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(operation): Extension<&'static Operation>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    expected: Expected,
    PathId(id): PathId,
    Body(change): Body<ProductChange>,
) -> Answer {
    change.check()?;
    let product = own_product(&state, operation, &caller, &id).await?;
    let if_version = expected.version(product.version)?;
    if change.is_empty() {
        return Ok(shown(StatusCode::OK, product));
    }
    let payload = ProductCommandPayload::ChangeProduct(wire::ChangeProduct {
        name: change.name.map(|name| name.trim().to_owned()),
        price: change.price.map(Into::into),
        if_version,
    });
    let command = command(
        &state,
        &caller,
        ("change-product", &id, &request_id.clone()),
        request_id,
        payload,
    );
    let seen = state.append(&id, &command).await?.seen();
    let changed = state.reader().changed_product(&id, &seen).await?;
    let (product, changed_by) = changed.ok_or_else(Problem::not_found)?;
    // Somebody else was faster. Where a third change came right behind this one, it is not told from that: read again.
    if if_version.is_some() && changed_by.as_deref() != Some(command.id.as_str()) {
        return Err(with_version(Expected::failed(), product.version));
    }
    Ok(shown(StatusCode::OK, product))
}

/// Adds pieces to the stock of an own product, or takes free ones away. With an `Idempotency-Key` the same request
/// again counts once.
#[utoipa::path(
    post, path = "/products/{id}/stock-adjustments", tag = "products", request_body = StockAdjustment,
    params(
        ("id" = String, Path, description = "The product."),
        OptionalKey
    ),
    responses((status = 201, description = "The product after the adjustment.", body = ProductBody, headers(("Location" = String))))
)]
pub async fn adjust(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(operation): Extension<&'static Operation>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    PathId(id): PathId,
    OptionalIdempotencyKey(key): OptionalIdempotencyKey,
    Body(adjustment): Body<StockAdjustment>,
) -> Answer {
    adjustment.check()?;
    own_product(&state, operation, &caller, &id).await?;
    let key = key.unwrap_or_else(|| request_id.clone());
    let adjustment_id = ids::adjustment_id(&ProductId::from(id.as_str()), &key);
    let delta = adjustment.delta;
    let payload = ProductCommandPayload::AdjustStock(wire::AdjustStock {
        delta,
        adjustment_id: adjustment_id.to_string(),
    });
    let command = command(&state, &caller, ("adjust-stock", &id, &key), request_id, payload);
    let seen = state.append(&id, &command).await?.seen();
    match state.reader().adjustment(&id, &adjustment_id, delta, &seen).await? {
        Outcome::Done => {}
        Outcome::Conflict => return Err(key_reused()),
        Outcome::Refused => return Err(stock_too_low()),
    }
    let product = state
        .reader()
        .product_as_of(&id, &seen)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok((
        [(LOCATION, format!("/products/{id}"))],
        shown(StatusCode::CREATED, product),
    )
        .into_response())
}

async fn own_product(state: &EdgeState, operation: &Operation, caller: &Caller, id: &str) -> Result<Product, Problem> {
    let product = state.reader().product(id).await?.ok_or_else(Problem::not_found)?;
    operation.admit_to_product(caller, &product.seller_id)?;
    Ok(product)
}

/// A command about a product. Kind, product and key make its id, so that a repeated request is a repeated command.
fn command(
    state: &EdgeState,
    caller: &Caller,
    (kind, product_id, key): (&str, &str, &str),
    request_id: String,
    payload: ProductCommandPayload,
) -> ProductCommand {
    Envelope {
        id: ids::command_id(kind, product_id, key).to_string(),
        seq: 0,
        at: state.now_ms(),
        actor: caller.actor(),
        causation: request_id.clone(),
        correlation: request_id,
        payload,
    }
}

fn shown(status: StatusCode, product: Product) -> Response {
    (status, [etag(product.version)], Json(ProductBody::from(product))).into_response()
}

fn stock_too_low() -> Problem {
    Problem::new(
        Code::StockTooLow,
        "Only pieces that are on hand and not held for orders can be taken away.",
    )
}

//! The description of the API, generated from the routes and their types.

use std::sync::LazyLock;

use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::Value;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, HttpMethod, OpenApi, PathItem, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi as _};

use super::{
    account, auth, fulfilment, keys, me, orders, products, reset, second_factor, seller, sessions, stream, wallet,
};
use crate::problem::ProblemBody;
use crate::state::EdgeState;

/// `/openapi.json`.
pub fn router() -> Router<EdgeState> {
    Router::new().route("/openapi.json", get(document))
}

/// The `OpenAPI` 3.1 description of this API.
#[must_use]
pub fn description() -> OpenApi {
    Description::openapi()
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(description()).unwrap_or_default();
    name_links(&mut document);
    document
});

/// utoipa writes a link's `operationId` in the way of Rust, which no reader understands.
fn name_links(value: &mut Value) {
    if let Some(Value::Object(links)) = value.get_mut("links") {
        for link in links.values_mut().filter_map(Value::as_object_mut) {
            if let Some(id) = link.remove("operation_id") {
                link.insert("operationId".to_owned(), id);
            }
        }
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(name_links),
        Value::Array(members) => members.iter_mut().for_each(name_links),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "sluice",
        description = "Orders and payment. Every 4xx and 5xx is an RFC 9457 problem with a stable `code`. \
            An expired access token whose session is alive is renewed on the way: the new one comes in the \
            `Authorization` header of the answer. To a client that sends `Sluice-Session: cookie` with what is below `/auth` \
            the refresh token is given as a cookie, in the place of `refresh_token`."
    ),
    paths(
        auth::register, auth::login, auth::refresh, auth::logout, keys::keys, me::me,
        account::change_password, account::disable, reset::reset,
        second_factor::begin, second_factor::confirmation, second_factor::removal, sessions::list, sessions::end_all, sessions::end,
        products::create, products::list, products::read, products::change, products::adjust,
        wallet::read, wallet::deposit, wallet::pay_out,
        orders::place, orders::list, orders::read, orders::events, stream::stream, orders::cancel,
        fulfilment::ship, fulfilment::confirm_delivery, fulfilment::request_return, fulfilment::reject_return,
        fulfilment::refund,
        seller::orders, seller::buyers, seller::buyer,
        document,
    ),
    components(schemas(ProblemBody)),
    security(("access_token" = [])),
    modifiers(&AccessToken, &Problems, &Links),
)]
struct Description;

/// Describes this API, in `OpenAPI` 3.1.
#[utoipa::path(
    get, path = "/openapi.json", tag = "meta", security(()),
    responses((status = 200, description = "This document.", body = Object))
)]
async fn document() -> Json<Value> {
    Json(DOCUMENT.clone())
}

struct AccessToken;

impl Modify for AccessToken {
    fn modify(&self, description: &mut OpenApi) {
        let components = description.components.get_or_insert_default();
        let bearer = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        components.add_security_scheme("access_token", SecurityScheme::Http(bearer));
    }
}

/// Every operation may answer with a problem.
struct Problems;

impl Modify for Problems {
    fn modify(&self, description: &mut OpenApi) {
        let content = Content::new(Some(Ref::from_schema_name("ProblemBody")));
        let problem = ResponseBuilder::new()
            .description("A problem; see its `code`.")
            .content("application/problem+json", content)
            .build();
        let paths = description.paths.paths.iter_mut();
        for (_, _, operation) in paths.flat_map(|(path, item)| operations(path, item)) {
            let responses = &mut operation.responses.responses;
            responses.insert("default".to_owned(), problem.clone().into());
        }
    }
}

/// Where an answer leads: the operation that takes what it tells, under another name than its function's, which several have.
struct Links;

/// The path and method of an operation, the status that leads on, what is read from the body, and where it leads.
type Lead = (
    &'static str,
    HttpMethod,
    &'static str,
    &'static str,
    &'static [(&'static str, HttpMethod)],
);

const ORDER: &[(&str, HttpMethod)] = &[
    ("/orders/{id}", HttpMethod::Get),
    ("/orders/{id}/events", HttpMethod::Get),
    ("/orders/{id}/cancel", HttpMethod::Post),
    ("/orders/{id}/shipments", HttpMethod::Post),
    ("/orders/{id}/deliveries", HttpMethod::Post),
    ("/orders/{id}/returns", HttpMethod::Post),
    ("/orders/{id}/returns/rejections", HttpMethod::Post),
    ("/orders/{id}/refunds", HttpMethod::Post),
];

const PRODUCT: &[(&str, HttpMethod)] = &[
    ("/products/{id}", HttpMethod::Get),
    ("/products/{id}", HttpMethod::Patch),
    ("/products/{id}/stock-adjustments", HttpMethod::Post),
];

const LEADS: [Lead; 6] = [
    ("/orders", HttpMethod::Post, "202", "$response.body#/order_id", ORDER),
    (
        "/orders",
        HttpMethod::Get,
        "200",
        "$response.body#/items/0/order_id",
        ORDER,
    ),
    (
        "/seller/orders",
        HttpMethod::Get,
        "200",
        "$response.body#/items/0/order_id",
        ORDER,
    ),
    (
        "/products",
        HttpMethod::Post,
        "201",
        "$response.body#/product_id",
        PRODUCT,
    ),
    (
        "/products",
        HttpMethod::Get,
        "200",
        "$response.body#/items/0/product_id",
        PRODUCT,
    ),
    (
        "/seller/buyers",
        HttpMethod::Get,
        "200",
        "$response.body#/items/0/buyer_id",
        &[("/seller/buyers/{id}", HttpMethod::Get)],
    ),
];

impl Modify for Links {
    fn modify(&self, description: &mut OpenApi) {
        let paths = &mut description.paths.paths;
        for (path, method, operation) in paths.iter_mut().flat_map(|(path, item)| operations(path, item)) {
            operation.operation_id = Some(operation_id(path, &method));
        }
        for (path, method, status, source, targets) in LEADS {
            let mut of_path = paths.get_mut(path).into_iter().flat_map(|item| operations(path, item));
            let operation = of_path
                .find(|(_, found, _)| *found == method)
                .map(|(.., operation)| operation);
            let answer = operation.and_then(|operation| operation.responses.responses.get_mut(status));
            if let Some(RefOr::T(answer)) = answer {
                for (target, method) in targets {
                    let id = operation_id(target, method);
                    let link = Link::builder().operation_id(id.clone()).parameter("id", source).build();
                    answer.links.insert(id, link.into());
                }
            }
        }
    }
}

fn operations<'a>(path: &'a str, item: &'a mut PathItem) -> Vec<(&'a str, HttpMethod, &'a mut Operation)> {
    let all = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Delete, &mut item.delete),
        (HttpMethod::Put, &mut item.put),
    ];
    let present = all
        .into_iter()
        .filter_map(|(method, operation)| Some((path, method, operation.as_mut()?)));
    present.collect()
}

/// `get_orders_id_events` of GET `/orders/{id}/events`: unique, and as stable as the path.
fn operation_id(path: &str, method: &HttpMethod) -> String {
    let method = match method {
        HttpMethod::Get => "get",
        HttpMethod::Post => "post",
        HttpMethod::Patch => "patch",
        HttpMethod::Delete => "delete",
        HttpMethod::Put => "put",
        HttpMethod::Options | HttpMethod::Head | HttpMethod::Trace => "other",
    };
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |id, word| format!("{id}_{word}"))
}

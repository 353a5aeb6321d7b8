//! The description of the API, generated from the routes and their types.

use std::sync::LazyLock;

use axum::Router;
use axum::response::Json;
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, ResponseBuilder};
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

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(description);

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
    modifiers(&AccessToken, &Problems),
)]
struct Description;

/// Describes this API, in `OpenAPI` 3.1.
#[utoipa::path(
    get, path = "/openapi.json", tag = "meta", security(()),
    responses((status = 200, description = "This document.", body = Object))
)]
async fn document() -> Json<OpenApi> {
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
        for path in description.paths.paths.values_mut() {
            let operations = [
                &mut path.get,
                &mut path.post,
                &mut path.patch,
                &mut path.delete,
                &mut path.put,
            ];
            for operation in operations.into_iter().flatten() {
                operation
                    .responses
                    .responses
                    .insert("default".to_owned(), problem.clone().into());
            }
        }
    }
}

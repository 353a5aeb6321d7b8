//! The two routers of a gateway: the API, and the operators' side; and what stands in for them before it is there.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, IF_NONE_MATCH};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::auth::cookie::keep_refresh_token;
use crate::auth::gate::gate;
use crate::console;
use crate::http::headers::EXPOSED;
use crate::http::layers::{limit_time, observe, panicked, secured, write_problem};
use crate::http::peer::Standing;
use crate::problem::{Code, Problem};
use crate::routes;
use crate::state::{EdgeState, RenderMetrics};

/// The API.
pub fn app(state: EdgeState) -> Router {
    let routes = routes::api()
        .route_layer(from_fn_with_state(state.clone(), keep_refresh_token))
        .route_layer(from_fn_with_state(state.clone(), gate))
        .merge(if state.has_console() {
            console::shop()
        } else {
            Router::new()
        })
        .fallback(async || Problem::not_found())
        .layer(from_fn(limit_time))
        .layer(CatchPanicLayer::custom(panicked));
    // A preflight has no token, so it is answered before the gate.
    let routes = match cors(state.allowed_origins()) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes
        .layer(from_fn_with_state(state.clone(), observe))
        .with_state(state)
}

/// Health, readiness, metrics, and whatever the deployment adds. Over TLS only whoever has shown a certificate sees more than
/// [`PROBES`]; in the clear there is no authentication: bind it to the inside.
pub fn admin(state: EdgeState) -> Router {
    let further = state.admin_routes();
    let routes = routes::health::router().with_state(state).merge(further);
    secure(routes.layer(from_fn(let_in)))
}

/// What a stranger may ask on the operators' side: whoever starts and stops processes has no certificate.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

async fn let_in(request: Request, next: Next) -> Response {
    let is_stranger = request.extensions().get() == Some(&Standing::Stranger);
    if is_stranger && !PROBES.contains(&request.uri().path()) {
        let detail = "This needs a client certificate of the internal authority.";
        return write_problem(Problem::new(Code::Forbidden, detail).into_response(), "operator");
    }
    next.run(request).await
}

/// The API before there is a gateway. Every answer ends its connection, so that the next one meets the gateway.
pub(crate) fn starting_api() -> Router {
    let routes = Router::new().fallback(async || {
        let problem = Problem::new(Code::Unavailable, "The gateway is starting. Try again.");
        let problem = problem.header(CONNECTION, HeaderValue::from_static("close"));
        write_problem(problem.into_response(), "starting")
    });
    secure(routes)
}

/// The operators' side before there is a gateway: alive, not ready, and why.
pub(crate) fn starting_admin(reason: watch::Receiver<String>, metrics: RenderMetrics) -> Router {
    let close = SetResponseHeaderLayer::overriding(CONNECTION, HeaderValue::from_static("close"));
    secure(
        routes::health::starting(reason, metrics)
            .layer(from_fn(let_in))
            .layer(close),
    )
}

/// Routes that nobody observes, with the headers of data.
fn secure(routes: Router) -> Router {
    routes.layer(map_response(async |response: Response| secured(response)))
}

/// Cross-origin rules for the listed origins; none without any.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    if origins.is_empty() {
        return None;
    }
    let exposed: Vec<HeaderName> = EXPOSED.split(", ").filter_map(|name| name.parse().ok()).collect();
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("prefer"),
        ])
        .expose_headers(exposed);
    Some(cors)
}

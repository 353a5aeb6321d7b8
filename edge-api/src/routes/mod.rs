//! The routes: one file per resource.

pub mod account;
pub mod auth;
pub mod fulfilment;
pub mod health;
pub mod keys;
pub mod me;
pub mod openapi;
pub mod orders;
pub mod products;
pub mod reset;
pub mod second_factor;
pub mod seller;
pub mod sessions;
pub mod stream;
pub mod wallet;

use axum::Router;

use crate::state::EdgeState;

/// Every route of the API.
pub fn api() -> Router<EdgeState> {
    Router::new()
        .merge(auth::router())
        .merge(account::router())
        .merge(reset::router())
        .merge(second_factor::router())
        .merge(sessions::router())
        .merge(keys::router())
        .merge(me::router())
        .merge(products::router())
        .merge(wallet::router())
        .merge(orders::router())
        .merge(fulfilment::router())
        .merge(stream::router())
        .merge(seller::router())
        .merge(openapi::router())
}

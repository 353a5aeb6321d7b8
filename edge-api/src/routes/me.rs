//! The caller's own account.

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::get;

use crate::auth::Caller;
use crate::model::account::Me;
use crate::problem::Answer;
use crate::state::EdgeState;

/// `/me`.
pub fn router() -> Router<EdgeState> {
    Router::new().route("/me", get(me))
}

/// Reads the caller's own account.
#[utoipa::path(
    get, path = "/me", tag = "auth",
    responses((status = 200, description = "The account.", body = Me))
)]
pub async fn me(State(state): State<EdgeState>, caller: Caller) -> Answer<Json<Me>> {
    // The account shows here a moment after its registration; until then the token itself says who it is.
    let account = state.reader().account(&caller.account_id).await?;
    let name = account.map(|account| account.display_name);
    Ok(Json(Me {
        account_id: caller.account_id,
        role: caller.role,
        name,
    }))
}

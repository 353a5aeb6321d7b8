//! The caller's wallet.

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post};
use commerce::ids::{self, AccountId};
use commerce::payment::{PAYOUTS_MAX, PayoutStatus, TransferKind};
use runtime::queries::Freshness;
use schemas::wire::envelope::Envelope;
use schemas::wire::payment::{Deposit, PaymentCommand, PaymentCommandPayload, Withdraw};

use crate::auth::Caller;
use crate::http::body::Body;
use crate::http::headers::{IdempotencyKey, RequiredKey};
use crate::http::layers::RequestId;
use crate::idempotency::key_reused;
use crate::model::wallet::{NewDeposit, NewPayout, WalletBody};
use crate::problem::{Answer, Code, Problem};
use crate::reading::{Outcome, WantedTransfer};
use crate::state::EdgeState;

/// `/wallet` and below.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/wallet", get(read))
        .route("/wallet/deposits", post(deposit))
        .route("/wallet/payouts", post(pay_out))
}

/// Reads the caller's wallet, with everything in it that was accepted before: a buyer's deposits, a seller's sales.
#[utoipa::path(
    get, path = "/wallet", tag = "wallet",
    responses((status = 200, description = "The wallet.", body = WalletBody))
)]
pub async fn read(State(state): State<EdgeState>, caller: Caller) -> Answer<Json<WalletBody>> {
    let wallet = state.reader().wallet(&caller.account_id).await?;
    Ok(Json(WalletBody::of(&caller.account_id, wallet)))
}

/// Puts money into the caller's wallet. The same request again, under the same `Idempotency-Key`, counts once.
#[utoipa::path(
    post, path = "/wallet/deposits", tag = "wallet", request_body = NewDeposit,
    params(RequiredKey),
    responses(
        (status = 200, description = "The wallet with the deposit.", body = WalletBody),
        (status = 202, description = "The deposit is stored, and not visible yet; a later read shows it.", body = WalletBody)
    )
)]
pub async fn deposit(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    IdempotencyKey(key): IdempotencyKey,
    Body(deposit): Body<NewDeposit>,
) -> Answer {
    deposit.check()?;
    let wanted = WantedTransfer {
        kind: TransferKind::Deposit,
        transfer_id: ids::transfer_id(&AccountId::from(caller.account_id.as_str()), &key),
        amount: deposit.amount.into(),
        card: None,
    };
    transfer(&state, &caller, (&key, wanted), request_id).await
}

/// Takes free money out of the caller's wallet, on its way to a card. What the payment provider declines comes back; the wallet shows
/// what has become of it. The same request again, under the same `Idempotency-Key`, counts once.
#[utoipa::path(
    post, path = "/wallet/payouts", tag = "wallet", request_body = NewPayout,
    params(RequiredKey),
    responses(
        (status = 200, description = "The wallet after the payout.", body = WalletBody),
        (status = 202, description = "The payout is stored, and not visible yet; a later read shows it.", body = WalletBody)
    )
)]
pub async fn pay_out(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    IdempotencyKey(key): IdempotencyKey,
    Body(payout): Body<NewPayout>,
) -> Answer {
    payout.check(state.takes_cards())?;
    let wanted = WantedTransfer {
        kind: TransferKind::Withdrawal,
        transfer_id: ids::transfer_id(&AccountId::from(caller.account_id.as_str()), &key),
        amount: payout.amount.into(),
        card: payout.card,
    };
    transfer(&state, &caller, (&key, wanted), request_id).await
}

/// Moves money into or out of the caller's wallet, and waits for what becomes of it.
async fn transfer(
    state: &EdgeState,
    caller: &Caller,
    (key, wanted): (&str, WantedTransfer),
    request_id: String,
) -> Answer {
    let account_id = caller.account_id.as_str();
    let (name, payload) = payload(wanted.clone());
    let command: PaymentCommand = Envelope {
        id: ids::command_id(name, account_id, key).to_string(),
        seq: 0,
        at: state.now_ms(),
        actor: caller.actor(),
        causation: request_id.clone(),
        correlation: request_id,
        payload,
    };
    let seen = state.append(account_id, &command).await?.seen();
    match state.reader().transfer(account_id, &wanted, &seen).await {
        Ok(Outcome::Done) => answer(state, account_id, StatusCode::OK, &seen).await,
        Ok(Outcome::Conflict) => Err(key_reused()),
        Ok(Outcome::Refused) => Err(refusal(state, account_id, &wanted, &seen).await?),
        Err(problem) if problem.code() == Code::OutcomePending => {
            answer(state, account_id, StatusCode::ACCEPTED, &Freshness::Committed).await
        }
        Err(problem) => Err(problem),
    }
}

fn payload(wanted: WantedTransfer) -> (&'static str, PaymentCommandPayload) {
    let (id, amount) = (wanted.transfer_id.to_string(), wanted.amount);
    match wanted.kind {
        TransferKind::Deposit => {
            let deposit = Deposit { deposit_id: id, amount };
            ("deposit", PaymentCommandPayload::Deposit(deposit))
        }
        TransferKind::Withdrawal => {
            let withdraw = Withdraw {
                withdrawal_id: id,
                amount,
                card: wanted.card,
            };
            ("payout", PaymentCommandPayload::Withdraw(withdraw))
        }
    }
}

async fn answer(state: &EdgeState, account_id: &str, status: StatusCode, fresh: &Freshness) -> Answer {
    let wallet = state.reader().wallet_as_of(account_id, fresh).await?;
    Ok((status, Json(WalletBody::of(account_id, wallet))).into_response())
}

/// Why it was refused, as far as the wallet shows it.
async fn refusal(state: &EdgeState, account_id: &str, wanted: &WantedTransfer, fresh: &Freshness) -> Answer<Problem> {
    if wanted.kind == TransferKind::Deposit {
        return Ok(Problem::field(
            Code::OutOfBounds,
            "/amount",
            "WALLET_LIMIT",
            "The wallet cannot hold that much, or so many currencies, or it takes nothing because its account is disabled.",
        ));
    }
    let wallet = state.reader().wallet_as_of(account_id, fresh).await?;
    let payouts = wallet.into_iter().flat_map(|wallet| wallet.payouts);
    let on_their_way = payouts.filter(|payout| payout.status == PayoutStatus::OnItsWay);
    Ok(if wanted.card.is_some() && on_their_way.count() >= PAYOUTS_MAX {
        let words = format!("{PAYOUTS_MAX} payouts are on their way: wait until one of them has arrived or come back.");
        Problem::new(Code::TooManyPayouts, words)
    } else {
        Problem::new(Code::BalanceTooLow, "Less than that is free in the wallet.")
    })
}

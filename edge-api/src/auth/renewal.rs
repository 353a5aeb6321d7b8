//! The secrets of an account, kept as well as they are kept today: hashed and sealed anew when somebody shows them.

use schemas::wire::account::{AccountCommandPayload, RenewProtection};
use zeroize::Zeroizing;

use super::second_factor::sealed_anew;
use crate::clock::random_bytes;
use crate::problem::Problem;
use crate::reading::LoginRecord;
use crate::state::EdgeState;

/// Hashes a right password anew where the parameters have changed since, and seals the secret of the second factor anew where the
/// newest key is another one. It is tried again at the next login where it fails now: nobody is kept out by it.
pub(crate) async fn renew(
    state: &EdgeState,
    login_key: &str,
    record: &LoginRecord,
    password: Zeroizing<String>,
    request_id: String,
) {
    if let Err(problem) = try_to_renew(state, login_key, record, password, request_id).await {
        tracing::debug!(?problem, "the secrets of an account stay as they were kept");
    }
}

async fn try_to_renew(
    state: &EdgeState,
    login_key: &str,
    record: &LoginRecord,
    password: Zeroizing<String>,
    request_id: String,
) -> Result<(), Problem> {
    let salt = random_bytes(state.entropy())?;
    let rehashed = state
        .passwords()
        .hashed_anew(password, &record.password_hash, salt)
        .await;
    // Where too many wait already, the next login does it.
    let password_hash = rehashed.unwrap_or_default();
    let sealed_secret = sealed_anew(state, record)?;
    if password_hash.is_none() && sealed_secret.is_none() {
        return Ok(());
    }
    let payload = AccountCommandPayload::RenewProtection(RenewProtection {
        version: record.version,
        password_hash,
        sealed_secret,
    });
    let command = state.account_command(payload, record.actor(), request_id);
    state.append(login_key, &command).await?;
    tracing::info!("the secrets of an account are kept as they are kept today");
    Ok(())
}

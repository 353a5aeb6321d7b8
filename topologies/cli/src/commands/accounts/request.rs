//! What an operator asks of an account, and how it shows that it is done.

use ::schemas::wire::account::{
    AccountCommandPayload, AccountStatus, Credential, DisableAccount, EndSessions, ForgetSecondFactor, PasswordReset,
};
use edge_api::auth::codes::{fresh_code, reset_hash};
use edge_api::clock::SystemEntropy;
use edge_api::limits::RESET_TTL_MS;
use runtime::{Machine, OsMachine};

use super::AccountsCommand;

/// A change of an account.
pub(super) enum Request {
    Disable,
    EndSessions,
    ForgetSecondFactor,
    ResetPassword { code: String, reset: PasswordReset },
}

impl Request {
    /// What the command asks for, if it is more than to look.
    pub(super) fn of(command: &AccountsCommand, account: &Credential) -> anyhow::Result<Option<Self>> {
        Ok(Some(match command {
            AccountsCommand::Show(_) => return Ok(None),
            AccountsCommand::Disable(_) => Self::Disable,
            AccountsCommand::EndSessions(_) => Self::EndSessions,
            AccountsCommand::RemoveSecondFactor(_) => Self::ForgetSecondFactor,
            AccountsCommand::ResetPassword(_) => {
                let code = fresh_code(&SystemEntropy)?;
                let reset = PasswordReset {
                    code_hash: reset_hash(&account.account_id, &code),
                    ends_at: OsMachine.now_ms() + RESET_TTL_MS,
                };
                Self::ResetPassword { code, reset }
            }
        }))
    }

    pub(super) fn payload(&self) -> AccountCommandPayload {
        match self {
            Self::Disable => AccountCommandPayload::DisableAccount(DisableAccount {}),
            Self::EndSessions => AccountCommandPayload::EndSessions(EndSessions {}),
            Self::ForgetSecondFactor => AccountCommandPayload::ForgetSecondFactor(ForgetSecondFactor {}),
            Self::ResetPassword { reset, .. } => AccountCommandPayload::OfferPasswordReset(reset.clone()),
        }
    }

    /// Whether the account is already as it is asked to be. Whoever may not sign in has no session, and nothing to sign in with.
    pub(super) fn is_needless(&self, account: &Credential) -> bool {
        account.status == AccountStatus::Disabled
            || match self {
                Self::ForgetSecondFactor => account.second_factor.is_none(),
                Self::Disable | Self::EndSessions | Self::ResetPassword { .. } => false,
            }
    }

    /// Whether the account shows that it is done; it had the version `before`.
    pub(super) fn is_done(&self, account: &Credential, before: i64) -> bool {
        match self {
            Self::Disable | Self::EndSessions | Self::ForgetSecondFactor => account.version > before,
            Self::ResetPassword { reset, .. } => account.reset.as_ref() == Some(reset),
        }
    }

    /// The code for another password, and until when it is good.
    pub(super) fn reset(self) -> Option<(String, i64)> {
        match self {
            Self::ResetPassword { code, reset } => Some((code, reset.ends_at)),
            Self::Disable | Self::EndSessions | Self::ForgetSecondFactor => None,
        }
    }
}

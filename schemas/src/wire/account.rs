//! Records of the topics `account-commands`, `account-events`, `accounts` and `credentials`.

use serde::{Deserialize, Serialize};

use super::Wire;
use super::envelope::{Envelope, Role};
use crate::topics::{self, TopicSpec};

/// A command to the accounts topology; the key is the login key.
pub type AccountCommand = Envelope<AccountCommandPayload>;

impl Wire for AccountCommand {
    fn topic() -> &'static TopicSpec {
        &topics::ACCOUNT_COMMANDS
    }
}

/// What an [`AccountCommand`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountCommandPayload {
    /// Asks for an account under a login key; the first one wins.
    #[serde(alias = "sluice.RegisterAccount")]
    RegisterAccount(RegisterAccount),
    /// Replaces the password of the login key.
    #[serde(alias = "sluice.ChangePassword")]
    ChangePassword(ChangePassword),
    /// Closes the account of the login key for further logins.
    #[serde(alias = "sluice.DisableAccount")]
    DisableAccount(DisableAccount),
    /// Ends every session of the account of the login key.
    #[serde(alias = "sluice.EndSessions")]
    EndSessions(EndSessions),
    /// From now on a login needs a code too; an account that has a second factor keeps it.
    #[serde(alias = "sluice.EnrolSecondFactor")]
    EnrolSecondFactor(EnrolSecondFactor),
    /// Uses a code up; one that is used up already changes nothing.
    #[serde(alias = "sluice.SpendCode")]
    SpendCode(SpendCode),
    /// Uses a code up, and with it the second factor; a code that is used up already changes nothing.
    #[serde(alias = "sluice.RemoveSecondFactor")]
    RemoveSecondFactor(RemoveSecondFactor),
    /// Lets whoever has a code choose another password; an operator's. The last offer counts.
    #[serde(alias = "sluice.OfferPasswordReset")]
    OfferPasswordReset(PasswordReset),
    /// Replaces the password by the code that was offered, and by a code of the second factor where there is one.
    #[serde(alias = "sluice.ResetPassword")]
    ResetPassword(ResetPassword),
    /// Takes the second factor away from whoever has lost it; an operator's.
    #[serde(alias = "sluice.ForgetSecondFactor")]
    ForgetSecondFactor(ForgetSecondFactor),
    /// Keeps the same secrets under newer parameters or another key; nothing where the account has changed since.
    #[serde(alias = "sluice.RenewProtection")]
    RenewProtection(RenewProtection),
}

/// What happened to an account; the key is the account id.
pub type AccountEvent = Envelope<AccountEventPayload>;

impl Wire for AccountEvent {
    fn topic() -> &'static TopicSpec {
        &topics::ACCOUNT_EVENTS
    }
}

/// What an [`AccountEvent`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountEventPayload {
    /// An account exists from now on.
    #[serde(alias = "sluice.AccountRegistered")]
    AccountRegistered(AccountRegistered),
    /// The account takes no further logins or orders.
    #[serde(alias = "sluice.AccountDisabled")]
    AccountDisabled(AccountDisabled),
    /// The account was not created.
    #[serde(alias = "sluice.RegistrationRefused")]
    RegistrationRefused(RegistrationRefused),
}

impl Wire for Account {
    fn topic() -> &'static TopicSpec {
        &topics::ACCOUNTS
    }
}

impl Wire for Credential {
    fn topic() -> &'static TopicSpec {
        &topics::CREDENTIALS
    }
}

/// Asks for an account under a login key; the first one wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterAccount {
    /// Id of the account to be, chosen by the caller.
    pub account_id: String,
    /// Name shown to others.
    pub display_name: String,
    /// BUYER or SELLER.
    pub role: Role,
    /// Argon2id hash in PHC format, never a password.
    pub password_hash: String,
}

/// Replaces the password of the login key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// Argon2id hash in PHC format, never a password.
    pub password_hash: String,
}

/// Closes the account of the login key for further logins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisableAccount {}

/// Ends every session of the account of the login key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndSessions {}

/// From now on a login needs a code too; an account that has a second factor keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolSecondFactor {
    /// Id of this attempt: how its sender knows that it was this one.
    pub attempt: String,
    /// The sealed TOTP secret; only gateways can open it.
    pub sealed_secret: String,
    /// Hex SHA-256 of each recovery code.
    pub recovery_hashes: Vec<String>,
    /// Time step of the code that proved the possession.
    pub step: i64,
}

/// Uses a code up; one that is used up already changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendCode {
    /// Id of this attempt: how its sender knows that it was this one.
    pub attempt: String,
    /// Time step of a TOTP code; null of a recovery code.
    #[serde(default)]
    pub step: Option<i64>,
    /// Hex SHA-256 of a recovery code; null of a TOTP code.
    #[serde(default)]
    pub recovery_hash: Option<String>,
}

/// Uses a code up, and with it the second factor; a code that is used up already changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveSecondFactor {
    /// The code that proves the possession.
    pub code: SpendCode,
}

/// By what a password can be replaced without the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordReset {
    /// Hex SHA-256 of the code.
    pub code_hash: String,
    /// Until when the code is good.
    pub ends_at: i64,
}

/// Replaces the password by the code that was offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetPassword {
    /// Hex SHA-256 of the code that was offered.
    pub code_hash: String,
    /// Argon2id hash in PHC format, never a password.
    pub password_hash: String,
    /// The code of the second factor; null where there is none.
    #[serde(default)]
    pub second_factor: Option<SpendCode>,
}

/// Takes the second factor away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetSecondFactor {}

/// Keeps the same secrets under newer parameters or another key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewProtection {
    /// The version of the account with these secrets.
    pub version: i64,
    /// Another Argon2id hash of the same password; null to keep the present one.
    #[serde(default)]
    pub password_hash: Option<String>,
    /// The same TOTP secret, sealed anew; null to keep the present one.
    #[serde(default)]
    pub sealed_secret: Option<String>,
}

/// An account exists from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRegistered {
    /// The account.
    pub account_id: String,
    /// Its role, for ever.
    pub role: Role,
    /// Name shown to others.
    pub display_name: String,
}

/// The account takes no further logins or orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDisabled {
    /// The account.
    pub account_id: String,
}

/// Why a registration was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegistrationRefusal {
    /// Another account has the login key.
    EmailTaken,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// The account was not created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationRefused {
    /// The id that the command asked for.
    pub account_id: String,
    /// Why.
    pub reason: RegistrationRefusal,
}

/// Whether an account may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountStatus {
    /// It may.
    Active,
    /// It may not.
    Disabled,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// What other topologies may know of an account: no secret, no e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account, also the key.
    pub account_id: String,
    /// Its role.
    pub role: Role,
    /// Name shown to others.
    pub display_name: String,
    /// Whether it may act.
    pub status: AccountStatus,
    /// Grows by one with every change, from 1.
    pub version: i64,
    /// Time of the last change.
    pub updated_at: i64,
}

/// What a login is checked against; only the edge and the accounts topology read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Hex SHA-256 of the normalised e-mail, also the key.
    pub login_key: String,
    /// The account it opens.
    pub account_id: String,
    /// Role of the account.
    pub role: Role,
    /// Argon2id hash in PHC format.
    pub password_hash: String,
    /// Name shown to others.
    pub display_name: String,
    /// Whether the account may log in.
    pub status: AccountStatus,
    /// Grows by one with every change that ends sessions, from 1.
    pub version: i64,
    /// Time of the last change.
    pub updated_at: i64,
    /// The second factor; null where there is none.
    #[serde(default)]
    pub second_factor: Option<SecondFactor>,
    /// What an operator has offered; null where nothing is offered or it was taken.
    #[serde(default)]
    pub reset: Option<PasswordReset>,
}

/// What a login needs besides the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The sealed TOTP secret; only gateways can open it.
    pub sealed_secret: String,
    /// Hex SHA-256 of each recovery code that is left.
    pub recovery_hashes: Vec<String>,
    /// No code of this time step or an earlier one is good any more.
    pub last_step: i64,
    /// Id of the attempt that used the last code up.
    pub spent_by: String,
}

//! The second factor of an account.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::Tokens;

/// Asks for a secret.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// The account's password.
    pub password: String,
}

/// A secret for an authenticator app.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Enrolment)]
pub struct EnrolmentBody {
    /// Comes back with the first code. Only this gateway's deployment can read it, and only for this account.
    pub enrolment: String,
    /// The secret in base 32, for whoever cannot show the URI to an app.
    pub secret: String,
    /// The secret as apps read it, often from a QR code.
    #[schema(
        example = "otpauth://totp/sluice:account?secret=JBSWY3DPEHPK3PXP&issuer=sluice&algorithm=SHA1&digits=6&period=30"
    )]
    pub otpauth_uri: String,
    /// Seconds for which the enrolment can be confirmed.
    pub expires_in: i64,
}

/// Shows that the app has the secret.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// What the secret came with.
    pub enrolment: String,
    /// The six digits that the app shows now.
    #[schema(example = "287082")]
    pub code: String,
}

/// The account has a second factor.
#[derive(Clone, Serialize, ToSchema)]
pub struct Enrolled {
    /// Each is good for one login without the app. They are not shown again.
    pub recovery_codes: Vec<String>,
    /// The tokens of a new session; all others are over.
    pub session: Tokens,
}

/// Asks for the end of the second factor.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The account's password.
    pub password: String,
    /// A code of the app, or a recovery code.
    #[schema(example = "287082")]
    pub code: String,
}

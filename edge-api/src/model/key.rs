//! Public keys.

use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::TokenKey;

/// A JSON Web Key Set (RFC 7517).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeySet {
    /// The one that signs now comes first.
    pub keys: Vec<Key>,
}

/// The public half of an Ed25519 key (RFC 8037).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Key {
    /// Always `OKP`.
    pub kty: &'static str,
    /// Always `Ed25519`.
    pub crv: &'static str,
    /// The key, base64url.
    pub x: String,
    /// Its thumbprint (RFC 7638), and the `kid` of the tokens that it signs.
    pub kid: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// Always `EdDSA`.
    pub alg: &'static str,
}

impl From<&TokenKey> for Key {
    fn from(key: &TokenKey) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            x: key.public(),
            kid: key.kid().to_owned(),
            usage: "sig",
            alg: "EdDSA",
        }
    }
}

//! The secrets from which tokens are made.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use hmac::{Hmac, Mac as _};
use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::clock::hex;

/// What comes before the 32 bytes of a seed in the PKCS #8 form of an Ed25519 private key (RFC 8410).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The keys of a deployment: what begins now is made with the first, and what was made with any of them is good. All gateways have the
/// same ones; while they are replaced, the order may differ.
#[derive(Debug)]
pub struct TokenKeys {
    newest: TokenKey,
    older: Vec<TokenKey>,
}

/// An Ed25519 key that signs access tokens, and the keys from which refresh secrets and the tags of devices are derived. All follow
/// from one seed.
pub struct TokenKey {
    kid: String,
    public: [u8; 32],
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
    refresh: Zeroizing<[u8; 32]>,
    devices: Zeroizing<[u8; 32]>,
}

/// Why a key file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is neither a PEM private key nor a seed.
    #[error("a signing key is a PKCS #8 PEM of an Ed25519 private key, 32 raw bytes, or 64 hex digits")]
    Unreadable,
    /// It is no seed.
    #[error("a sealing key is 32 raw bytes, or 64 hex digits")]
    NoSeed,
}

impl TokenKeys {
    /// Makes tokens with `newest`, and takes those that were made with `older` keys.
    #[must_use]
    pub fn new(newest: TokenKey, older: Vec<TokenKey>) -> Self {
        Self { newest, older }
    }

    /// The key that makes what begins now.
    #[must_use]
    pub fn newest(&self) -> &TokenKey {
        &self.newest
    }

    /// All of them, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &TokenKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// The key of this id.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&TokenKey> {
        self.iter().find(|key| key.kid == kid)
    }
}

impl From<TokenKey> for TokenKeys {
    fn from(key: TokenKey) -> Self {
        Self::new(key, Vec::new())
    }
}

impl TokenKey {
    /// The key that follows from a seed of 32 random bytes.
    #[must_use]
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let mut der = Zeroizing::new(Vec::with_capacity(PKCS8_PREFIX.len() + seed.len()));
        der.extend_from_slice(&PKCS8_PREFIX);
        der.extend_from_slice(&seed);
        let key = Self {
            kid: thumbprint(&public),
            public,
            encoding: EncodingKey::from_ed_der(&der),
            decoding: DecodingKey::from_ed_der(&public),
            refresh: Zeroizing::new(authenticate(&seed, b"sluice refresh secrets 1")),
            devices: Zeroizing::new(authenticate(&seed, b"sluice device tags 1")),
        };
        seed.zeroize();
        key
    }

    /// The key in the contents of a key file: a PKCS #8 PEM of an Ed25519 private key, 32 raw bytes, or 64 hex digits.
    pub fn from_file_contents(contents: &[u8]) -> Result<Self, KeyError> {
        if let Ok(seed) = <[u8; 32]>::try_from(contents) {
            return Ok(Self::from_seed(seed));
        }
        let text = std::str::from_utf8(contents).map_err(|_| KeyError::Unreadable)?.trim();
        if let Ok(key) = SigningKey::from_pkcs8_pem(text) {
            return Ok(Self::from_seed(key.to_bytes()));
        }
        seed_of_hex(text).map(Self::from_seed).ok_or(KeyError::Unreadable)
    }

    /// The id of the signing key: its thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, as a JSON Web Key writes it (RFC 8037).
    #[must_use]
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.public)
    }

    /// The refresh secret of a session's generation: nobody without the seed can make it.
    pub(super) fn refresh_secret(&self, sid: &[u8; 16], generation: u32) -> [u8; 32] {
        authenticate(&self.refresh, &[sid, generation.to_be_bytes().as_slice()].concat())
    }

    /// Whether `secret` is the refresh secret of this generation; takes the same time for every wrong secret.
    pub(super) fn is_refresh_secret(&self, sid: &[u8; 16], generation: u32, secret: &[u8]) -> bool {
        is_same(&self.refresh_secret(sid, generation), secret)
    }

    /// The tag of a device of this account: nobody without the seed can make it.
    pub(super) fn device_tag(&self, id: &[u8; 16], login_key: &str) -> [u8; 32] {
        authenticate(&self.devices, &[id, login_key.as_bytes()].concat())
    }

    /// Whether `tag` is the tag of this device; takes the same time for every wrong tag.
    pub(super) fn is_device_tag(&self, id: &[u8; 16], login_key: &str, tag: &[u8]) -> bool {
        is_same(&self.device_tag(id, login_key), tag)
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// SHA-256 of a secret, in hex: what a session store keeps of it.
#[must_use]
pub fn fingerprint(secret: &[u8]) -> String {
    hex(&Sha256::digest(secret))
}

/// What names an Ed25519 key (RFC 7638, RFC 8037): the hash of its JSON Web Key with the necessary members in their order.
fn thumbprint(public: &[u8; 32]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let key = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(key))
}

pub(super) fn authenticate(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // A block is 64 bytes and the key 32, so the key is used as it is and there is no wrong length.
    let mut padded = [0; 64];
    for (to, from) in padded.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new(&padded.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn is_same(right: &[u8; 32], presented: &[u8]) -> bool {
    let pairs = right.iter().zip(presented);
    let differing = pairs.fold(0u8, |differing, (left, right)| differing | (left ^ right));
    presented.len() == right.len() && differing == 0
}

pub(super) fn seed_of_hex(text: &str) -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in seed.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(seed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_seed_is_the_same_key_in_every_form_of_file() {
        let seed = [7; 32];
        let kid = TokenKey::from_seed(seed).kid;
        let hex = format!("{}\n", hex(&seed));
        let mut der = PKCS8_PREFIX.to_vec();
        der.extend_from_slice(&seed);
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        for contents in [&seed as &[u8], hex.as_bytes(), pem.as_bytes()] {
            assert_eq!(TokenKey::from_file_contents(contents).unwrap().kid, kid);
        }
        assert_eq!(
            TokenKey::from_file_contents(b"secret").unwrap_err(),
            KeyError::Unreadable
        );
    }

    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        // RFC 8037, appendix A.3.
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let public = URL_SAFE_NO_PAD.decode(x).unwrap().try_into().unwrap();
        assert_eq!(thumbprint(&public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_refresh_secret_belongs_to_one_session_and_generation() {
        let key = TokenKey::from_seed([7; 32]);
        let secret = key.refresh_secret(&[1; 16], 4);
        assert!(key.is_refresh_secret(&[1; 16], 4, &secret));
        assert!(!key.is_refresh_secret(&[1; 16], 5, &secret));
        assert!(!key.is_refresh_secret(&[2; 16], 4, &secret));
        assert!(!key.is_refresh_secret(&[1; 16], 4, &secret[..31]));
        assert!(!TokenKey::from_seed([8; 32]).is_refresh_secret(&[1; 16], 4, &secret));
    }

    #[test]
    fn the_mac_is_hmac_sha_256() {
        // RFC 4231 test case 2 has a short key; padding to a block is what HMAC itself does.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            hex(&authenticate(&key, b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}

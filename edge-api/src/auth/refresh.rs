//! Refresh tokens: opaque to the client, 256 bits of secret, one per generation of a session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::{TokenKeys, fingerprint};
use crate::clock::hex;

/// Bytes of a refresh token: session, generation, secret.
const LENGTH: usize = 16 + 4 + 32;

/// A refresh token that this deployment has made. Whether it is still good only the session store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session.
    pub sid: [u8; 16],
    /// Which token of the session it is, from 1.
    pub generation: u32,
}

impl RefreshToken {
    /// Reads a token and checks that its secret was made from `keys`.
    #[must_use]
    pub fn read(token: &str, keys: &TokenKeys) -> Option<Self> {
        // The length bounds the work before anything is decoded.
        let bytes = (token.len() == LENGTH.div_ceil(3) * 4 - 2).then(|| URL_SAFE_NO_PAD.decode(token).ok())??;
        let (sid, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, secret) = rest.split_first_chunk::<4>()?;
        let generation = u32::from_be_bytes(*generation);
        keys.is_refresh_secret(sid, generation, secret)
            .then_some(Self { sid: *sid, generation })
    }

    /// The token as the client gets it.
    #[must_use]
    pub fn write(&self, keys: &TokenKeys) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&self.sid);
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&keys.refresh_secret(&self.sid, self.generation));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The token after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            sid: self.sid,
            generation: self.generation.saturating_add(1),
        }
    }

    /// What the session store keeps of the token.
    #[must_use]
    pub fn fingerprint(&self, keys: &TokenKeys) -> String {
        fingerprint(&keys.refresh_secret(&self.sid, self.generation))
    }

    /// The session's id in text.
    #[must_use]
    pub fn session_id(&self) -> String {
        hex(&self.sid)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_token_is_read_back_by_the_deployment_that_made_it_only() {
        let keys = TokenKeys::from_seed([7; 32]);
        let token = RefreshToken {
            sid: [3; 16],
            generation: 9,
        };
        let text = token.write(&keys);
        assert_eq!(RefreshToken::read(&text, &keys), Some(token));
        assert_eq!(RefreshToken::read(&text, &TokenKeys::from_seed([8; 32])), None);
        for bad in ["", "a", &text[1..], &format!("{text}A"), &text.replace('A', "B")] {
            assert_eq!(RefreshToken::read(bad, &keys), None, "{bad}");
        }
    }
}

//! Refresh tokens: opaque to the client, 256 bits of secret, one per generation of a session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::{TokenKey, TokenKeys, fingerprint};
use crate::clock::hex;

/// Bytes of a refresh token: session, generation, secret.
const LENGTH: usize = 16 + 4 + 32;

/// A refresh token that this deployment has made. Whether it is still good only the session store knows.
///
/// A session keeps the key with which it began. So all gateways make the same successor of a token, whichever key is the newest to
/// each of them at that moment.
#[derive(Debug, Clone, Copy)]
pub struct RefreshToken<'k> {
    /// The session.
    pub sid: [u8; 16],
    /// Which token of the session it is, from 1.
    pub generation: u32,
    key: &'k TokenKey,
}

impl<'k> RefreshToken<'k> {
    /// The first token of a session.
    #[must_use]
    pub fn first(sid: [u8; 16], keys: &'k TokenKeys) -> Self {
        Self {
            sid,
            generation: 1,
            key: keys.newest(),
        }
    }

    /// Reads a token and checks that its secret was made from one of `keys`.
    #[must_use]
    pub fn read(token: &str, keys: &'k TokenKeys) -> Option<Self> {
        // The length bounds the work before anything is decoded.
        let bytes = (token.len() == LENGTH.div_ceil(3) * 4 - 2).then(|| URL_SAFE_NO_PAD.decode(token).ok())??;
        let (sid, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, secret) = rest.split_first_chunk::<4>()?;
        let (sid, generation) = (*sid, u32::from_be_bytes(*generation));
        let key = keys
            .iter()
            .find(|key| key.is_refresh_secret(&sid, generation, secret))?;
        Some(Self { sid, generation, key })
    }

    /// The token as the client gets it.
    #[must_use]
    pub fn write(&self) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&self.sid);
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.secret());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The token after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            ..*self
        }
    }

    /// What the session store keeps of the token.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.secret())
    }

    /// The session's id in text.
    #[must_use]
    pub fn session_id(&self) -> String {
        hex(&self.sid)
    }

    fn secret(&self) -> [u8; 32] {
        self.key.refresh_secret(&self.sid, self.generation)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test fails by panicking")]
    use super::*;

    fn key(seed: u8) -> TokenKey {
        TokenKey::from_seed([seed; 32])
    }

    #[test]
    fn a_token_is_read_back_by_the_deployment_that_made_it_only() {
        let keys = TokenKeys::from(key(7));
        let token = RefreshToken::first([3; 16], &keys).next();
        let text = token.write();
        let read = RefreshToken::read(&text, &keys).unwrap();
        assert_eq!((read.sid, read.generation), ([3; 16], 2));
        assert!(RefreshToken::read(&text, &TokenKeys::from(key(8))).is_none());
        for bad in ["", "a", &text[1..], &format!("{text}A"), &text.replace('A', "B")] {
            assert!(RefreshToken::read(bad, &keys).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_session_keeps_the_key_with_which_it_began() {
        let (before, after) = (
            TokenKeys::new(key(7), vec![key(8)]),
            TokenKeys::new(key(8), vec![key(7)]),
        );
        let first = RefreshToken::first([3; 16], &before);
        let known = RefreshToken::read(&first.write(), &after).unwrap();
        assert_eq!(known.next().write(), first.next().write());
        assert_ne!(RefreshToken::first([3; 16], &after).write(), first.write());
    }
}

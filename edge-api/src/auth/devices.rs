//! Devices from which somebody has logged in to an account: a cookie says which account, and that this deployment made it.
//!
//! It opens nothing. Guesses at the password that come with it are counted apart from everybody else's, so whoever guesses elsewhere
//! does not shut its owner out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").

use axum::http::header::{COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::TokenKeys;
use crate::clock::hex;
use crate::limits::DEVICE_SECONDS;

/// The cookie. `__Host-` lets browsers take it from this very host only, and over TLS only.
pub const DEVICE_COOKIE: &str = "__Host-sluice-device";

/// Bytes of the device's id.
const ID: usize = 16;

/// Bytes of a cookie: the id, and the tag that only this deployment can make.
const LENGTH: usize = ID + 32;

/// A device from which somebody has logged in to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device(pub [u8; ID]);

impl Device {
    /// The device that the request names, if it is known to have logged in to the account with this key.
    #[must_use]
    pub fn of(headers: &HeaderMap, login_key: &str, keys: &TokenKeys) -> Option<Self> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, text) = pairs.find(|(name, _)| *name == DEVICE_COOKIE)?;
        Self::read(text, login_key, keys)
    }

    /// Its id in text.
    #[must_use]
    pub fn id(self) -> String {
        hex(&self.0)
    }

    /// The header by which a browser remembers it.
    pub fn cookie(
        self,
        login_key: &str,
        keys: &TokenKeys,
    ) -> Result<(HeaderName, HeaderValue), header::InvalidHeaderValue> {
        let text = self.write(login_key, keys);
        let cookie =
            format!("{DEVICE_COOKIE}={text}; Path=/; Max-Age={DEVICE_SECONDS}; Secure; HttpOnly; SameSite=Strict");
        Ok((SET_COOKIE, HeaderValue::try_from(cookie)?))
    }

    fn read(text: &str, login_key: &str, keys: &TokenKeys) -> Option<Self> {
        // The length bounds the work before anything is decoded.
        let bytes = (text.len() == LENGTH.div_ceil(3) * 4).then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
        let (id, tag) = bytes.split_first_chunk::<ID>()?;
        let is_ours = keys.iter().any(|key| key.is_device_tag(id, login_key, tag));
        is_ours.then_some(Self(*id))
    }

    fn write(self, login_key: &str, keys: &TokenKeys) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&self.0);
        bytes.extend_from_slice(&keys.newest().device_tag(&self.0, login_key));
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::auth::keys::TokenKey;

    #[test]
    fn a_device_is_known_to_its_own_account_and_deployment_only() {
        let keys = |seed: u8| TokenKeys::from(TokenKey::from_seed([seed; 32]));
        let (other, keys, device) = (keys(8), keys(7), Device([3; ID]));
        let (name, cookie) = device.cookie("ann", &keys).unwrap();
        assert_eq!(name, SET_COOKIE);
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.ends_with("; Path=/; Max-Age=34560000; Secure; HttpOnly; SameSite=Strict"));
        let (sent, _) = cookie.split_once(';').unwrap();
        let of = |sent: &str, login_key: &str, keys: &TokenKeys| {
            Device::of(
                &HeaderMap::from_iter([(COOKIE, sent.parse().unwrap())]),
                login_key,
                keys,
            )
        };
        assert_eq!(of(sent, "ann", &keys), Some(device));
        assert_eq!(of(&format!("other=1; {sent}"), "ann", &keys), Some(device));
        assert_eq!(of(sent, "bob", &keys), None);
        assert_eq!(of(sent, "ann", &other), None);
        for bad in [
            "",
            &format!("{DEVICE_COOKIE}="),
            &format!("{sent}A"),
            &sent.replace("Aw", "Bw"),
        ] {
            assert_eq!(of(bad, "ann", &keys), None, "{bad}");
        }
    }
}

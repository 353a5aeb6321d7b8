//! Secrets that a gateway has to read again, sealed for wherever they are kept: AES-256-GCM under a key that only gateways have.
//!
//! What is sealed says with which version of this layout and which key it was, so both can be replaced, and it opens only where it
//! was meant to be: the topic, the account and the field are authenticated with it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize as _, Zeroizing};

use super::keys::{KeyError, authenticate, seed_of_hex};
use crate::clock::{Entropy, random_bytes};
use crate::problem::Problem;

/// The layout: this byte, the id of the key, the nonce, the encrypted secret and its tag.
const VERSION: u8 = 1;

/// Bytes of a key's id.
const ID_LEN: usize = 8;

/// The keys of a deployment: the first seals, and each opens what it has sealed. All gateways have the same ones; while they are
/// replaced, the order may differ.
#[derive(Debug)]
pub struct SealingKeys {
    newest: SealingKey,
    older: Vec<SealingKey>,
}

/// A key that seals secrets.
pub struct SealingKey {
    id: [u8; ID_LEN],
    key: LessSafeKey,
}

/// Where a sealed secret belongs. It opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The topic that keeps it; empty where nobody does.
    pub topic: &'a str,
    /// Whose secret it is.
    pub account_id: &'a str,
    /// What it is.
    pub field: &'a str,
}

/// A sealed secret does not open: it was sealed with a key that is not here, for another place, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret does not open with the keys of this gateway")]
pub struct Unopened;

impl SealingKeys {
    /// Seals with `newest`, and opens what `older` keys have sealed.
    #[must_use]
    pub fn new(newest: SealingKey, older: Vec<SealingKey>) -> Self {
        Self { newest, older }
    }

    /// Seals a secret for its place.
    pub fn seal(&self, place: Place<'_>, secret: &[u8], entropy: &dyn Entropy) -> Result<String, Problem> {
        let nonce: [u8; NONCE_LEN] = random_bytes(entropy)?;
        self.newest.seal(place, secret, nonce).map_err(Problem::internal)
    }

    /// Whether the newest key, in the newest layout, has sealed it.
    #[must_use]
    pub fn is_by_newest(&self, sealed: &str) -> bool {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).unwrap_or_default();
        bytes.starts_with(&self.newest.header())
    }

    /// Opens what was sealed for this place.
    pub fn open(&self, place: Place<'_>, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Unopened)?;
        let (header, rest) = bytes.split_first_chunk::<{ 1 + ID_LEN }>().ok_or(Unopened)?;
        let (nonce, encrypted) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unopened)?;
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        let key = keys.find(|key| key.header() == *header).ok_or(Unopened)?;
        let mut opened = Zeroizing::new(encrypted.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key
            .key
            .open_in_place(nonce, place.authenticated(*header), &mut opened)
            .map_err(|_| Unopened)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }
}

impl SealingKey {
    /// The key that follows from 32 random bytes.
    pub fn from_seed(mut seed: [u8; 32]) -> Result<Self, KeyError> {
        let key = Zeroizing::new(authenticate(&seed, b"sluice sealing 1"));
        let name = authenticate(&seed, b"sluice sealing key id 1");
        seed.zeroize();
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|Unspecified| KeyError::Unreadable)?;
        let mut id = [0; ID_LEN];
        id.iter_mut().zip(name).for_each(|(to, from)| *to = from);
        Ok(Self {
            id,
            key: LessSafeKey::new(key),
        })
    }

    /// The key in the contents of a key file: 32 raw bytes, or 64 hex digits.
    pub fn from_file_contents(contents: &[u8]) -> Result<Self, KeyError> {
        if let Ok(seed) = <[u8; 32]>::try_from(contents) {
            return Self::from_seed(seed);
        }
        let text = std::str::from_utf8(contents).map_err(|_| KeyError::NoSeed)?;
        Self::from_seed(seed_of_hex(text.trim()).ok_or(KeyError::NoSeed)?)
    }

    fn seal(&self, place: Place<'_>, secret: &[u8], nonce: [u8; NONCE_LEN]) -> Result<String, Unspecified> {
        let header = self.header();
        let mut encrypted = Zeroizing::new(secret.to_vec());
        let unique = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .key
            .seal_in_place_separate_tag(unique, place.authenticated(header), &mut encrypted)?;
        let sealed = [header.as_slice(), &nonce, &encrypted, tag.as_ref()].concat();
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    fn header(&self) -> [u8; 1 + ID_LEN] {
        let mut header = [VERSION; 1 + ID_LEN];
        header.iter_mut().skip(1).zip(self.id).for_each(|(to, from)| *to = from);
        header
    }
}

impl Place<'_> {
    /// No part of a place holds a zero byte, so two places never look alike.
    fn authenticated(self, header: [u8; 1 + ID_LEN]) -> Aad<Vec<u8>> {
        let place = [self.topic, self.account_id, self.field].join("\0");
        Aad::from([header.as_slice(), place.as_bytes()].concat())
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealingKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl From<SealingKey> for SealingKeys {
    fn from(key: SealingKey) -> Self {
        Self::new(key, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;
    use crate::clock::SystemEntropy;

    const PLACE: Place<'_> = Place {
        topic: "credentials",
        account_id: "ann",
        field: "totp",
    };

    fn key(seed: u8) -> SealingKey {
        SealingKey::from_seed([seed; 32]).unwrap()
    }

    fn seal(keys: &SealingKeys) -> String {
        keys.seal(PLACE, b"secret", &SystemEntropy).unwrap()
    }

    #[test]
    fn a_secret_opens_in_its_own_place_only() {
        let keys = SealingKeys::from(key(1));
        let sealed = seal(&keys);
        assert_eq!(keys.open(PLACE, &sealed).unwrap().as_slice(), b"secret");
        let elsewhere = [
            Place {
                topic: "accounts",
                ..PLACE
            },
            Place {
                account_id: "bob",
                ..PLACE
            },
            Place {
                field: "other",
                ..PLACE
            },
        ];
        for place in elsewhere {
            assert_eq!(keys.open(place, &sealed), Err(Unopened), "{place:?}");
        }
    }

    #[test]
    fn no_bit_of_what_is_sealed_can_be_changed() {
        let keys = SealingKeys::from(key(1));
        let sealed = URL_SAFE_NO_PAD.decode(seal(&keys)).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                keys.open(PLACE, &URL_SAFE_NO_PAD.encode(changed)),
                Err(Unopened),
                "{bit}"
            );
        }
        for cut in 0..sealed.len() {
            assert_eq!(keys.open(PLACE, &URL_SAFE_NO_PAD.encode(&sealed[..cut])), Err(Unopened));
        }
    }

    #[test]
    fn the_newest_key_seals_and_an_older_one_still_opens() {
        let old = seal(&key(1).into());
        let both = SealingKeys::new(key(2), vec![key(1)]);
        assert_eq!(both.open(PLACE, &old).unwrap().as_slice(), b"secret");
        assert!(SealingKeys::from(key(2)).open(PLACE, &seal(&both)).is_ok());
        assert_eq!(SealingKeys::from(key(2)).open(PLACE, &old), Err(Unopened));
    }

    #[test]
    fn the_same_secret_is_never_sealed_alike() {
        let keys = SealingKeys::from(key(1));
        assert_ne!(seal(&keys), seal(&keys));
    }

    #[test]
    fn a_seed_is_the_same_key_in_every_form_of_file() {
        let hex = format!("{}\n", crate::clock::hex(&[7; 32]));
        for contents in [[7; 32].as_slice(), hex.as_bytes()] {
            assert_eq!(SealingKey::from_file_contents(contents).unwrap().id, key(7).id);
        }
        assert_eq!(SealingKey::from_file_contents(b"secret").unwrap_err(), KeyError::NoSeed);
    }
}

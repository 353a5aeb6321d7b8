//! Access tokens: JWTs after RFC 9068, signed with Ed25519 and nothing else.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::caller::{Caller, Role};
use super::keys::{TokenKey, TokenKeys};
use crate::clock::hex;
use crate::lately::Lately;
use crate::limits::{ACCESS_TOKEN_BYTES_MAX, ACCESS_TOKEN_TTL_MS, CLOCK_SKEW_MS, GENUINE_TOKENS_MAX};

/// Who issues the tokens.
pub const ISSUER: &str = "sluice";

/// For whom the tokens are.
pub const AUDIENCE: &str = "sluice-api";

/// The client that RFC 9068 wants named: there is one, the API itself.
const CLIENT_ID: &str = "sluice-api";

/// The type in the token's header, so that no other JWT of this issuer passes for an access token.
const TOKEN_TYPE: &str = "at+jwt";

/// The token may be used.
#[derive(Debug)]
pub enum Valid {}

/// The token is genuine but its time is over: it is a handle of its session and nothing else.
#[derive(Debug)]
pub enum Expired {}

/// An access token whose signature and claims are right. Only a `Token<Valid>` has a caller.
#[derive(Debug)]
pub struct Token<State> {
    claims: Arc<Claims>,
    state: PhantomData<State>,
}

/// What a presented token is.
#[derive(Debug)]
pub enum Presented {
    /// It may be used.
    Valid(Token<Valid>),
    /// It may be exchanged, if its session is alive.
    Expired(Token<Expired>),
}

/// The token is not one of ours, or not an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct Forged;

/// What an access token is made of. The same grant makes the same token, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessGrant {
    /// The account.
    pub account_id: String,
    /// Its role at the time of issue.
    pub role: Role,
    /// The session.
    pub session_id: String,
    /// The version of the account's credential with which the session began.
    pub credential_version: i64,
    /// Whether a second factor was shown when it began.
    pub has_second_factor: bool,
    /// The token's own id.
    pub token_id: String,
    /// Milliseconds since the epoch.
    pub issued_at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    jti: String,
    sid: String,
    /// The version of the account's credential with which the session began.
    cver: i64,
    /// Whether the session began with a second factor. Tokens from before there were any do not say so.
    #[serde(default)]
    mfa: bool,
    roles: [Role; 1],
    iat: i64,
    exp: i64,
}

impl AccessGrant {
    /// The token, signed with the newest key.
    pub fn sign(&self, keys: &TokenKeys) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        let key = keys.newest();
        header.kid = Some(key.kid().to_owned());
        jsonwebtoken::encode(&header, &self.claims(), &key.encoding)
    }

    fn claims(&self) -> Claims {
        let issued_at = self.issued_at_ms.div_euclid(1_000);
        Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: self.account_id.clone(),
            client_id: CLIENT_ID.to_owned(),
            jti: self.token_id.clone(),
            sid: self.session_id.clone(),
            cver: self.credential_version,
            mfa: self.has_second_factor,
            roles: [self.role],
            iat: issued_at,
            exp: issued_at + ACCESS_TOKEN_TTL_MS / 1_000,
        }
    }
}

impl Token<Valid> {
    /// Who presents the token.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let [role] = self.claims.roles;
        Caller {
            account_id: self.claims.sub.clone(),
            role,
            session_id: self.claims.sid.clone(),
            credential_version: self.claims.cver,
            has_second_factor: self.claims.mfa,
        }
    }
}

impl<State> Token<State> {
    /// The session.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.claims.sid
    }

    /// The token's own id.
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.claims.jti
    }
}

/// Checks tokens, and remembers which were genuine: a client shows the same token with each of its requests, and to check the
/// signature again would be a seventh of what the gateway does for an order (`./dev load`, perf). What changes with time is looked
/// at each time.
#[derive(Debug)]
pub struct TokenVerifier {
    /// What the last genuine tokens say, by their hashes: no token that could be used lies in memory.
    genuine: Mutex<Lately<Arc<Claims>>>,
}

impl Default for TokenVerifier {
    fn default() -> Self {
        Self {
            genuine: Mutex::new(Lately::new(GENUINE_TOKENS_MAX)),
        }
    }
}

impl TokenVerifier {
    /// Checks a presented token at `now_ms`. `keys` are the same in every call.
    pub fn verify(&self, token: &str, keys: &TokenKeys, now_ms: i64) -> Result<Presented, Forged> {
        if token.len() > ACCESS_TOKEN_BYTES_MAX {
            return Err(Forged);
        }
        let claims = self.genuine_claims(token, keys)?;
        check_times(&claims, now_ms)?;
        let is_expired = claims.exp <= now_ms.div_euclid(1_000);
        Ok(if is_expired {
            Presented::Expired(Token {
                claims,
                state: PhantomData,
            })
        } else {
            Presented::Valid(Token {
                claims,
                state: PhantomData,
            })
        })
    }

    fn genuine_claims(&self, token: &str, keys: &TokenKeys) -> Result<Arc<Claims>, Forged> {
        let hash = hex(&Sha256::digest(token));
        if let Some(claims) = self.genuine().get(&hash) {
            return Ok(Arc::clone(claims));
        }
        let claims = Arc::new(decode(token, keys)?);
        self.genuine().insert(&hash, Arc::clone(&claims));
        Ok(claims)
    }

    fn genuine(&self) -> MutexGuard<'_, Lately<Arc<Claims>>> {
        // Each change leaves the memory whole, so a panic elsewhere does not spoil it.
        self.genuine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing that the token says about how to check it is believed: algorithm, keys, issuer, audience and type are ours.
fn decode(token: &str, keys: &TokenKeys) -> Result<Claims, Forged> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| Forged)?;
    let key = key_of(&header, keys)?;
    let decoded = jsonwebtoken::decode(token, &key.decoding, &validation()).map_err(|_| Forged)?;
    Ok(decoded.claims)
}

/// The key that the header names, if it is the header of a token of ours.
fn key_of<'k>(header: &Header, keys: &'k TokenKeys) -> Result<&'k TokenKey, Forged> {
    let is_ours = header.alg == Algorithm::EdDSA && header.typ.as_deref() == Some(TOKEN_TYPE);
    // Headers that point elsewhere for a key, or ask for extensions, are in none of our tokens.
    let is_plain = header.jku.is_none()
        && header.jwk.is_none()
        && header.x5u.is_none()
        && header.x5c.is_none()
        && header.crit.is_none()
        && header.cty.is_none();
    let kid = header.kid.as_deref().filter(|_| is_ours && is_plain);
    kid.and_then(|kid| keys.find(kid)).ok_or(Forged)
}

/// The library's own clock is the machine's, so times are checked by [`check_times`] instead.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    validation
}

fn check_times(claims: &Claims, now_ms: i64) -> Result<(), Forged> {
    let lifetime_ms = claims
        .exp
        .checked_sub(claims.iat)
        .and_then(|seconds| seconds.checked_mul(1_000))
        .ok_or(Forged)?;
    let is_lifetime_ours = (1..=ACCESS_TOKEN_TTL_MS).contains(&lifetime_ms);
    let is_issued = claims.iat <= now_ms.saturating_add(CLOCK_SKEW_MS).div_euclid(1_000);
    let is_for_us = claims.client_id == CLIENT_ID;
    if is_lifetime_ours && is_issued && is_for_us {
        Ok(())
    } else {
        Err(Forged)
    }
}

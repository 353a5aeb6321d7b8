//! Signatures as the specification Standard Webhooks has them (<https://www.standardwebhooks.com>), version `v1`.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What leads a secret in its file.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret, as the specification bounds them.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that an endpoint shares. It has no `Debug`, so that none is ever written by mistake.
#[derive(Clone)]
pub(super) struct Secret(Hmac<Sha256>);

impl Secret {
    /// Reads what a file holds: `whsec_` and base64.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let encoded = text.trim().strip_prefix(SECRET_PREFIX);
        let encoded = encoded.with_context(|| format!("a secret begins with {SECRET_PREFIX}"))?;
        // What base64 says of a text that it cannot read may show a part of it.
        let key = STANDARD
            .decode(encoded)
            .ok()
            .context("a secret is base64 behind its prefix")?;
        ensure!(
            SECRET_BYTES.contains(&key.len()),
            "a secret has {} to {} bytes, this one {}: make one with `echo {SECRET_PREFIX}$(head -c 32 /dev/urandom | base64)`",
            SECRET_BYTES.start(),
            SECRET_BYTES.end(),
            key.len()
        );
        let mac = Hmac::new_from_slice(&key).ok().context("the secret cannot be used")?;
        Ok(Self(mac))
    }
}

/// The value of the header `webhook-signature`: one signature for each secret, the newest first.
pub(super) fn signature(secrets: &[Secret], id: &str, timestamp_s: i64, body: &[u8]) -> String {
    let sign = |secret: &Secret| {
        let mut mac = secret.0.clone();
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_example_of_the_specification_comes_out() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signature(&[secret], id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_secrets_are_exchanged_each_of_them_signs() {
        let secrets = ["a", "b"].map(|letter| format!("whsec_{}", STANDARD.encode(letter.repeat(32))));
        let secrets = secrets.map(|text| Secret::parse(&text).unwrap());
        let both = signature(&secrets, "id", 1, b"body");
        let alone = secrets.map(|secret| signature(&[secret], "id", 1, b"body"));
        assert_eq!(both, alone.join(" "));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_not_shown() {
        for text in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_no base64!",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            let refused = Secret::parse(text).err().unwrap().to_string();
            assert!(!refused.contains("base64!") && !refused.contains("MfKQ"), "{refused}");
        }
    }
}

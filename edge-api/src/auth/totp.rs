//! Time-based one-time codes (RFC 6238): HMAC-SHA-1, six digits, steps of 30 seconds, as every authenticator app makes them.

use aws_lc_rs::hmac;

use crate::limits::{TOTP_SECRET_LEN, TOTP_STEP_MS};

/// Steps before and after the present one whose codes are taken too: clocks differ, and fingers are slow.
const STEPS_AROUND: i64 = 1;

/// Six digits.
const MODULUS: u32 = 1_000_000;

/// The step whose code this is, if it is that of the present step at `now_ms`, of the one before or of the one after. It takes the
/// same time for every wrong code.
#[must_use]
pub fn step_of(secret: &[u8], presented: &str, now_ms: i64) -> Option<i64> {
    let present = now_ms.div_euclid(TOTP_STEP_MS);
    let steps = present - STEPS_AROUND..=present + STEPS_AROUND;
    steps.fold(None, |found, step| {
        let is_it = is_same(&code(secret, step), presented);
        if is_it { Some(step) } else { found }
    })
}

/// The code of a step.
#[must_use]
pub fn code(secret: &[u8], step: i64) -> String {
    // RFC 6238 asks for this hash. HMAC does not need it to resist collisions, which SHA-1 does not.
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    format!("{:06}", truncated(tag.as_ref()) % MODULUS)
}

/// What an authenticator app is told of a secret.
#[must_use]
pub fn uri(issuer: &str, account: &str, secret: &[u8; TOTP_SECRET_LEN]) -> String {
    let (secret, period) = (base32(secret), TOTP_STEP_MS / 1_000);
    format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period={period}")
}

/// Base 32 without padding (RFC 4648).
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digits = bytes.chunks(5).flat_map(|chunk| {
        let bits = chunk.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - chunk.len()));
        let count = (chunk.len() * 8).div_ceil(5);
        (0..count).map(move |digit| (bits >> (35 - 5 * digit)) & 31)
    });
    let digit = |value: u64| usize::try_from(value).ok().and_then(|value| DIGITS.get(value).copied());
    digits.filter_map(digit).map(char::from).collect()
}

/// The dynamic truncation of RFC 4226: 31 bits from where the last four say.
fn truncated(tag: &[u8]) -> u32 {
    let from = usize::from(tag.last().copied().unwrap_or(0) & 15);
    let four = tag.iter().skip(from).take(4);
    four.fold(0, |bits, byte| bits << 8 | u32::from(*byte)) & 0x7fff_ffff
}

fn is_same(right: &str, presented: &str) -> bool {
    let pairs = right.bytes().zip(presented.bytes());
    right.len() == presented.len() && pairs.fold(0, |differing, (left, right)| differing | (left ^ right)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, of whose eight digits ours are the last six.
    #[test]
    fn the_codes_are_those_of_the_standard() {
        let vectors = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, expected) in vectors {
            assert_eq!(code(SECRET, seconds / 30), expected, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_in_its_step_and_in_one_before_and_after() {
        let step = 1_000;
        let code = code(SECRET, step);
        for (now, good) in [(998, false), (999, true), (1_000, true), (1_001, true), (1_002, false)] {
            let (begin, end) = (now * TOTP_STEP_MS, (now + 1) * TOTP_STEP_MS - 1);
            for now_ms in [begin, end] {
                assert_eq!(step_of(SECRET, &code, now_ms), good.then_some(step), "{now_ms}");
            }
        }
    }

    #[test]
    fn what_is_no_code_belongs_to_no_step() {
        let code = code(SECRET, 0);
        for wrong in ["", "1", &code[..5], &format!("{code}0"), &format!("0{code}"), "abcdef"] {
            assert_eq!(step_of(SECRET, wrong, 0), None, "{wrong}");
        }
    }

    /// RFC 4648, section 10.
    #[test]
    fn base_32_is_that_of_the_standard_without_padding() {
        let vectors = [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }
}

//! Codes that people write down: recovery codes, and those by which an operator lets somebody choose another password. They have too
//! many bits to be guessed from a hash, so a fast one is enough.

use sha2::{Digest as _, Sha256};

use super::totp;
use crate::clock::{Entropy, EntropyError, hex, random_bytes};
use crate::limits::RECOVERY_CODE_LEN;

/// Digits between two dashes.
const GROUP_LEN: usize = 4;

/// A code that nobody can guess.
pub fn fresh_code(entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let digits = totp::base32(&random_bytes::<RECOVERY_CODE_LEN>(entropy)?);
    let groups = digits.as_bytes().chunks(GROUP_LEN);
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    Ok(groups.join("-"))
}

/// What is kept of a recovery code.
pub(crate) fn recovery_hash(account_id: &str, code: &str) -> String {
    hash(&format!("{account_id}\0{}", digits(code)))
}

/// What is kept of a code for another password. It is no recovery code of the same account.
#[must_use]
pub fn reset_hash(account_id: &str, code: &str) -> String {
    hash(&format!("reset\0{account_id}\0{}", digits(code)))
}

/// Letter case, dashes and spaces do not matter.
fn digits(code: &str) -> String {
    let digits = code.chars().filter(char::is_ascii_alphanumeric);
    digits.map(|digit| digit.to_ascii_uppercase()).collect()
}

fn hash(text: &str) -> String {
    hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::clock::SystemEntropy;

    #[test]
    fn a_code_has_128_bits_and_is_read_however_it_is_written() {
        let code = fresh_code(&SystemEntropy).unwrap();
        // 26 digits of five bits each, six dashes.
        assert_eq!(code.len(), 26 + 6, "{code}");
        assert_eq!(RECOVERY_CODE_LEN * 8, 128);
        assert_ne!(code, fresh_code(&SystemEntropy).unwrap());
        let written = code.to_lowercase().replace('-', " ");
        assert_eq!(reset_hash("ann", &written), reset_hash("ann", &code));
        assert_ne!(reset_hash("ann", &code), reset_hash("bob", &code));
        assert_ne!(reset_hash("ann", &code), recovery_hash("ann", &code));
    }
}

//! The passwords that are tried first.

use std::collections::HashSet;
use std::sync::LazyLock;

/// One a line, in lower case; lines that begin with `#` say where they are from.
static LIST: &str = include_str!("common.txt");

static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| LIST.lines().filter(|line| !line.starts_with('#')).collect());

/// Whether a password, in lower case, is one of the 10,000 most common ones that are long enough.
pub(super) fn is_common(lower: &str) -> bool {
    COMMON.contains(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PASSWORD_CHARS_MIN;

    #[test]
    fn the_list_has_more_than_three_thousand_passwords_that_are_long_enough() {
        assert_eq!(COMMON.len(), 10_000);
        for password in COMMON.iter() {
            assert!(password.chars().count() >= PASSWORD_CHARS_MIN, "{password}");
            assert_eq!(password.to_lowercase(), *password);
        }
        assert!(is_common("password1234") && is_common("administrator"));
        assert!(!is_common("correct horse battery"));
    }
}

//! Where reading begins and ends.

use crate::times::datetime;

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// At the first record that is still there.
    Earliest,
    /// At the end.
    Latest,
    /// At an offset.
    Offset(i64),
    /// At the first record of this time or later, in milliseconds since the epoch.
    Time(i64),
}

/// Where reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Before an offset.
    Offset(i64),
    /// Before the first record of this time or later, in milliseconds since the epoch.
    Time(i64),
}

pub(super) fn from(text: &str) -> Result<From, String> {
    match text {
        "earliest" => Ok(From::Earliest),
        "latest" => Ok(From::Latest),
        _ => Ok(match until(text)? {
            Until::Offset(offset) => From::Offset(offset),
            Until::Time(ms) => From::Time(ms),
        }),
    }
}

pub(super) fn until(text: &str) -> Result<Until, String> {
    if let Ok(offset) = text.parse::<i64>() {
        return if offset < 0 {
            Err(format!("{offset} is no offset"))
        } else {
            Ok(Until::Offset(offset))
        };
    }
    datetime(text).map(Until::Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_word_an_offset_or_a_time() {
        assert_eq!(from("earliest"), Ok(From::Earliest));
        assert_eq!(from("latest"), Ok(From::Latest));
        assert_eq!(from("12"), Ok(From::Offset(12)));
        assert_eq!(from("1970-01-01T00:00:01.5Z"), Ok(From::Time(1_500)));
        assert_eq!(until("1970-01-01T01:00:00+01:00"), Ok(Until::Time(0)));
        assert!(from("yesterday").is_err());
        assert!(until("-1").is_err());
    }
}

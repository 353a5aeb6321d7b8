//! Times in RFC 3339, UTC.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The text of a time in milliseconds since the epoch, such as `2026-03-01T09:30:00.125Z`.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    // What is outside the years that RFC 3339 can write is no time of ours; the epoch stands for it.
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    let time = time
        .ok()
        .filter(|time| (0..=9999).contains(&time.year()))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_with_its_milliseconds() {
        assert_eq!(rfc3339(1_700_000_000_125), "2023-11-14T22:13:20.125Z");
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00Z");
    }
}

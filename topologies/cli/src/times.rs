//! Times as people write them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since the epoch of a time such as `2026-03-01T09:30:00Z`.
pub(crate) fn datetime(text: &str) -> Result<i64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| format!("{text:?} is no time such as 2026-03-01T09:30:00Z: {error}"))?;
    Ok(i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX))
}

/// The text of a time in milliseconds since the epoch; the number itself outside the years that RFC 3339 can write.
pub(crate) fn rfc3339(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok();
    time.and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| ms.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_any_zone_and_printed_in_utc() {
        assert_eq!(datetime("1970-01-01T00:00:01.5Z"), Ok(1_500));
        assert_eq!(datetime("1970-01-01T01:00:00+01:00"), Ok(0));
        assert!(datetime("yesterday").is_err());
        assert_eq!(rfc3339(1_700_000_000_125), "2023-11-14T22:13:20.125Z");
        assert_eq!(rfc3339(i64::MAX), i64::MAX.to_string());
    }
}

//! Where a reset goes to.

use std::collections::BTreeMap;

/// Lines of a file of offsets; far more than any topology has partitions.
const LINES_MAX: usize = 100_000;

/// Where a reset goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// The first record that is still there.
    Earliest,
    /// The end.
    Latest,
    /// This offset in each partition.
    Offset(i64),
    /// So many offsets from where the partition is.
    Shift(i64),
    /// The first record of this time or later, in milliseconds since the epoch.
    Time(i64),
    /// An offset for each of these partitions.
    Each(BTreeMap<(String, i32), i64>),
}

/// Milliseconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as `PT1H` or `P1DT12H`.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no duration such as PT1H or P1DT12H (months and years have no fixed length)");
    let body = text
        .strip_prefix('P')
        .filter(|body| !body.is_empty() && !body.ends_with('T'))
        .ok_or_else(wrong)?;
    let (days, clock) = body.split_once('T').unwrap_or((body, ""));
    let days = parts(days, &[('W', 604_800_000), ('D', 86_400_000)]).ok_or_else(wrong)?;
    let clock = parts(clock, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)]).ok_or_else(wrong)?;
    days.checked_add(clock).ok_or_else(wrong)
}

/// Sums numbers with units, each unit at most once and in this order.
fn parts(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut sum = 0_i64;
    for (unit, milliseconds) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            if !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            sum = sum.checked_add(number.parse::<i64>().ok()?.checked_mul(*milliseconds)?)?;
            text = rest;
        }
    }
    text.is_empty().then_some(sum)
}

/// Reads lines of `topic,partition,offset`. Empty lines and lines that begin with `#` count nothing.
pub(super) fn csv(text: &str) -> Result<BTreeMap<(String, i32), i64>, String> {
    let mut offsets = BTreeMap::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let wrong = || format!("line {}: {line:?} is not topic,partition,offset", number + 1);
        let mut fields = line.split(',').map(str::trim);
        let (Some(topic), Some(partition), Some(offset), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(wrong());
        };
        let partition: i32 = partition.parse().map_err(|_| wrong())?;
        let offset: i64 = offset.parse().map_err(|_| wrong())?;
        if offsets.insert((topic.to_owned(), partition), offset).is_some() {
            return Err(format!("line {}: {topic}/{partition} is there twice", number + 1));
        }
        if offsets.len() > LINES_MAX {
            return Err(format!("there are more than {LINES_MAX} lines"));
        }
    }
    if offsets.is_empty() {
        Err("the file has no offset".to_owned())
    } else {
        Ok(offsets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_sum_of_parts_of_fixed_length() {
        assert_eq!(duration("PT1H"), Ok(3_600_000));
        assert_eq!(
            duration("P1DT12H30M5S"),
            Ok(86_400_000 + 43_200_000 + 1_800_000 + 5_000)
        );
        assert_eq!(duration("P2W"), Ok(1_209_600_000));
        for wrong in [
            "",
            "P",
            "PT",
            "P1",
            "1H",
            "P1Y",
            "PT1D",
            "PT1M1H",
            "PT-1H",
            "P1DT",
            "PTH",
            "PT99999999999999999999S",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_of_offsets_is_read_whole_or_refused_with_its_line() {
        let read = csv("# saved\norder-commands,0,5\n\n order-commands , 1 , 7\n");
        let expected = [
            (("order-commands".to_owned(), 0), 5),
            (("order-commands".to_owned(), 1), 7),
        ];
        assert_eq!(read, Ok(BTreeMap::from(expected)));
        assert!(csv("a,0,1\na,x,1").is_err_and(|error| error.starts_with("line 2")));
        assert!(csv("a,0,1\na,0,2").is_err_and(|error| error.contains("twice")));
        assert!(csv("a,0").is_err());
        assert!(csv("# nothing\n").is_err());
    }
}

//! Whole numbers as JSON Schema has them: `3.0` is one, `3.5` and `"3"` are none.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

/// Beyond it not every whole number has a floating point form, so none is taken: 2^53.
const FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads a whole number.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    deserializer.deserialize_i64(Whole)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = i64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
        i64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<i64, E> {
        let whole = (value.fract() == 0.0 && value.abs() <= FLOAT_MAX).then(|| format!("{value:.0}").parse());
        whole
            .and_then(Result::ok)
            .ok_or_else(|| E::invalid_type(Unexpected::Float(value), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        let read = |text: &str| deserialize(&mut serde_json::Deserializer::from_str(text)).ok();
        let numbers = ["3", "3.0", "-2e3", "0", "-0.0", "9223372036854775807"].map(read);
        assert_eq!(
            numbers,
            [Some(3), Some(3), Some(-2_000), Some(0), Some(0), Some(i64::MAX)]
        );
        for text in ["3.5", "\"3\"", "1e300", "9223372036854775808", "null", "true"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

//! Which output of which task a record is, so that anybody can count whether each is there once.
//!
//! Where a log is told to number outputs, every record that a task sends to a sink, a repartition topic or the dead letters has a
//! header that names the task and, per topic, its number: 1, 2, 3 and so on. How far the numbers are is committed with the input offsets of the same transaction. So
//! what is made again after an abort or a crash gets the same numbers again, and a number that can be read twice, or not at all, is
//! a record that was made true twice, or not at all.

mod numbering;
mod sequence;

use std::fmt;

use streams::Headers;

pub(crate) use numbering::{Numbering, Numbers};
pub use sequence::{Sequence, Wrong};

/// The header's name. A topology does not see it: it tells of the record in its topic, and does not travel on.
pub const ORIGIN: &str = "sluice.origin";

/// An origin, as its header says it: `application/task/number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin<'a> {
    /// `application/task`.
    pub writer: &'a str,
    /// The number of the record among those of the same writer to the same topic, from 1.
    pub number: u64,
}

impl<'a> Origin<'a> {
    /// The origin that a record's headers tell; `None` for a record without one.
    #[must_use]
    pub fn of(headers: &'a Headers) -> Option<Self> {
        Self::parse(headers.last(ORIGIN)?)
    }

    fn parse(value: &'a [u8]) -> Option<Self> {
        let (writer, number) = std::str::from_utf8(value).ok()?.rsplit_once('/')?;
        let number = number.parse().ok().filter(|number| *number > 0)?;
        Some(Self { writer, number })
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.writer, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_back_as_it_was_written() {
        let origin = Origin {
            writer: "shop/orders/0_1",
            number: 57,
        };
        assert_eq!(Origin::parse(origin.to_string().as_bytes()), Some(origin));
    }

    #[test]
    fn other_bytes_are_no_origin() {
        for bytes in [
            &b""[..],
            b"orders",
            b"orders/0_1/",
            b"orders/0_1/0",
            b"orders/0_1/x",
            b"\xff/1",
        ] {
            assert_eq!(Origin::parse(bytes), None);
        }
    }
}

//! What an auditor reads in the topics, put together by what it is about, and judged.
//!
//! An [`OrderBook`] has everything about one order; a [`ProductBook`] and a [`WalletBook`] are told their ledgers entry by
//! entry, because those have no bound. Topics are read one after the other while the shop goes on, so what happened after the
//! first of them was read is *in motion*: it is not held against snapshots that may be older.

mod order;
mod product;
mod wallet;

pub use order::OrderBook;
pub use product::ProductBook;
pub use wallet::WalletBook;

use streams::serde::SerdeError;

use crate::invariants::{Violation, i6_waits_with_a_deadline};
use crate::state_serde::decode;

/// Where a record stands in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// A record with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<T> {
    /// Where it stands.
    pub place: Place,
    /// What it says.
    pub record: T,
}

/// Something that is wrong, and the record that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong with what.
    pub violation: Violation,
    /// The topic of the record.
    pub topic: &'static str,
    /// The record.
    pub place: Place,
}

impl Finding {
    /// A violation that this record of `topic` shows.
    #[must_use]
    pub fn at(topic: &'static str, place: Place, violation: Violation) -> Self {
        Self {
            violation,
            topic,
            place,
        }
    }

    /// Violations that one record shows.
    fn all_at(topic: &'static str, place: Place, violations: impl IntoIterator<Item = Violation>) -> Vec<Self> {
        let at = |violation| Self::at(topic, place, violation);
        violations.into_iter().map(at).collect()
    }
}

/// I6 of the saga's own state, an entry of [`ORDERS`](crate::views::ORDERS) as it is kept: what waits has a deadline, or
/// somebody was called.
pub fn waits(state: &[u8]) -> Result<Vec<Violation>, SerdeError> {
    Ok(i6_waits_with_a_deadline(&decode(state)?))
}

/// I5 of one id: the records of `topic` that have it, in the order in which they were read.
#[must_use]
pub fn once(topic: &'static str, id: &str, places: &[Place]) -> Option<Finding> {
    let (first, second) = (places.first()?, places.get(1)?);
    let found = format!(
        "it was carried out {} times, first at {}/{}",
        places.len(),
        first.partition,
        first.offset
    );
    Some(Finding::at(topic, *second, Violation::new("I5", id, found)))
}

/// Numbers under one key, from 1 without a gap. Answers the number that belongs where `seq` stands, if that is another one.
#[derive(Debug, Default)]
struct Numbers {
    last: u64,
}

impl Numbers {
    fn follow(&mut self, seq: u64) -> Option<u64> {
        let expected = self.last + 1;
        self.last = seq;
        (seq != expected).then_some(expected)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const PLACE: Place = Place {
        partition: 1,
        offset: 7,
    };

    #[test]
    fn an_id_that_stands_once_is_right_and_one_that_stands_twice_is_found_at_its_second_place() {
        assert_eq!(once("order-events", "id", &[PLACE]), None);
        let second = Place { offset: 9, ..PLACE };
        let found = once("order-events", "id", &[PLACE, second]).unwrap();
        assert_eq!((found.place, found.violation.invariant), (second, "I5"));
        assert!(found.violation.found.contains("first at 1/7"), "{found:?}");
    }

    #[test]
    fn a_gap_is_told_once_and_the_numbers_go_on_from_there() {
        let mut numbers = Numbers::default();
        let told: Vec<_> = [1, 2, 4, 5, 5].into_iter().map(|seq| numbers.follow(seq)).collect();
        assert_eq!(told, [None, None, Some(3), None, Some(6)]);
    }
}

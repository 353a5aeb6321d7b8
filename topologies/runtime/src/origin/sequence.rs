//! Whether the numbers of one writer to one topic are each there once.

/// A place in a topic: partition and offset.
type At = (i32, i64);

/// Follows the numbers of one writer to one topic, which are told in their order.
#[derive(Debug, Default)]
pub struct Sequence {
    gaps_from: u64,
    gaps_to: u64,
    last: Option<(u64, At)>,
}

/// What is wrong with numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The record is there twice.
    Twice {
        /// Its number.
        number: u64,
        /// Where it stood before.
        before: At,
    },
    /// Records are not there.
    Missing {
        /// The first number.
        first: u64,
        /// The last number.
        last: u64,
    },
}

impl Sequence {
    /// A sequence of which the numbers from `from` to `to` have to be there, as far as anything before them is. Retention takes
    /// the first ones, and of the last ones some may stand behind what was read.
    #[must_use]
    pub fn between(from: u64, to: u64) -> Self {
        Self {
            gaps_from: from,
            gaps_to: to,
            last: None,
        }
    }

    /// The next number and where it stands: partition and offset. Answers what it shows to be wrong.
    pub fn next(&mut self, number: u64, at: At) -> Option<Wrong> {
        let before = self.last.replace((number, at));
        let (last, place) = before?;
        if number == last {
            return Some(Wrong::Twice { number, before: place });
        }
        let first = self.gaps_from.max(last + 1);
        let missing = self.gaps_to.min(number - 1);
        (first <= missing).then_some(Wrong::Missing { first, last: missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(mut sequence: Sequence, numbers: &[u64]) -> Vec<Wrong> {
        let told = (0..).zip(numbers);
        told.filter_map(|(offset, number)| sequence.next(*number, (0, offset)))
            .collect()
    }

    #[test]
    fn numbers_that_follow_one_another_are_right_wherever_they_begin() {
        assert_eq!(wrong(Sequence::between(0, 9), &[1, 2, 3]), []);
        assert_eq!(wrong(Sequence::between(0, 9), &[7, 8, 9]), []);
    }

    #[test]
    fn a_number_that_comes_again_is_there_twice() {
        let twice = Wrong::Twice {
            number: 2,
            before: (0, 1),
        };
        assert_eq!(wrong(Sequence::default(), &[1, 2, 2, 3]), [twice]);
    }

    #[test]
    fn numbers_that_are_left_out_are_missing_where_they_have_to_be_there() {
        let missing = |first, last| vec![Wrong::Missing { first, last }];
        assert_eq!(wrong(Sequence::between(0, 9), &[1, 4]), missing(2, 3));
        assert_eq!(wrong(Sequence::between(3, 9), &[1, 5]), missing(3, 4));
        assert_eq!(wrong(Sequence::between(0, 4), &[1, 9]), missing(2, 4));
        assert_eq!(wrong(Sequence::between(6, 9), &[1, 5]), []);
        assert_eq!(wrong(Sequence::between(0, 1), &[1, 5]), []);
    }
}

//! How positions stand on disk: by store name, because a store's index may change from one topology to the next.

use std::collections::BTreeMap;

use streams::StoreIndex;
use streams::store::Positions;

const VERSION: u8 = 1;

/// The stores of a task, by index.
pub(crate) type StoreNames = BTreeMap<StoreIndex, String>;

/// Positions with store names in place of indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPositions {
    /// Next changelog offset by store name.
    pub(crate) changelog: BTreeMap<String, i64>,
    /// See [`Positions::sequence`].
    pub(crate) sequence: u64,
    /// See [`Positions::stream_time_ms`].
    pub(crate) stream_time_ms: i64,
}

impl NamedPositions {
    /// Before the first batch.
    pub(crate) fn none() -> Self {
        let Positions {
            sequence,
            stream_time_ms,
            ..
        } = before_the_first_batch();
        Self {
            changelog: BTreeMap::new(),
            sequence,
            stream_time_ms,
        }
    }

    /// Names for indexes. An index without a name is answered as the error.
    pub(crate) fn from_positions(positions: &Positions, names: &StoreNames) -> Result<Self, StoreIndex> {
        let by_name = |(index, next): (&StoreIndex, &i64)| Ok((names.get(index).ok_or(*index)?.clone(), *next));
        Ok(Self {
            changelog: positions.changelog.iter().map(by_name).collect::<Result<_, _>>()?,
            sequence: positions.sequence,
            stream_time_ms: positions.stream_time_ms,
        })
    }

    /// Indexes for names. Stores that are not among `names` are left out.
    pub(crate) fn to_positions(&self, names: &StoreNames) -> Positions {
        let by_index = |(index, name): (&StoreIndex, &String)| Some((*index, *self.changelog.get(name)?));
        Positions {
            changelog: names.iter().filter_map(by_index).collect(),
            sequence: self.sequence,
            stream_time_ms: self.stream_time_ms,
        }
    }

    /// The bytes on disk. Numbers are big-endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.stream_time_ms.to_be_bytes());
        for (name, next) in &self.changelog {
            bytes.extend(next.to_be_bytes());
            bytes.extend(u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(name.as_bytes());
        }
        bytes
    }

    /// The positions in `bytes`, or `None` when they cannot be read.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, mut rest) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        let sequence = u64::from_be_bytes(take(&mut rest)?);
        let stream_time_ms = i64::from_be_bytes(take(&mut rest)?);
        let mut changelog = BTreeMap::new();
        while !rest.is_empty() {
            let next = i64::from_be_bytes(take(&mut rest)?);
            let length = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
            let (name, after) = rest.split_at_checked(length)?;
            changelog.insert(std::str::from_utf8(name).ok()?.to_owned(), next);
            rest = after;
        }
        Some(Self {
            changelog,
            sequence,
            stream_time_ms,
        })
    }
}

/// What an empty store answers.
pub(crate) fn before_the_first_batch() -> Positions {
    Positions {
        changelog: BTreeMap::new(),
        sequence: 0,
        stream_time_ms: i64::MIN,
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]

    use super::*;

    fn positions() -> NamedPositions {
        NamedPositions {
            changelog: BTreeMap::from([("orders".to_owned(), 7), ("timers".to_owned(), 0)]),
            sequence: 3,
            stream_time_ms: -5,
        }
    }

    #[test]
    fn positions_come_back_as_they_went_in() {
        assert_eq!(NamedPositions::decode(&positions().encode()), Some(positions()));
        assert_eq!(
            NamedPositions::decode(&NamedPositions::none().encode()),
            Some(NamedPositions::none())
        );
    }

    #[test]
    fn positions_that_are_cut_short_or_of_another_version_are_unreadable() {
        let bytes = positions().encode();
        let whole_entries = [17, 17 + 12 + 6, bytes.len()];
        for length in (0..bytes.len()).filter(|length| !whole_entries.contains(length)) {
            assert_eq!(NamedPositions::decode(&bytes[..length]), None, "{length}");
        }
        assert_eq!(NamedPositions::decode(&[&[9], &bytes[1..]].concat()), None);
    }

    #[test]
    fn a_store_keeps_its_position_when_its_index_changes() {
        let before = StoreNames::from([
            (StoreIndex(0), "orders".to_owned()),
            (StoreIndex(1), "timers".to_owned()),
        ]);
        let after = StoreNames::from([(StoreIndex(5), "orders".to_owned())]);
        let told = Positions {
            changelog: BTreeMap::from([(StoreIndex(0), 7)]),
            ..Positions::default()
        };
        let named = NamedPositions::from_positions(&told, &before).unwrap();
        assert_eq!(
            named.to_positions(&after).changelog,
            BTreeMap::from([(StoreIndex(5), 7)])
        );
    }
}

//! How positions stand on disk.

use streams::store::Positions;

const VERSION: u8 = 2;

/// The bytes on disk. Numbers are big-endian.
pub(crate) fn encode(positions: &Positions) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend(positions.sequence.to_be_bytes());
    bytes.extend(positions.stream_time_ms.to_be_bytes());
    bytes.extend(positions.changelog.iter().flat_map(|next| next.to_be_bytes()));
    bytes
}

/// The positions in `bytes`, or `None` when they cannot be read.
pub(crate) fn decode(bytes: &[u8]) -> Option<Positions> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let sequence = u64::from_be_bytes(take(&mut rest)?);
    let stream_time_ms = i64::from_be_bytes(take(&mut rest)?);
    let changelog = match rest.len() {
        0 => None,
        _ => Some(i64::from_be_bytes(take(&mut rest)?)),
    };
    rest.is_empty().then_some(Positions {
        changelog,
        sequence,
        stream_time_ms,
    })
}

/// What an empty store answers.
pub(crate) fn before_the_first_batch() -> Positions {
    Positions {
        changelog: None,
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
    #![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    const POSITIONS: Positions = Positions {
        changelog: Some(7),
        sequence: 3,
        stream_time_ms: -5,
    };

    #[test]
    fn positions_come_back_as_they_went_in() {
        for positions in [POSITIONS, before_the_first_batch()] {
            assert_eq!(decode(&encode(&positions)), Some(positions));
        }
    }

    #[test]
    fn positions_that_are_cut_short_or_too_long_or_of_another_version_are_unreadable() {
        let bytes = encode(&POSITIONS);
        let without_changelog = 17;
        for length in (0..bytes.len()).filter(|length| *length != without_changelog) {
            assert_eq!(decode(&bytes[..length]), None, "{length}");
        }
        assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(decode(&[&[9], &bytes[1..]].concat()), None);
    }
}

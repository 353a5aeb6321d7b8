//! The error code in a broker's answer.
//!
//! Source: the message definitions of Apache Kafka 4 (`ProduceResponse.json`, `EndTxnResponse.json`).

use super::frame::{self, Api};

/// Size and correlation id.
const HEADER_BYTES: usize = 8;
/// From this version on an answer to `Produce` has compact lengths and tagged fields.
const PRODUCE_FLEXIBLE: i16 = 9;
/// The same of `EndTxn`.
const END_TXN_FLEXIBLE: i16 = 3;

/// The code in the answer to a request of one of the kinds of [`Api`]: of `Produce` that of its first partition.
pub(super) fn error_code(request: &[u8], answer: &[u8]) -> Option<i16> {
    let version = frame::version(request)?;
    let mut rest = answer.get(HEADER_BYTES..)?;
    match Api::of(request)? {
        Api::EndTxn => {
            let throttle_time = 4;
            skip(&mut rest, usize::from(version >= END_TXN_FLEXIBLE) + throttle_time)?;
        }
        Api::Produce if version >= PRODUCE_FLEXIBLE => {
            let tags = 1;
            skip(&mut rest, tags)?;
            let _topics = varint(&mut rest)?;
            let name = varint(&mut rest)?.checked_sub(1)?;
            skip(&mut rest, name)?;
            let _partitions = varint(&mut rest)?;
            skip(&mut rest, PARTITION_BYTES)?;
        }
        Api::Produce => {
            skip(&mut rest, ARRAY_BYTES)?;
            let name = u16::from_be_bytes(skip(&mut rest, 2)?.try_into().ok()?);
            skip(&mut rest, usize::from(name) + ARRAY_BYTES + PARTITION_BYTES)?;
        }
    }
    Some(i16::from_be_bytes(skip(&mut rest, 2)?.try_into().ok()?))
}

/// The length of an array before compact lengths.
const ARRAY_BYTES: usize = 4;
/// The number of a partition.
const PARTITION_BYTES: usize = 4;

fn skip<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (skipped, left) = rest.split_at_checked(bytes)?;
    *rest = left;
    Some(skipped)
}

/// An unsigned number in groups of seven bits, the lowest first.
fn varint(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..28).step_by(7) {
        let byte = skip(rest, 1)?.first().copied()?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: i16, version: i16) -> Vec<u8> {
        [&[0; 4][..], &key.to_be_bytes(), &version.to_be_bytes()].concat()
    }

    #[test]
    fn the_code_of_an_end_follows_the_throttle_time() {
        let answer = [&[0; HEADER_BYTES + 4][..], &47i16.to_be_bytes()].concat();
        assert_eq!(error_code(&request(26, 1), &answer), Some(47));
        let flexible = [&[0; HEADER_BYTES + 5][..], &47i16.to_be_bytes()].concat();
        assert_eq!(error_code(&request(26, 3), &flexible), Some(47));
    }

    #[test]
    fn the_code_of_a_batch_follows_the_names_of_topic_and_partition() {
        let old: &[&[u8]] = &[&[0, 0, 0, 1, 0, 3], b"out", &[0, 0, 0, 1, 0, 0, 0, 2, 0, 45]];
        let answer = [&[0; HEADER_BYTES][..], &old.concat()].concat();
        assert_eq!(error_code(&request(0, 7), &answer), Some(45));
        let compact: &[&[u8]] = &[&[0, 2, 4], b"out", &[2, 0, 0, 0, 2, 0, 45]];
        let answer = [&[0; HEADER_BYTES][..], &compact.concat()].concat();
        assert_eq!(error_code(&request(0, 10), &answer), Some(45));
    }

    #[test]
    fn an_answer_that_is_cut_off_has_no_code() {
        assert_eq!(error_code(&request(26, 1), &[0; HEADER_BYTES + 5]), None);
        assert_eq!(error_code(&request(3, 1), &[0; 100]), None);
    }
}

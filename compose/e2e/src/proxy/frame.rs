//! Requests and answers on the wire: four bytes of size, then the header, then the body.

use std::io::Read;

/// No request or answer of this repository's clients is larger.
const FRAME_BYTES_MAX: usize = 256 << 20;

/// Kinds of requests that a fault can be armed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `Produce`: a batch of records for each of some partitions.
    Produce,
    /// `EndTxn`: commits or aborts a transaction.
    EndTxn,
}

impl Api {
    /// The key of a kind in Kafka's protocol.
    fn key(self) -> i16 {
        match self {
            Self::Produce => 0,
            Self::EndTxn => 26,
        }
    }

    /// Whether a request is of this kind.
    pub(super) fn is_of(self, request: &[u8]) -> bool {
        short(request, 4) == Some(self.key())
    }

    /// The kind of a request, if it is one of these.
    pub(super) fn of(request: &[u8]) -> Option<Self> {
        [Self::Produce, Self::EndTxn].into_iter().find(|api| api.is_of(request))
    }
}

/// One request or answer with its size in front; nothing when the stream has ended.
pub(super) fn read(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut frame = vec![0; 4];
    stream.read_exact(&mut frame).ok()?;
    let size = usize::try_from(int(&frame, 0)?).ok()?;
    if size > FRAME_BYTES_MAX {
        return None;
    }
    frame.resize(4 + size, 0);
    stream.read_exact(frame.get_mut(4..)?).ok()?;
    Some(frame)
}

/// The version of the protocol that a request speaks.
pub(super) fn version(request: &[u8]) -> Option<i16> {
    short(request, 6)
}

/// The number by which a request's answer is known.
pub(super) fn correlation_of_request(request: &[u8]) -> Option<i32> {
    int(request, 8)
}

/// The number of the request that an answer is for.
pub(super) fn correlation_of_answer(answer: &[u8]) -> Option<i32> {
    int(answer, 4)
}

fn short(bytes: &[u8], at: usize) -> Option<i16> {
    Some(i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn int(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

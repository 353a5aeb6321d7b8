//! Confluent's wire format: a zero byte, the schema id as four bytes big endian, the Avro datum.

use streams::serde::SerdeError;

/// First byte of every framed record.
pub const MAGIC: u8 = 0;

/// Bytes before the datum.
pub const HEADER_BYTES: usize = 5;

/// Bytes of a record, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed<'a> {
    /// Id of the schema that the datum was written with.
    pub id: u32,
    /// The Avro datum.
    pub datum: &'a [u8],
}

impl<'a> Framed<'a> {
    /// Takes a record apart; refuses one without header or with another first byte.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SerdeError> {
        match bytes {
            [MAGIC, a, b, c, d, datum @ ..] => Ok(Self {
                id: u32::from_be_bytes([*a, *b, *c, *d]),
                datum,
            }),
            [MAGIC, ..] | [] => Err(SerdeError::Malformed(format!(
                "{} bytes are too short for a framed record: a zero byte and a four-byte schema id come first",
                bytes.len()
            ))),
            [first, ..] => Err(SerdeError::Malformed(format!(
                "the first byte is {first:#04x} instead of 0x00: this is no record in Confluent framing"
            ))),
        }
    }
}

/// Appends the header of a record written with schema `id`.
pub fn write_header(id: u32, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend_from_slice(&id.to_be_bytes());
}

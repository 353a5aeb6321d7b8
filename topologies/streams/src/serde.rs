//! How keys and values become bytes and come back.

use std::sync::Arc;

use thiserror::Error;

/// What [`Serde::serialize`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoded {
    /// The bytes that were appended to the buffer are the encoding; zero bytes are a valid encoding.
    Bytes,
    /// Nothing was appended: the value is Kafka's null (a null key, or a tombstone).
    Null,
}

/// Why bytes could not be read or a value could not be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SerdeError {
    /// A null arrived where the type has no null.
    #[error("a null is not allowed here")]
    Null,
    /// The bytes name a schema that has not been looked up yet: the shell resolves it and calls again.
    #[error("the schema with id {0} has not been looked up")]
    MissingSchema(u32),
    /// The bytes are no encoding of the type, or the value has no encoding.
    #[error("{0}")]
    Malformed(String),
}

impl SerdeError {
    /// A [`SerdeError::Malformed`] from anything that prints.
    pub fn malformed(cause: impl std::fmt::Display) -> Self {
        Self::Malformed(cause.to_string())
    }
}

/// Converts between a type and its bytes. Implementations hold no mutable state that a reader could see.
pub trait Serde<T>: Send + Sync {
    /// Appends the encoding of `value` to `out`, or appends nothing and answers [`Encoded::Null`].
    /// On an error `out` may hold a partial encoding; the caller truncates it.
    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<Encoded, SerdeError>;

    /// Reads a value; `None` is Kafka's null.
    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<T, SerdeError>;
}

/// A shared serde, as topics and stores hold it.
pub type SharedSerde<T> = Arc<dyn Serde<T>>;

/// UTF-8 strings. Null and invalid UTF-8 are refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct StringSerde;

impl Serde<String> for StringSerde {
    fn serialize(&self, value: &String, out: &mut Vec<u8>) -> Result<Encoded, SerdeError> {
        out.extend_from_slice(value.as_bytes());
        Ok(Encoded::Bytes)
    }

    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<String, SerdeError> {
        let bytes = bytes.ok_or(SerdeError::Null)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(SerdeError::malformed)
    }
}

/// Raw bytes. Null is refused; wrap it in [`Nullable`] to pass nulls through.
#[derive(Debug, Clone, Copy, Default)]
pub struct BytesSerde;

impl Serde<Vec<u8>> for BytesSerde {
    fn serialize(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<Encoded, SerdeError> {
        out.extend_from_slice(value);
        Ok(Encoded::Bytes)
    }

    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<Vec<u8>, SerdeError> {
        Ok(bytes.ok_or(SerdeError::Null)?.to_vec())
    }
}

/// Signed 64-bit integers, big endian, eight bytes (Kafka's `LongSerializer`).
#[derive(Debug, Clone, Copy, Default)]
pub struct I64Serde;

impl Serde<i64> for I64Serde {
    fn serialize(&self, value: &i64, out: &mut Vec<u8>) -> Result<Encoded, SerdeError> {
        out.extend_from_slice(&value.to_be_bytes());
        Ok(Encoded::Bytes)
    }

    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<i64, SerdeError> {
        let bytes = bytes.ok_or(SerdeError::Null)?;
        let array: [u8; 8] = bytes
            .try_into()
            .map_err(|_| SerdeError::Malformed(format!("expected 8 bytes, found {}", bytes.len())))?;
        Ok(i64::from_be_bytes(array))
    }
}

/// Lets a serde's type be absent: `None` is Kafka's null in both directions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nullable<S>(pub S);

impl<T, S: Serde<T>> Serde<Option<T>> for Nullable<S> {
    fn serialize(&self, value: &Option<T>, out: &mut Vec<u8>) -> Result<Encoded, SerdeError> {
        match value {
            Some(value) => self.0.serialize(value, out),
            None => Ok(Encoded::Null),
        }
    }

    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<Option<T>, SerdeError> {
        bytes.map(|bytes| self.0.deserialize(Some(bytes))).transpose()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_nullable_serde_passes_null_through_and_a_plain_one_refuses_it() {
        let mut out = Vec::new();
        assert_eq!(Nullable(I64Serde).serialize(&None, &mut out), Ok(Encoded::Null));
        assert_eq!(Nullable(I64Serde).deserialize(None), Ok(None));
        assert_eq!(I64Serde.deserialize(None), Err(SerdeError::Null));
    }

    #[test]
    fn an_i64_is_eight_big_endian_bytes_and_nothing_else() {
        let mut out = Vec::new();
        I64Serde.serialize(&-2, &mut out).unwrap();
        assert_eq!(out, [255, 255, 255, 255, 255, 255, 255, 254]);
        assert!(I64Serde.deserialize(Some(&out[..7])).is_err());
    }
}

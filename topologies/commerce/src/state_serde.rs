//! How states become the bytes of a store: a version byte, then `MessagePack` with field names, so that a field
//! can be added later with a default.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use streams::serde::{Encoded, Serde, SerdeError};

/// The layout of the bytes after the version byte. A change that old bytes cannot be read with takes the next number.
pub const STATE_VERSION: u8 = 1;

/// The serde of a state store's values.
#[derive(Debug)]
pub struct StateSerde<T>(PhantomData<fn() -> T>);

impl<T> StateSerde<T> {
    /// A serde; it holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for StateSerde<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Serialize + DeserializeOwned> Serde<T> for StateSerde<T> {
    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<Encoded, SerdeError> {
        out.push(STATE_VERSION);
        rmp_serde::encode::write_named(out, value).map_err(SerdeError::malformed)?;
        Ok(Encoded::Bytes)
    }

    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<T, SerdeError> {
        decode(bytes.ok_or(SerdeError::Null)?)
    }
}

/// Reads a state from a store's bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, SerdeError> {
    match bytes.split_first() {
        Some((&STATE_VERSION, state)) => rmp_serde::from_slice(state).map_err(SerdeError::malformed),
        Some((version, _)) => Err(SerdeError::Malformed(format!("unknown state version {version}"))),
        None => Err(SerdeError::malformed("a state has at least its version byte")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize)]
    struct Old {
        kept: u8,
        dropped: u8,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        kept: u8,
        #[serde(default)]
        added: Option<String>,
    }

    #[test]
    fn a_state_written_by_an_older_program_is_read_with_defaults() {
        let mut bytes = vec![STATE_VERSION];
        rmp_serde::encode::write_named(&mut bytes, &Old { kept: 1, dropped: 2 }).unwrap();
        assert_eq!(decode(&bytes), Ok(New { kept: 1, added: None }));
    }

    #[test]
    fn a_state_of_an_unknown_version_is_refused() {
        let mut bytes = Vec::new();
        StateSerde::new()
            .serialize(&New { kept: 1, added: None }, &mut bytes)
            .unwrap();
        assert_eq!(decode(&bytes), Ok(New { kept: 1, added: None }));
        *bytes.first_mut().unwrap() = 2;
        assert!(decode::<New>(&bytes).is_err());
        assert!(decode::<New>(&[]).is_err());
    }
}

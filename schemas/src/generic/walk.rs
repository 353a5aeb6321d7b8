//! A strict walk through a datum that keeps nothing.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::GenericError;
use crate::avro_serde::decode;

/// Checks that `datum` is exactly one value of the schema: nothing missing, nothing over, no array or
/// depth beyond the limits of [`crate::avro_serde`].
pub(super) fn walk(schema: &str, datum: &[u8]) -> Result<(), GenericError> {
    let schema: serde_avro_fast::Schema = schema
        .parse()
        .map_err(|error: serde_avro_fast::schema::SchemaError| GenericError::Schema(error.to_string()))?;
    decode::<Walked>(&schema, datum)
        .map(|Walked| ())
        .map_err(|error| GenericError::Datum(error.to_string()))
}

/// Any value, looked at and dropped. (Serde's `IgnoredAny` would let blocks be skipped unseen.)
struct Walked;

impl<'de> Deserialize<'de> for Walked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walker)
    }
}

struct Walker;

/// Takes a scalar and drops it.
macro_rules! drop_scalars {
    ($($visit:ident: $scalar:ty),+) => {
        $(fn $visit<E: Error>(self, _: $scalar) -> Result<Walked, E> {
            Ok(Walked)
        })+
    };
}

impl<'de> Visitor<'de> for Walker {
    type Value = Walked;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any Avro value")
    }

    drop_scalars!(visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128,
        visit_f64: f64, visit_str: &str, visit_bytes: &[u8]);

    fn visit_unit<E: Error>(self) -> Result<Walked, E> {
        Ok(Walked)
    }

    fn visit_none<E: Error>(self) -> Result<Walked, E> {
        Ok(Walked)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Walked, D::Error> {
        Walked::deserialize(inner)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Walked, D::Error> {
        Walked::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Walked, A::Error> {
        while let Some(Walked) = items.next_element()? {}
        Ok(Walked)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Walked, A::Error> {
        while let Some((Walked, Walked)) = entries.next_entry()? {}
        Ok(Walked)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Walked, A::Error> {
        access.variant_seed(WalkSeed).map(|(walked, _)| walked)
    }
}

struct WalkSeed;

impl<'de> DeserializeSeed<'de> for WalkSeed {
    type Value = Walked;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Walked, D::Error> {
        Walked::deserialize(deserializer)
    }
}

//! What a stream thread asks when a record names a schema that this process has not met.

/// What became of a schema id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The schema is known from here on.
    Known,
    /// There is no such schema: records that name it are dead letters.
    Absent,
    /// The registry could not tell, for this reason; ask again later.
    Unavailable(String),
}

/// Looks up schema ids. Calls block for a bounded time.
pub trait SchemaResolver: Send + Sync {
    /// Finds out about `id` and remembers it where the serdes look.
    fn resolve(&self, id: u32) -> Resolution;
}

/// For topologies whose records name no schemas.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSchemas;

impl SchemaResolver for NoSchemas {
    fn resolve(&self, _id: u32) -> Resolution {
        Resolution::Absent
    }
}

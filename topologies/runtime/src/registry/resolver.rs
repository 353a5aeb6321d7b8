//! What a stream thread asks about a schema id that it has not met.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schemas::SchemaTable;
use schemas::registry::{RegistryError, SchemaRegistry};

use crate::schema_resolver::{Resolution, SchemaResolver};

/// Looks ids up in a registry and keeps them in the table that the serdes read. An id that is known is never asked again, so a
/// registry that is away is missed only by records with new schemas. Blocks as long as the registry's calls do.
pub struct TableResolver {
    registry: Arc<dyn SchemaRegistry>,
    table: Arc<SchemaTable>,
    reachable: AtomicBool,
}

impl TableResolver {
    /// A resolver that asks `registry` and fills `table`.
    #[must_use]
    pub fn new(registry: Arc<dyn SchemaRegistry>, table: Arc<SchemaTable>) -> Self {
        Self {
            registry,
            table,
            reachable: AtomicBool::new(true),
        }
    }

    /// Whether the last question was answered. While it was not, a record waits, and the process is not ready.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Acquire)
    }

    fn ask(&self, id: u32) -> Result<Resolution, RegistryError> {
        if self.table.text(id).is_some() {
            return Ok(Resolution::Known);
        }
        if let Some(schema) = self.registry.schema(id)? {
            self.table.insert(id, &schema);
            Ok(Resolution::Known)
        } else {
            self.table.mark_absent(id);
            Ok(Resolution::Absent)
        }
    }
}

impl SchemaResolver for TableResolver {
    fn resolve(&self, id: u32) -> Resolution {
        let asked = self.ask(id);
        self.reachable.store(asked.is_ok(), Ordering::Release);
        // A refusal is no answer about the id either: a wrong password must not make readable records dead letters.
        asked.unwrap_or_else(|cause| Resolution::Unavailable(cause.to_string()))
    }
}

impl std::fmt::Debug for TableResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableResolver")
            .field("reachable", &self.reachable)
            .finish_non_exhaustive()
    }
}

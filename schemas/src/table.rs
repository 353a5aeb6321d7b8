//! The schema ids that this process has learnt, shared by all its serdes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_avro_fast::schema::{RegularType, SchemaMut};
use streams::serde::SerdeError;

use crate::topics::{self, TopicSpec};

/// Ids that a table remembers. When it is full it forgets them all: each is looked up again when a
/// record names it, so a stream of made-up ids costs lookups and not memory.
pub const SCHEMA_IDS_MAX: usize = 4096;

/// The schema ids that this process has learnt. It asks nobody: the shell resolves
/// [`SerdeError::MissingSchema`] with [`SchemaTable::insert`] or [`SchemaTable::mark_absent`].
#[derive(Debug, Default)]
pub struct SchemaTable {
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    by_id: BTreeMap<u32, Entry>,
    subjects: BTreeMap<String, Arc<SubjectId>>,
}

#[derive(Debug, Clone)]
enum Entry {
    Usable(Arc<WriterSchema>),
    /// Why records with this id cannot be read.
    Refused(Arc<str>),
}

impl SchemaTable {
    /// A table that knows no id.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A table in which every topic's current schema has an id, numbered from 1 in the order of
    /// [`topics::topics`]: for tests, and for a process that talks to nobody else.
    #[must_use]
    pub fn with_current_schemas() -> Self {
        let table = Self::new();
        for (id, topic) in (1..).zip(topics::topics()) {
            table.set_subject(topic.subject, id);
        }
        table
    }

    /// Records that `id` stands for the schema with this text. A text that is no usable Avro schema is
    /// remembered as such: records that name it are malformed.
    pub fn insert(&self, id: u32, schema: &str) {
        let entry = match WriterSchema::parse(schema) {
            Ok(schema) => Entry::Usable(Arc::new(schema)),
            Err(cause) => Entry::Refused(format!("schema id {id} is not usable: {cause}").into()),
        };
        self.put(id, entry);
    }

    /// Records that the registry has no schema with this id: records that name it are malformed.
    /// A later [`SchemaTable::insert`] takes it back.
    pub fn mark_absent(&self, id: u32) {
        let cause = format!("unknown schema id {id}: the registry does not have it");
        self.put(id, Entry::Refused(cause.into()));
    }

    /// Records that the current schema of `subject` is registered under `id`: from now on records are
    /// written with it. For a subject of [`topics`] the id becomes readable too.
    pub fn set_subject(&self, subject: &str, id: u32) {
        if let Some(topic) = topics::by_subject(subject) {
            self.insert(id, topic.schema);
        }
        self.subject(subject).set(id);
    }

    /// The id that records of `subject` are written with, once it is registered.
    #[must_use]
    pub fn id_of(&self, subject: &str) -> Option<u32> {
        self.read().subjects.get(subject).and_then(|id| id.get())
    }

    /// The topics whose schema has no id yet. A process that writes to one of them is not ready.
    #[must_use]
    pub fn unregistered(&self) -> Vec<&'static TopicSpec> {
        let missing = |topic: &&&'static TopicSpec| self.id_of(topic.subject).is_none();
        topics::topics().iter().filter(missing).copied().collect()
    }

    /// The text of the schema with this id, if it is known and usable.
    #[must_use]
    pub fn text(&self, id: u32) -> Option<String> {
        self.writer(id).ok().map(|schema| schema.text().to_owned())
    }

    /// The schema that records with this id were written with.
    pub(crate) fn writer(&self, id: u32) -> Result<Arc<WriterSchema>, SerdeError> {
        match self.read().by_id.get(&id) {
            Some(Entry::Usable(schema)) => Ok(Arc::clone(schema)),
            Some(Entry::Refused(cause)) => Err(SerdeError::Malformed(cause.to_string())),
            None => Err(SerdeError::MissingSchema(id)),
        }
    }

    /// The id under which records of `subject` are written, as a cell that follows the table.
    pub(crate) fn subject(&self, subject: &str) -> Arc<SubjectId> {
        Arc::clone(self.write().subjects.entry(subject.to_owned()).or_default())
    }

    fn put(&self, id: u32, entry: Entry) {
        let by_id = &mut self.write().by_id;
        if by_id.len() >= SCHEMA_IDS_MAX && !by_id.contains_key(&id) {
            by_id.clear();
        }
        by_id.insert(id, entry);
    }

    /// A panic elsewhere leaves the maps whole (each change is one insert), so poison is ignored.
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of one subject, readable without a lock.
#[derive(Debug, Default)]
pub(crate) struct SubjectId(AtomicU64);

impl SubjectId {
    /// The id, once it is set.
    pub(crate) fn get(&self) -> Option<u32> {
        self.0
            .load(Ordering::Acquire)
            .checked_sub(1)
            .and_then(|id| u32::try_from(id).ok())
    }

    /// Zero stands for "not set", so ids are kept one higher.
    fn set(&self, id: u32) {
        self.0.store(u64::from(id) + 1, Ordering::Release);
    }
}

/// A schema as its records are read with.
#[derive(Debug)]
pub(crate) struct WriterSchema {
    /// Full name of the record at its root; empty if the root is no record.
    pub(crate) record: String,
    pub(crate) schema: serde_avro_fast::Schema,
}

impl WriterSchema {
    fn parse(text: &str) -> Result<Self, serde_avro_fast::schema::SchemaError> {
        let schema: SchemaMut = text.parse()?;
        let record = match schema.nodes().first().map(|root| &root.type_) {
            Some(RegularType::Record(record)) => record.name.fully_qualified_name().to_owned(),
            _ => String::new(),
        };
        Ok(Self {
            record,
            schema: schema.freeze()?,
        })
    }

    fn text(&self) -> &str {
        self.schema.json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_missing_until_the_shell_says_what_it_is() {
        let table = SchemaTable::new();
        assert_eq!(table.writer(77).map(|_| ()), Err(SerdeError::MissingSchema(77)));
        table.mark_absent(77);
        let absent = SerdeError::Malformed("unknown schema id 77: the registry does not have it".into());
        assert_eq!(table.writer(77).map(|_| ()), Err(absent));
        table.insert(77, topics::ORDERS.schema);
        assert_eq!(
            table.writer(77).map(|schema| schema.record.clone()),
            Ok("sluice.Order".into())
        );
    }

    #[test]
    fn a_text_that_is_no_schema_makes_its_records_malformed_instead_of_missing_for_ever() {
        let table = SchemaTable::new();
        table.insert(5, r#"{"$schema": "json"}"#);
        let cause = table.writer(5).map(|_| ()).map_err(|error| error.to_string());
        assert!(cause.is_err_and(|cause| cause.starts_with("schema id 5 is not usable: ")));
    }

    #[test]
    fn made_up_ids_do_not_fill_the_memory() {
        let table = SchemaTable::new();
        let many = u32::try_from(SCHEMA_IDS_MAX).unwrap_or(u32::MAX) * 3;
        (0..many).for_each(|id| table.mark_absent(id));
        assert!(table.read().by_id.len() <= SCHEMA_IDS_MAX);
    }

    #[test]
    fn a_subject_has_the_id_it_was_registered_under_last() {
        let table = SchemaTable::new();
        let id = table.subject("orders-value");
        assert_eq!((id.get(), table.id_of("orders-value")), (None, None));
        table.set_subject("orders-value", 0);
        assert_eq!(id.get(), Some(0), "zero is an id like any other");
        table.set_subject("orders-value", u32::MAX);
        assert_eq!(
            (id.get(), table.id_of("orders-value")),
            (Some(u32::MAX), Some(u32::MAX))
        );
        assert!(
            table.text(u32::MAX).is_some(),
            "own records are readable without a look-up"
        );
    }
}

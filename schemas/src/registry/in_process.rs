//! A registry that is a table in this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Registration, RegistryError, SchemaRegistry, level_of};
use crate::evolution::{self, Level};

/// Versions that a registry in the process keeps.
pub const REGISTRATIONS_MAX: usize = 65_536;

/// A registry that is a table in this process: ids count from 1 in the order of first registration, and
/// equal texts share one. Whoever owns durable storage keeps [`InProcessRegistry::export`] and gives it
/// to [`InProcessRegistry::import`] after a restart.
#[derive(Debug, Default)]
pub struct InProcessRegistry {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    registrations: Vec<Registration>,
    levels: BTreeMap<String, Level>,
}

impl InProcessRegistry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry with what [`InProcessRegistry::export`] gave. Refuses a list in which one id stands for
    /// two texts.
    pub fn import(registrations: Vec<Registration>) -> Result<Self, RegistryError> {
        let mut texts: BTreeMap<u32, &str> = BTreeMap::new();
        for registration in &registrations {
            let text = texts.entry(registration.id).or_insert(&registration.schema);
            if *text != registration.schema {
                let id = registration.id;
                return Err(RegistryError::Refused(format!("schema id {id} stands for two schemas")));
            }
        }
        Ok(Self {
            state: Mutex::new(State {
                registrations,
                levels: BTreeMap::new(),
            }),
        })
    }

    /// Every registered version in the order of registration.
    #[must_use]
    pub fn export(&self) -> Vec<Registration> {
        self.state().registrations.clone()
    }

    /// A panic elsewhere leaves the table whole (each change is one push or insert).
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SchemaRegistry for InProcessRegistry {
    fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let mut state = self.state();
        if let Some(known) = state.versions(subject).find(|version| version.schema == schema) {
            return Ok(known.id);
        }
        state.check(subject, schema)?;
        if state.registrations.len() >= REGISTRATIONS_MAX {
            return Err(RegistryError::Refused(format!(
                "{REGISTRATIONS_MAX} versions are registered"
            )));
        }
        let id = state.id_for(schema);
        state.registrations.push(Registration {
            id,
            subject: subject.to_owned(),
            schema: schema.to_owned(),
        });
        Ok(id)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let state = self.state();
        let found = state.registrations.iter().find(|registration| registration.id == id);
        Ok(found.map(|registration| registration.schema.clone()))
    }

    fn latest(&self, subject: &str) -> Result<Option<Registration>, RegistryError> {
        Ok(self.state().versions(subject).last().cloned())
    }

    fn compatibility(&self, subject: &str, schema: &str) -> Result<(), RegistryError> {
        self.state().check(subject, schema)
    }

    fn set_level(&self, subject: &str, level: Level) -> Result<(), RegistryError> {
        self.state().levels.insert(subject.to_owned(), level);
        Ok(())
    }
}

impl State {
    fn versions(&self, subject: &str) -> impl Iterator<Item = &Registration> {
        let of_subject = move |registration: &&Registration| registration.subject == subject;
        self.registrations.iter().filter(of_subject)
    }

    /// A first version is checked against itself, which finds what is no schema.
    fn check(&self, subject: &str, schema: &str) -> Result<(), RegistryError> {
        let level = self.levels.get(subject).copied().unwrap_or_else(|| level_of(subject));
        let mut history: Vec<&str> = self.versions(subject).map(|version| version.schema.as_str()).collect();
        history.push(schema);
        evolution::check_history(subject, &history, schema, level)
            .map_err(|refused| RegistryError::Incompatible(refused.to_string()))
    }

    fn id_for(&self, schema: &str) -> u32 {
        let same = self
            .registrations
            .iter()
            .find(|registration| registration.schema == schema);
        let highest = self.registrations.iter().map(|registration| registration.id).max();
        same.map_or_else(
            || highest.unwrap_or(0).saturating_add(1),
            |registration| registration.id,
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::SchemaTable;
    use crate::registry::{publish, resolve};
    use crate::topics::{self, topics};

    const V1: &str = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}"#;
    const V2: &str = r#"{"type": "record", "name": "R", "fields": []}"#;
    const OTHER: &str = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}"#;

    #[test]
    fn ids_count_up_in_the_order_of_registration_and_equal_texts_share_one() {
        let registry = InProcessRegistry::new();
        assert_eq!(registry.register("a-value", V1), Ok(1));
        assert_eq!(registry.register("b-value", OTHER), Ok(2));
        assert_eq!(registry.register("c-value", V1), Ok(1));
        assert_eq!(registry.register("a-value", V2), Ok(3));
        assert_eq!(registry.register("a-value", V1), Ok(1), "an old version again");
        assert_eq!(registry.latest("a-value").unwrap().unwrap().id, 3);
        assert_eq!(registry.latest("d-value"), Ok(None));
        assert_eq!(registry.schema(2), Ok(Some(OTHER.to_owned())));
        assert_eq!(registry.schema(9), Ok(None));
    }

    #[test]
    fn an_incompatible_version_is_refused_and_not_registered() {
        let registry = InProcessRegistry::new();
        registry.register("a-value", V1).unwrap();
        assert!(matches!(
            registry.compatibility("a-value", OTHER),
            Err(RegistryError::Incompatible(_))
        ));
        assert!(matches!(
            registry.register("a-value", OTHER),
            Err(RegistryError::Incompatible(_))
        ));
        registry.set_level("a-value", Level::Full).unwrap();
        assert!(registry.register("a-value", V2).is_err(), "old readers need the field");
        assert!(matches!(
            registry.register("b-value", "{"),
            Err(RegistryError::Incompatible(_))
        ));
        assert_eq!(registry.export().len(), 1);
    }

    #[test]
    fn an_imported_registry_goes_on_where_the_exported_one_was() {
        let registry = InProcessRegistry::new();
        registry.register("a-value", V1).unwrap();
        registry.register("b-value", OTHER).unwrap();
        let again = InProcessRegistry::import(registry.export()).unwrap();
        assert_eq!(again.export(), registry.export());
        assert_eq!(again.register("a-value", V2), Ok(3));
        let twice = vec![
            Registration {
                id: 1,
                subject: "a".into(),
                schema: V1.into(),
            },
            Registration {
                id: 1,
                subject: "b".into(),
                schema: V2.into(),
            },
        ];
        assert!(matches!(
            InProcessRegistry::import(twice),
            Err(RegistryError::Refused(_))
        ));
    }

    #[test]
    fn publishing_gives_every_topic_an_id_and_publishing_again_changes_nothing() {
        let (registry, table) = (InProcessRegistry::new(), SchemaTable::new());
        assert_eq!(table.unregistered().len(), topics().len());
        publish(&registry, topics(), &table).unwrap();
        assert!(table.unregistered().is_empty());
        let before = registry.export();
        publish(&registry, topics(), &table).unwrap();
        assert_eq!(registry.export(), before);
        assert_eq!(table.id_of(topics::ACCOUNTS.subject), Some(3));
    }

    #[test]
    fn a_missing_schema_is_resolved_to_its_text_or_to_absence() {
        let (registry, table) = (InProcessRegistry::new(), SchemaTable::new());
        registry.register("a-value", V1).unwrap();
        resolve(&registry, 1, &table).unwrap();
        resolve(&registry, 77, &table).unwrap();
        assert!(table.text(1).is_some());
        assert_eq!(table.text(77), None);
    }
}

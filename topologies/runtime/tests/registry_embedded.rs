//! The registry of the embedded log: what it gave away it knows after a restart.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use runtime::embedded::{EmbeddedBroker, EmbeddedOptions};
use runtime::registry::EmbeddedRegistry;
use schemas::SchemaTable;
use schemas::registry::{RegistryError, SchemaRegistry, publish};
use schemas::topics;

const V1: &str = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}"#;
const V2: &str = r#"{"type": "record", "name": "R", "fields": []}"#;
const OTHER: &str = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}"#;

#[test]
fn ids_are_the_same_after_a_restart_and_new_ones_go_on() {
    let dir = tempfile::tempdir().unwrap();
    {
        let registry = EmbeddedRegistry::open(&EmbeddedBroker::open(dir.path()).unwrap()).unwrap();
        assert_eq!(registry.register("a-value", V1), Ok(1));
        assert_eq!(registry.register("b-value", OTHER), Ok(2));
    }
    let registry = EmbeddedRegistry::open(&EmbeddedBroker::open(dir.path()).unwrap()).unwrap();
    assert_eq!(registry.schema(2), Ok(Some(OTHER.to_owned())));
    assert_eq!(registry.register("a-value", V1), Ok(1));
    assert_eq!(registry.register("a-value", V2), Ok(3));
    assert!(matches!(
        registry.register("a-value", OTHER),
        Err(RegistryError::Incompatible(_))
    ));
}

#[test]
fn publishing_after_a_restart_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ids = || {
        let registry = EmbeddedRegistry::open(&EmbeddedBroker::open(dir.path()).unwrap()).unwrap();
        let table = SchemaTable::new();
        publish(&registry, topics::topics(), &table).unwrap();
        topics::topics()
            .iter()
            .map(|topic| table.id_of(topic.subject))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(), ids());
}

#[test]
fn no_id_is_given_away_that_could_not_be_written() {
    let dir = tempfile::tempdir().unwrap();
    drop(EmbeddedRegistry::open(&EmbeddedBroker::open(dir.path()).unwrap()).unwrap());
    {
        let full = EmbeddedOptions {
            free_bytes_min: u64::MAX,
            ..EmbeddedOptions::default()
        };
        let registry = EmbeddedRegistry::open(&EmbeddedBroker::open_with(dir.path(), full).unwrap()).unwrap();
        assert!(matches!(
            registry.register("a-value", V1),
            Err(RegistryError::Unavailable(_))
        ));
        assert!(matches!(
            registry.register("a-value", V1),
            Err(RegistryError::Unavailable(_))
        ));
    }
    let registry = EmbeddedRegistry::open(&EmbeddedBroker::open(dir.path()).unwrap()).unwrap();
    assert_eq!(registry.latest("a-value"), Ok(None));
}

use std::path::Path;
use std::sync::Arc;

use commerce::topologies;
use schemas::SchemaTable;

/// The wiring of every topology as text. A change of wiring shows as a difference of these files;
/// `UPDATE_DESCRIPTIONS=1 cargo test` writes them again.
#[test]
fn the_wiring_is_the_one_that_was_agreed() {
    let schemas = Arc::new(SchemaTable::with_current_schemas());
    for topology in topologies::every(&schemas).unwrap() {
        let path = Path::new("tests/scenarios").join(format!("{}.txt", topology.name()));
        let text = topology.describe().to_string();
        if std::env::var_os("UPDATE_DESCRIPTIONS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let agreed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, agreed, "{}", path.display());
    }
}

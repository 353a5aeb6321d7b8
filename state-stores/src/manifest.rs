//! How far a database's manifest is known to reach.
//!
//! RocksDB reads a manifest that is cut short as one whose end a crash took, and opens an earlier state without a word.
//! The changelog would bring that up to date, but nobody would learn that the disk loses data.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use streams::store::StoreError;

const REMEMBERED: &str = "SLUICE-MANIFEST";

/// Notes the manifest's present length. To be called after a flush, which made that length durable.
pub(crate) fn remember(database: &Path) -> io::Result<()> {
    let manifest = current(database)?;
    let length = fs::metadata(database.join(&manifest))?.len();
    let unfinished = database.join(REMEMBERED).with_extension("new");
    fs::write(&unfinished, format!("{manifest} {length}\n"))?;
    fs::rename(&unfinished, database.join(REMEMBERED))
}

/// Refuses a manifest that is shorter than it was once known to be.
pub(crate) fn check(database: &Path) -> Result<(), StoreError> {
    let Some((manifest, known)) = remembered(database) else {
        return Ok(());
    };
    // RocksDB begins a new manifest from time to time; nothing is known about that one yet.
    if current(database).ok().as_ref() != Some(&manifest) {
        return Ok(());
    }
    let path: PathBuf = database.join(&manifest);
    match fs::metadata(&path) {
        Ok(found) if found.len() >= known => Ok(()),
        Ok(found) => Err(StoreError::Corrupted(format!(
            "{} is cut short: {} of at least {known} bytes are left",
            path.display(),
            found.len()
        ))),
        // RocksDB itself finds and tells what is missing.
        Err(_) => Ok(()),
    }
}

fn current(database: &Path) -> io::Result<String> {
    Ok(fs::read_to_string(database.join("CURRENT"))?.trim_end().to_owned())
}

/// A note that a power failure left unreadable is none.
fn remembered(database: &Path) -> Option<(String, u64)> {
    let note = fs::read_to_string(database.join(REMEMBERED)).ok()?;
    let (manifest, length) = note.trim_end().split_once(' ')?;
    Some((manifest.to_owned(), length.parse().ok()?))
}

//! The version of the layout of a task directory, so that a program never reads what it does not understand.

use std::fs;
use std::path::Path;

use streams::store::StoreError;

use crate::error::from_io;
use crate::note;

/// The version that this program writes. Raise it when column families, positions or RocksDB's own files change in a
/// way that the previous program cannot read.
pub(crate) const FORMAT_VERSION: u32 = 2;

const PREFIX: &str = "sluice task state ";

/// Writes the version of a task directory that holds no database yet.
pub(crate) fn write(path: &Path) -> Result<(), StoreError> {
    note::write(path, &format!("{PREFIX}{FORMAT_VERSION}"))
}

/// Checks the version of a task directory that holds a database. Another version is refused and left untouched: its
/// changelogs are of another kind as well, so that nothing could bring an emptied state back.
pub(crate) fn check(path: &Path) -> Result<(), StoreError> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(from_io(&error, path)),
    };
    let version = text
        .trim()
        .strip_prefix(PREFIX)
        .and_then(|number| number.parse::<u32>().ok());
    match version {
        Some(FORMAT_VERSION) => Ok(()),
        Some(other) if other > 0 => Err(StoreError::Io(format!(
            "{} says format {other}, and this program reads format {FORMAT_VERSION}: start the program that wrote it \
             again, or let this one process everything again after `sluice offsets reset`",
            path.display()
        ))),
        _ => Err(StoreError::Corrupted(format!(
            "{} holds no known format version",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]

    use super::*;

    fn checked(content: &str) -> Result<(), StoreError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("format");
        fs::write(&path, content).unwrap();
        check(&path)
    }

    #[test]
    fn the_written_version_is_accepted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("format");
        write(&path).unwrap();
        assert_eq!(check(&path), Ok(()));
    }

    #[test]
    fn another_version_is_refused_with_advice_and_is_not_called_damage() {
        for content in ["sluice task state 1\n", "sluice task state 3\n"] {
            let error = checked(content).unwrap_err();
            assert!(matches!(error, StoreError::Io(text) if text.contains("offsets reset")));
        }
    }

    #[test]
    fn a_version_that_cannot_be_read_is_damage() {
        for content in ["", "\0\0\0\0", "sluice task state x", "sluice task state 0"] {
            assert!(matches!(checked(content), Err(StoreError::Corrupted(_))), "{content:?}");
        }
    }
}

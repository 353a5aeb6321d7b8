//! What a failure of RocksDB or of the file system means for the task: its fate, and a sentence on what to do.

use std::io;
use std::path::Path;

use rocksdb::ErrorKind;
use streams::store::StoreError;

/// The fate of an error of the database at `path`.
pub(crate) fn from_rocksdb(error: &rocksdb::Error, path: &Path) -> StoreError {
    from_parts(&error.kind(), error.as_ref(), path)
}

/// The fate of an error of the file system at `path`.
pub(crate) fn from_io(error: &io::Error, path: &Path) -> StoreError {
    failed(&error.to_string(), path)
}

/// A call that no correct topology makes. It is not damage: restoring the task would not help.
pub(crate) fn defect(what: impl std::fmt::Display) -> StoreError {
    StoreError::Io(format!("{what}; this is a defect of the program, not of the disk"))
}

fn from_parts(kind: &ErrorKind, text: &str, path: &Path) -> StoreError {
    let place = path.display();
    match kind {
        ErrorKind::Corruption => StoreError::Corrupted(format!("{text} in {place}")),
        ErrorKind::IOError if text.contains("While lock file") || text.contains("lock hold by current process") => {
            StoreError::Locked(format!("{text} in {place}"))
        }
        // The directory itself was just made or listed, so what is missing is a file that the database needs.
        ErrorKind::IOError if text.contains("No such file or directory") => {
            StoreError::Corrupted(format!("{text} in {place}"))
        }
        _ => failed(text, path),
    }
}

fn failed(text: &str, path: &Path) -> StoreError {
    let place = path.display();
    StoreError::Io(match advice(text) {
        Some(advice) => format!("{text} at {place}: {advice}"),
        None => format!("{text} at {place}"),
    })
}

fn advice(text: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 6] = [
        (
            "No space left",
            "free space on that disk or move the state directory to a larger one, then start again",
        ),
        (
            "quota exceeded",
            "raise the disk quota or move the state directory, then start again",
        ),
        (
            "Read-only file system",
            "remount that disk writable (a disk error may have made it read-only), then start again",
        ),
        (
            "Permission denied",
            "let the user of this process write there, then start again",
        ),
        (
            "Too many open files",
            "raise the limit of open files (ulimit -n), then start again",
        ),
        (
            "Input/output error",
            "the disk is failing: move the state directory to another one; the state is restored there",
        ),
    ];
    KNOWN
        .iter()
        .find(|(symptom, _)| text.contains(symptom))
        .map(|(_, sentence)| *sentence)
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

    fn fate(kind: &ErrorKind, text: &str) -> StoreError {
        from_parts(kind, text, Path::new("/state/0_1"))
    }

    #[test]
    fn a_checksum_that_does_not_match_is_damage() {
        let error = fate(&ErrorKind::Corruption, "Corruption: block checksum mismatch");
        assert!(matches!(error, StoreError::Corrupted(text) if text.contains("/state/0_1")));
    }

    #[test]
    fn a_table_file_that_is_gone_is_damage() {
        let error = fate(&ErrorKind::IOError, "IO error: No such file or directory: 000012.sst");
        assert!(matches!(error, StoreError::Corrupted(_)));
    }

    #[test]
    fn a_full_disk_is_not_damage_and_says_what_to_do() {
        let error = fate(
            &ErrorKind::IOError,
            "IO error: No space left on device: While appending",
        );
        assert!(matches!(error, StoreError::Io(text) if text.contains("free space")));
    }

    #[test]
    fn a_read_only_disk_is_not_damage_and_says_what_to_do() {
        let error = from_io(&io::Error::from(io::ErrorKind::ReadOnlyFilesystem), Path::new("/state"));
        assert!(matches!(error, StoreError::Io(text) if text.contains("/state")));
    }
}

//! One process per task directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use streams::store::StoreError;

use crate::error::from_io;

/// Longest process number that is read back from a lock file, in bytes.
const PID_BYTES_MAX: u64 = 20;

/// An exclusive lock on a task directory, given back when dropped or when the process ends in any way.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _held: File,
}

impl DirectoryLock {
    /// Takes the lock file at `path`, or says who holds it. Does not wait.
    pub(crate) fn acquire(path: &Path) -> Result<Self, StoreError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| from_io(&error, path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(path, &file)),
            Err(TryLockError::Error(error)) => return Err(from_io(&error, path)),
        }
        sign(&mut file).map_err(|error| from_io(&error, path))?;
        Ok(Self { _held: file })
    }
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn locked(path: &Path, file: &File) -> StoreError {
    let place = path.display();
    let mut pid = String::new();
    // The holder may be just writing its number; then the answer names the path alone.
    let read = file.take(PID_BYTES_MAX).read_to_string(&mut pid);
    match (read, pid.trim()) {
        (Ok(_), pid) if pid == std::process::id().to_string() => {
            StoreError::Locked(format!("{place} is held by this process itself ({pid})"))
        }
        (Ok(_), pid) if !pid.is_empty() => StoreError::Locked(format!("{place} is held by process {pid}")),
        _ => StoreError::Locked(format!("{place} is held by another process")),
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

    #[test]
    fn the_second_taker_is_told_who_holds_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = DirectoryLock::acquire(&path).unwrap();
        let error = DirectoryLock::acquire(&path).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        drop(held);
        DirectoryLock::acquire(&path).unwrap();
    }
}

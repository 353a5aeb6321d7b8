//! A line of text in a file that is there whole or not at all, also after a power failure.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use streams::store::StoreError;

use crate::error::from_io;

/// Writes `line` in the place of what the file has.
pub(crate) fn write(path: &Path, line: &str) -> Result<(), StoreError> {
    let unfinished = path.with_extension("new");
    let written = File::create(&unfinished)
        .and_then(|mut file| {
            writeln!(file, "{line}")?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error| from_io(&error, path))
}

//! Which log an application's state was made from.
//!
//! State is a copy of changelogs up to an offset. The offsets of two logs look alike: on top of another log, state would be wrong
//! without a word.

use std::fs;
use std::io;

use streams::store::StoreError;

use crate::directory::{StateDirectory, make};
use crate::error::from_io;
use crate::note;

const ORIGIN: &str = "log";

impl StateDirectory {
    /// The log that the state was made from, as it was noted; `None` before that.
    pub fn origin(&self) -> Result<Option<String>, StoreError> {
        let path = self.path().join(ORIGIN);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(from_io(&error, &path)),
        }
    }

    /// Notes it, in one line. To be called before the first task is opened.
    pub fn set_origin(&self, log: &str) -> Result<(), StoreError> {
        make(self.path())?;
        note::write(&self.path().join(ORIGIN), log)
    }
}

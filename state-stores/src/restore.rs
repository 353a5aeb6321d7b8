//! The fast way in for a restore: records sorted into a table file that RocksDB takes over as it is.

use std::path::{Path, PathBuf};

use rocksdb::{IngestExternalFileOptions, SstFileWriter};
use streams::StoreIndex;
use streams::store::{StoreError, StoreWrite};

use crate::database::Database;

/// Brings `writes`, all of one store, into the database. Durable when it returns, and newer than all that was there.
/// Doing the same again changes nothing.
pub(crate) fn ingest(
    database: &Database,
    store: StoreIndex,
    mut writes: Vec<StoreWrite<'_>>,
    scratch: &Path,
) -> Result<(), StoreError> {
    sort_latest(&mut writes);
    let file = scratch.join(format!("{}.sst", store.0));
    write_file(database, &writes, &file)?;
    let mut options = IngestExternalFileOptions::default();
    options.set_move_files(true);
    database
        .db()
        .ingest_external_file_cf_opts(database.family(store)?, &options, vec![file])
        .map_err(|error| database.fate(&error))
}

/// Ascending by key, and of each key only the last write.
fn sort_latest(writes: &mut Vec<StoreWrite<'_>>) {
    writes.sort_by(|left, right| left.key.cmp(right.key));
    // `dedup_by` keeps the first of equal neighbours, so the later one is copied into it.
    writes.dedup_by(|later, kept| {
        let same = later.key == kept.key;
        if same {
            *kept = *later;
        }
        same
    });
}

fn write_file(
    database: &Database,
    writes: &[StoreWrite<'_>],
    file: &PathBuf,
) -> Result<(), StoreError> {
    let mut writer = SstFileWriter::create(database.options());
    let fate = |error: rocksdb::Error| database.fate(&error);
    writer.open(file).map_err(fate)?;
    for write in writes {
        match write.value {
            Some(value) => writer.put(write.key, value),
            None => writer.delete(write.key),
        }
        .map_err(fate)?;
    }
    writer.finish().map_err(fate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_writes_to_the_same_key_the_last_one_stays() {
        let write = |key, value| StoreWrite {
            store: StoreIndex(0),
            key,
            value,
        };
        let mut writes = vec![
            write(&b"b"[..], Some(&b"1"[..])),
            write(b"a", Some(b"2")),
            write(b"b", Some(b"3")),
            write(b"b", None),
            write(b"", Some(b"4")),
        ];
        sort_latest(&mut writes);
        let kept: Vec<_> = writes
            .iter()
            .map(|write| (write.key, write.value))
            .collect();
        assert_eq!(
            kept,
            [
                (&b""[..], Some(&b"4"[..])),
                (b"a", Some(b"2")),
                (b"b", None)
            ]
        );
    }
}

//! State on disk: RocksDB behind the engine's [`KeyValueStore`](streams::store::KeyValueStore) port.
//!
//! One [`StateDirectory`] per application, one database per task, one column family per store. All databases of a
//! process share one [`StoreMemory`]. The order of use: make a [`StoreMemory`], make a [`StateDirectory`], open tasks.
//!
//! The write-ahead log is off, because the changelog topic is the log. What survives a crash is therefore a prefix of
//! the committed batches, and the positions say exactly which: they are part of every batch, and memtables of all
//! column families are flushed together.
//!
//! ```text
//! <root>/<application id>/log              the log that all of it was made from
//!                        /0_3/lock         held while the task is open, names the process
//!                        /0_3/format       version of everything below
//!                        /0_3/rocksdb/     the database
//!                        /0_3/scratch/     files on their way into the database or out; emptied at open
//!                        /quarantine/0_3-1 a database that was damaged
//! ```

mod database;
mod directory;
mod error;
mod flusher;
mod format;
mod lock;
mod manifest;
mod memory;
mod note;
mod options;
mod origin;
mod positions;
mod restore;
mod snapshot;
mod store;

pub use directory::{QUARANTINED_MAX, StateDirectory, TaskOnDisk};
pub use memory::{StoreBudget, StoreMemory, StoreStatistics};
pub use snapshot::StoreSnapshot;
pub use store::RocksDbStore;

//! What a broker consists of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use super::EmbeddedOptions;
use super::database::{Database, DirectoryLock};
use super::membership::Group;
use super::sequencer::{Order, Synced};
use super::topics::Topic;

/// What all holders of a broker share, those in the background included. Locks are taken in the order of the fields `order`,
/// `synced`, `groups`, `topics`, `database`.
#[derive(Debug)]
pub struct Inside {
    pub(super) dir: PathBuf,
    pub(super) options: EmbeddedOptions,
    pub(super) order: Mutex<Order>,
    pub(super) synced: Mutex<Synced>,
    pub(super) groups: Mutex<BTreeMap<String, Group>>,
    pub(super) topics: RwLock<BTreeMap<String, Arc<Topic>>>,
    /// `None` after a failed attempt to open it again, and for good once it is closed.
    pub(super) database: RwLock<Option<Database>>,
    /// Number of the last write since the start.
    pub(super) written: AtomicU64,
    /// Counts the failures of the database: what was read or written in an earlier epoch may be gone.
    pub(super) epoch: AtomicU64,
    pub(super) failed: AtomicBool,
    pub(super) closed: AtomicBool,
    pub(super) next_member: AtomicU64,
    pub(super) opened_ms: i64,
    /// Given up after the database.
    pub(super) directory: Mutex<Option<DirectoryLock>>,
}

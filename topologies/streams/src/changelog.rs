//! How the stores of a task share one changelog.
//!
//! Whatever a transaction touches costs the broker a request, an entry in its transaction log and a marker. Therefore a
//! task has one changelog, not one for each store: the store's name and a zero byte lead each key. And therefore what a
//! commit says about itself is the last record of its transaction in the same partition: everything up to a commit record
//! is whole, and whatever stands after the last one is not.

use crate::layout::{Layout, TaskLayout};
use crate::record::StoreIndex;
use crate::store::StoreWrite;

/// The key of a task's commit record. No store has an empty name.
pub const COMMIT_RECORD_KEY: &[u8] = b"\0commit";

/// Ends the store's name in a key. No name of a store contains it.
const NAME_END: u8 = 0;

/// The key of an entry of `store`.
#[must_use]
pub fn changelog_key(store: &str, key: &[u8]) -> Vec<u8> {
    [store.as_bytes(), &[NAME_END], key].concat()
}

/// The store's name and its own key, or `None` for a key that is in no store: the commit record's.
#[must_use]
pub fn split_changelog_key(key: &[u8]) -> Option<(&str, &[u8])> {
    let end = key.iter().position(|byte| *byte == NAME_END).filter(|end| *end > 0)?;
    let (name, rest) = key.split_at_checked(end)?;
    Some((std::str::from_utf8(name).ok()?, rest.get(1..)?))
}

/// The stores of one task by the names that lead their keys.
#[derive(Debug, Clone)]
pub struct ChangelogStores {
    prefixes: Vec<(StoreIndex, Vec<u8>)>,
}

impl ChangelogStores {
    /// The stores of `task`, which is one of `layout`.
    #[must_use]
    pub fn of(layout: &Layout, task: &TaskLayout) -> Self {
        let prefix = |store: &StoreIndex| {
            let name = layout.stores.get(usize::from(store.0))?;
            Some((*store, changelog_key(name, &[])))
        };
        Self {
            prefixes: task.stores.iter().filter_map(prefix).collect(),
        }
    }

    /// What leads the keys of each store.
    pub fn prefixes(&self) -> impl Iterator<Item = (StoreIndex, &[u8])> {
        self.prefixes.iter().map(|(store, prefix)| (*store, prefix.as_slice()))
    }

    /// What a changelog record does to a store. `None` for a commit record, and for a store that the task has no more.
    #[must_use]
    pub fn write<'a>(&self, key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Option<StoreWrite<'a>> {
        let key = key?;
        let own = |(store, prefix): &(StoreIndex, Vec<u8>)| Some((*store, key.strip_prefix(prefix.as_slice())?));
        let (store, key) = self.prefixes.iter().find_map(own)?;
        Some(StoreWrite { store, key, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stores() -> ChangelogStores {
        ChangelogStores {
            prefixes: vec![
                (StoreIndex(3), changelog_key("orders", &[])),
                (StoreIndex(5), changelog_key("order", &[])),
            ],
        }
    }

    #[test]
    fn a_key_leads_back_to_its_store_even_where_one_name_begins_with_another() {
        for (name, index) in [("orders", 3), ("order", 5)] {
            let key = changelog_key(name, b"a\0b");
            assert_eq!(split_changelog_key(&key), Some((name, &b"a\0b"[..])));
            let write = stores().write(Some(&key), Some(b"v"));
            assert_eq!(
                write.map(|write| (write.store, write.key, write.value)),
                Some((StoreIndex(index), &b"a\0b"[..], Some(&b"v"[..])))
            );
        }
    }

    #[test]
    fn a_commit_record_and_a_store_that_is_gone_change_nothing() {
        assert_eq!(split_changelog_key(COMMIT_RECORD_KEY), None);
        assert!(stores().write(Some(COMMIT_RECORD_KEY), Some(b"v")).is_none());
        assert!(stores().write(Some(&changelog_key("gone", b"k")), None).is_none());
        assert!(stores().write(None, None).is_none());
    }
}

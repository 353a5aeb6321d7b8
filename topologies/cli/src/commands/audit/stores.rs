//! The stores on this machine, held against their changelogs.

use std::collections::BTreeSet;

use state_stores::{StateDirectory, StoreSnapshot};
use streams::changelog::{ChangelogStores, changelog_key, split_changelog_key};
use streams::log::StoredRecord;
use streams::store::{KeyRange, StoreError};
use streams::{Layout, StoreIndex, TaskId, TaskLayout};

use super::changelogs::Changelog;
use super::go_on;
use super::report::Report;
use super::scratch::{About, Scratch};

const STORE: &str = "store";

/// The tasks of one topology that have state in the state directory.
pub(super) struct LocalStates<'a> {
    layout: &'a Layout,
    directory: StateDirectory,
    tasks: BTreeSet<TaskId>,
}

impl<'a> LocalStates<'a> {
    pub(super) fn find(layout: &'a Layout, directory: StateDirectory) -> anyhow::Result<Self> {
        let tasks = directory.tasks()?.into_iter().map(|found| found.task).collect();
        Ok(Self {
            layout,
            directory,
            tasks,
        })
    }

    /// The task's state; `None` when there is none here, and when it cannot be looked at, which is noted.
    pub(super) fn open(&self, task: &TaskLayout, changelog: &Changelog<'_>, report: &mut Report) -> Option<LocalState> {
        if !self.tasks.contains(&task.id) {
            return None;
        }
        let name = |store: &StoreIndex| Some((*store, self.layout.stores.get(usize::from(store.0))?.clone()));
        let stores: Vec<(StoreIndex, String)> = task.stores.iter().filter_map(name).collect();
        match self.directory.open_read_only(task.id, &stores) {
            Ok(snapshot) => LocalState::new(self.layout, task, snapshot, stores),
            Err(error) => {
                unusable(&error, changelog, report);
                None
            }
        }
    }
}

/// The state of one task as it is on disk, and where the records of its changelog are in the scratch.
pub(super) struct LocalState {
    snapshot: StoreSnapshot,
    stores: Vec<(StoreIndex, String)>,
    /// Up to where in the changelog it says that it has everything.
    position: i64,
    own: ChangelogStores,
    /// Leads the newest record of each key up to the position.
    until: Vec<u8>,
    /// Leads the keys that come again behind it: compaction may have taken what was there before.
    again: Vec<u8>,
}

impl LocalState {
    /// `None` for state that names no position: it begins anew when it is opened.
    fn new(
        layout: &Layout,
        task: &TaskLayout,
        snapshot: StoreSnapshot,
        stores: Vec<(StoreIndex, String)>,
    ) -> Option<Self> {
        let lead = |about: About| {
            let place = format!("{}/{}", layout.application_id, task.id);
            [&[about as u8], place.as_bytes(), &[0]].concat()
        };
        Some(Self {
            position: snapshot.positions().changelog?,
            snapshot,
            stores,
            own: ChangelogStores::of(layout, task),
            until: lead(About::Logged),
            again: lead(About::LoggedAgain),
        })
    }

    /// Whether the changelog reaches as far as the state; notes it when it does not.
    pub(super) fn is_within(&self, end: i64, changelog: &Changelog<'_>, report: &mut Report) -> bool {
        let position = self.position;
        if position > end {
            let found = format!("the state stands at {position}, beyond the end of its changelog, {end}");
            changelog.note(report, STORE, None, end, found);
        }
        position <= end
    }

    /// Keeps a record of the changelog in the scratch.
    pub(super) fn sort(&self, record: &StoredRecord<'_>, scratch: &mut Scratch) -> anyhow::Result<()> {
        let is_own = self.own.write(record.key, record.value).is_some();
        let Some(key) = record.key.filter(|_| is_own) else {
            return Ok(());
        };
        if record.offset >= self.position {
            return scratch.put(led(&self.again, key), Some(Vec::new()));
        }
        let offset = record.offset.to_be_bytes();
        let value = record.value.map(|value| [&offset[..], value].concat());
        scratch.put(led(&self.until, key), value)
    }

    /// Compares all stores with what was sorted, up to the position that they name themselves.
    pub(super) fn compare(
        &self,
        changelog: &Changelog<'_>,
        scratch: &Scratch,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        report.stores += u64::try_from(self.stores.len()).unwrap_or(0);
        let comparison = Comparison {
            state: self,
            changelog,
            scratch,
        };
        let compared = comparison
            .find_too_much(report)
            .and_then(|()| comparison.find_missing(report));
        let Err(error) = compared else { return Ok(()) };
        match error.downcast_ref::<StoreError>() {
            Some(error) => {
                unusable(error, changelog, report);
                Ok(())
            }
            None => Err(error),
        }
    }
}

/// Notes state that cannot be looked at: damage is a finding, the rest says nothing about the state.
fn unusable(error: &StoreError, changelog: &Changelog<'_>, report: &mut Report) {
    match error {
        StoreError::Locked(_) | StoreError::Io(_) => report.unchecked(error.to_string()),
        StoreError::Corrupted(cause) => {
            let found = format!(
                "{cause}; an instance that opens it restores it from the changelog, and so does one that finds this directory \
                 removed (remove it while no instance runs here)"
            );
            changelog.note(report, STORE, None, 0, found);
        }
    }
}

struct Comparison<'a> {
    state: &'a LocalState,
    changelog: &'a Changelog<'a>,
    scratch: &'a Scratch,
}

impl Comparison<'_> {
    /// Entries that the changelog has otherwise, or not at all.
    fn find_too_much(&self, report: &mut Report) -> anyhow::Result<()> {
        for (index, name) in &self.state.stores {
            let mut failed = Ok(());
            self.state.snapshot.range(*index, KeyRange::all(), &mut |key, value| {
                go_on(self.find(name, key, value, report), &mut failed)
            })?;
            failed?;
        }
        Ok(())
    }

    fn find(&self, store: &str, key: &[u8], value: &[u8], report: &mut Report) -> anyhow::Result<()> {
        let logged_key = changelog_key(store, key);
        let logged = self.scratch.get(&led(&self.state.until, &logged_key))?;
        match logged.as_deref().and_then(parts) {
            Some((_, logged)) if logged == value => {}
            Some((offset, _)) => self.differs(store, key, offset, "its value differs", report),
            None if self.scratch.get(&led(&self.state.again, &logged_key))?.is_some() => {}
            None => self.differs(
                store,
                key,
                self.state.position,
                "the changelog does not have it",
                report,
            ),
        }
        Ok(())
    }

    /// Entries of the changelog that the store does not have.
    fn find_missing(&self, report: &mut Report) -> anyhow::Result<()> {
        let until = self.state.until.as_slice();
        self.scratch.scan(until, |key, value| {
            let Some((name, own_key)) = key.strip_prefix(until).and_then(split_changelog_key) else {
                return Ok(());
            };
            let index = self.state.stores.iter().find(|(_, store)| store == name);
            let (Some((index, _)), Some((offset, _))) = (index, parts(value)) else {
                return Ok(());
            };
            if !self.state.snapshot.get(*index, own_key, &mut |_| {})? {
                self.differs(name, own_key, offset, "the store does not have it", report);
            }
            Ok(())
        })
    }

    fn differs(&self, store: &str, key: &[u8], offset: i64, what: &str, report: &mut Report) {
        let found = format!("key {}: {what}", String::from_utf8_lossy(key));
        self.changelog.note(report, STORE, Some(store), offset, found);
    }
}

fn led(lead: &[u8], key: &[u8]) -> Vec<u8> {
    [lead, key].concat()
}

/// The offset and the value of an entry of the scratch.
fn parts(value: &[u8]) -> Option<(i64, &[u8])> {
    let (offset, value) = value.split_first_chunk()?;
    Some((i64::from_be_bytes(*offset), value))
}

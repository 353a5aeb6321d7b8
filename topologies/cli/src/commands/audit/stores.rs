//! The stores on this machine, held against their changelogs.

use std::ops::ControlFlow;

use commerce::audit::Place;
use state_stores::{StateDirectory, StoreBudget, StoreMemory, StoreSnapshot};
use streams::changelog::{ChangelogStores, changelog_key, split_changelog_key};
use streams::log::{LogReader, StoredRecord};
use streams::store::{KeyRange, StoreError};
use streams::{Layout, StoreIndex, TaskLayout};

use super::changelogs::changelog_of;
use super::report::Report;
use super::scratch::{About, Scratch};
use crate::commands::topology;
use crate::platform::{self, Platform};
use crate::settings::Settings;

const STORE: &str = "store";

/// Checks every task that has state in the state directory.
pub(super) fn check(
    platform: &dyn Platform,
    reader: &mut dyn LogReader,
    settings: &Settings,
    scratch: &mut Scratch,
    report: &mut Report,
) -> anyhow::Result<()> {
    let memory = StoreMemory::new(StoreBudget::default())?;
    for topology in topology::all()? {
        let layout = platform::place(platform, settings, &topology)?;
        let root = settings.state_dir().join("state");
        let states = StateDirectory::new(&root, &layout.application_id, memory.clone())?;
        for found in states.tasks()? {
            let Some(task) = layout.task(found.task) else { continue };
            let compared = compare(reader, &layout, task, &states, scratch, report);
            match compared {
                Ok(()) => {}
                Err(error) => match error.downcast_ref::<StoreError>() {
                    Some(cause @ (StoreError::Locked(_) | StoreError::Io(_))) => report.unchecked(cause.to_string()),
                    Some(StoreError::Corrupted(cause)) => {
                        let changelog = task.changelog.and_then(|topic| layout.topic(topic));
                        let name = changelog.map_or("", |topic| topic.name.as_str());
                        report.add(STORE, &task.id.to_string(), name, place(task, 0), cause.clone());
                    }
                    None => return Err(error),
                },
            }
        }
    }
    Ok(())
}

/// Compares all stores of a task, up to the position that they name themselves.
fn compare(
    reader: &mut dyn LogReader,
    layout: &Layout,
    task: &TaskLayout,
    states: &StateDirectory,
    scratch: &mut Scratch,
    report: &mut Report,
) -> anyhow::Result<()> {
    let name = |store: &StoreIndex| Some((*store, layout.stores.get(usize::from(store.0))?.clone()));
    let stores: Vec<(StoreIndex, String)> = task.stores.iter().filter_map(name).collect();
    let store = states.open_read_only(task.id, &stores)?;
    let (Some(position), Some((changelog, (first, end)))) =
        (store.positions().changelog, changelog_of(reader, layout, task)?)
    else {
        return Ok(());
    };
    if position > end {
        let found = format!("the state stands at {position}, beyond the end of its changelog, {end}");
        report.add(STORE, &task.id.to_string(), &changelog, place(task, end), found);
        return Ok(());
    }
    let keys = Keys::of(layout, task);
    let partition = task.id.partition;
    let mut failure = Ok(());
    reader.read(&changelog, partition, first, end, &mut |record| {
        failure = keys.sort(&record, position, scratch);
        if failure.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    failure?;
    scratch.finish()?;
    report.stores += u64::try_from(stores.len()).unwrap_or(0);
    let comparison = Comparison {
        task,
        changelog: &changelog,
        position,
        store: &store,
        scratch,
        keys: &keys,
    };
    comparison.find_too_much(&stores, report)?;
    comparison.find_missing(&stores, report)
}

/// Where the records of one task's changelog are in the scratch.
struct Keys {
    own: ChangelogStores,
    /// Leads the newest record of each key up to the state's position.
    until: Vec<u8>,
    /// Leads the keys that come again behind it: compaction may have taken what was there before.
    again: Vec<u8>,
}

impl Keys {
    fn of(layout: &Layout, task: &TaskLayout) -> Self {
        let lead = |about: About| {
            let place = format!("{}/{}", layout.application_id, task.id);
            [&[about as u8], place.as_bytes(), &[0]].concat()
        };
        Self {
            own: ChangelogStores::of(layout, task),
            until: lead(About::Logged),
            again: lead(About::LoggedAgain),
        }
    }

    fn sort(&self, record: &StoredRecord<'_>, position: i64, scratch: &mut Scratch) -> anyhow::Result<()> {
        let is_own = self.own.write(record.key, record.value).is_some();
        let Some(key) = record.key.filter(|_| is_own) else {
            return Ok(());
        };
        if record.offset >= position {
            return scratch.put(led(&self.again, key), Some(Vec::new()));
        }
        let offset = record.offset.to_be_bytes();
        let value = record.value.map(|value| [&offset[..], value].concat());
        scratch.put(led(&self.until, key), value)
    }
}

fn led(lead: &[u8], key: &[u8]) -> Vec<u8> {
    [lead, key].concat()
}

struct Comparison<'a> {
    task: &'a TaskLayout,
    changelog: &'a str,
    position: i64,
    store: &'a StoreSnapshot,
    scratch: &'a Scratch,
    keys: &'a Keys,
}

impl Comparison<'_> {
    /// Entries that the changelog has otherwise, or not at all.
    fn find_too_much(&self, stores: &[(StoreIndex, String)], report: &mut Report) -> anyhow::Result<()> {
        for (index, name) in stores {
            let mut failure = Ok(());
            self.store.range(*index, KeyRange::all(), &mut |key, value| {
                failure = self.find(name, key, value, report);
                if failure.is_ok() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            failure?;
        }
        Ok(())
    }

    fn find(&self, store: &str, key: &[u8], value: &[u8], report: &mut Report) -> anyhow::Result<()> {
        let logged_key = changelog_key(store, key);
        let logged = self.scratch.get(&led(&self.keys.until, &logged_key))?;
        match logged.as_deref().and_then(parts) {
            Some((_, logged)) if logged == value => {}
            Some((offset, _)) => self.differs(store, key, offset, "its value differs", report),
            None if self.scratch.get(&led(&self.keys.again, &logged_key))?.is_some() => {}
            None => self.differs(store, key, self.position, "the changelog does not have it", report),
        }
        Ok(())
    }

    /// Entries of the changelog that the store does not have.
    fn find_missing(&self, stores: &[(StoreIndex, String)], report: &mut Report) -> anyhow::Result<()> {
        self.scratch.scan(&self.keys.until, |key, value| {
            let Some((name, own_key)) = key
                .strip_prefix(self.keys.until.as_slice())
                .and_then(split_changelog_key)
            else {
                return Ok(());
            };
            let index = stores.iter().find(|(_, store)| store == name).map(|(index, _)| *index);
            let (Some(index), Some((offset, _))) = (index, parts(value)) else {
                return Ok(());
            };
            if !self.store.get(index, own_key, &mut |_| {})? {
                self.differs(name, own_key, offset, "the store does not have it", report);
            }
            Ok(())
        })
    }

    fn differs(&self, store: &str, key: &[u8], offset: i64, what: &str, report: &mut Report) {
        let subject = format!("{}/{store}", self.task.id);
        let found = format!("key {}: {what}", String::from_utf8_lossy(key));
        report.add(STORE, &subject, self.changelog, place(self.task, offset), found);
    }
}

/// The offset and the value of an entry of the scratch.
fn parts(value: &[u8]) -> Option<(i64, &[u8])> {
    let (offset, value) = value.split_first_chunk()?;
    Some((i64::from_be_bytes(*offset), value))
}

fn place(task: &TaskLayout, offset: i64) -> Place {
    Place {
        partition: task.id.partition,
        offset,
    }
}

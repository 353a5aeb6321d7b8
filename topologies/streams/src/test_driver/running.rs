//! Records in the order of their coming, commits, and crashes.

use std::sync::Arc;

use super::{Driven, DriverError, Stored, TopologyTestDriver, open};
use crate::changelog::ChangelogStores;
use crate::commit::{ChangelogEnd, Commit, InputOffset};
use crate::layout::{Layout, TaskLayout};
use crate::memory_store::MemoryStore;
use crate::record::{InputRecord, OutputRecord, TopicIndex};
use crate::store::KeyValueStore;

impl TopologyTestDriver {
    /// Processes the oldest waiting record of all tasks. Answers whether there was one.
    pub(super) fn step(&mut self) -> Result<bool, DriverError> {
        let Some((deployed, task, topic, stored, partition, offset)) = self.oldest() else {
            return Ok(false);
        };
        let now_ms = self.now_ms;
        let Some(driven) = self
            .deployed
            .get_mut(deployed)
            .and_then(|deployed| deployed.tasks.get_mut(task))
        else {
            return Ok(false);
        };
        let record = InputRecord {
            topic,
            partition,
            offset,
            timestamp_ms: stored.timestamp_ms,
            key: stored.key.as_deref(),
            value: stored.value.as_deref(),
            headers: stored.headers.clone(),
        };
        driven.task.process(&record, now_ms)?;
        driven.task.punctuate(now_ms)?;
        driven.next.insert(topic, offset + 1);
        if self.autocommit {
            self.commit_task(deployed, task)?;
        }
        Ok(true)
    }

    fn oldest(&self) -> Option<(usize, usize, TopicIndex, Stored, i32, i64)> {
        let mut oldest: Option<(usize, usize, TopicIndex, &Stored, i32, i64)> = None;
        for (at, deployed) in self.deployed.iter().enumerate() {
            for (task, driven) in deployed.tasks.iter().enumerate() {
                for (topic, next) in &driven.next {
                    let partition = driven.task.id().partition;
                    let name = &deployed.layout.topic(*topic)?.name;
                    let log = self
                        .topics
                        .get(name)
                        .and_then(|logs| logs.get(usize::try_from(partition).ok()?));
                    let stored = log.and_then(|log| log.get(usize::try_from(*next).ok()?));
                    let Some(stored) = stored else { continue };
                    if oldest.is_none_or(|(.., best, _, _)| stored.number < best.number) {
                        oldest = Some((at, task, *topic, stored, partition, *next));
                    }
                }
            }
        }
        oldest.map(|(at, task, topic, stored, partition, next)| (at, task, topic, stored.clone(), partition, next))
    }

    pub(super) fn punctuate(&mut self) -> Result<(), DriverError> {
        let now_ms = self.now_ms;
        for driven in self.deployed.iter_mut().flat_map(|deployed| &mut deployed.tasks) {
            while driven.task.punctuate(now_ms)? {}
        }
        if self.autocommit { self.commit_all() } else { Ok(()) }
    }

    pub(super) fn commit_all(&mut self) -> Result<(), DriverError> {
        for deployed in 0..self.deployed.len() {
            let tasks = self.deployed.get(deployed).map_or(0, |deployed| deployed.tasks.len());
            for task in 0..tasks {
                self.commit_task(deployed, task)?;
            }
        }
        Ok(())
    }

    fn commit_task(&mut self, deployed: usize, task: usize) -> Result<(), DriverError> {
        let Some(owner) = self.deployed.get_mut(deployed) else {
            return Ok(());
        };
        let layout = Arc::clone(&owner.layout);
        let Some(driven) = owner.tasks.get_mut(task).filter(|driven| driven.task.has_uncommitted()) else {
            return Ok(());
        };
        let commit = driven.task.prepare_commit();
        let end = self.append_commit(&layout, &commit);
        let driven = self
            .deployed
            .get_mut(deployed)
            .and_then(|owner| owner.tasks.get_mut(task));
        driven
            .map_or(Ok(()), |driven| driven.task.post_commit(commit, end))
            .map_err(DriverError::from)
    }

    fn append_commit(&mut self, layout: &Layout, commit: &Commit) -> ChangelogEnd {
        let mut changelog_end = None;
        for record in commit.outputs.iter().chain(commit.changelog.iter()) {
            let Some(topic) = layout.topic(record.topic) else {
                continue;
            };
            let end = self.append_at(&topic.name, record.partition, stored(&record));
            if Some(record.topic) == commit.changelog_topic {
                changelog_end = Some(end);
            }
        }
        changelog_end
    }

    pub(super) fn crash_topology(&mut self, at: usize, wipe: bool) -> Result<(), DriverError> {
        let Some(mut deployed) = self
            .deployed
            .get_mut(at)
            .map(|deployed| std::mem::take(&mut deployed.tasks))
        else {
            return Ok(());
        };
        for driven in &mut deployed {
            let own = self
                .deployed
                .get(at)
                .and_then(|owner| owner.layout.task(driven.task.id()).cloned());
            let (Some(owner), Some(own)) = (self.deployed.get(at), own) else {
                continue;
            };
            let store = if wipe {
                self.rebuilt(&owner.layout, &own, driven)?
            } else {
                Arc::clone(&driven.store)
            };
            let inputs: Vec<InputOffset> = driven.task.committed_inputs().collect();
            let sequence = driven.task.sequence();
            let opened = open(
                &owner.topology,
                &owner.layout,
                &own,
                store,
                &inputs,
                sequence,
                self.options.limits,
            );
            if let Some(opened) = opened {
                *driven = opened;
            }
        }
        if let Some(owner) = self.deployed.get_mut(at) {
            owner.tasks = deployed;
        }
        Ok(())
    }

    fn rebuilt(&self, layout: &Layout, own: &TaskLayout, lost: &Driven) -> Result<Arc<MemoryStore>, DriverError> {
        let store = Arc::new(MemoryStore::default());
        let stores = ChangelogStores::of(layout, own);
        let changelog = own
            .changelog
            .and_then(|topic| self.topics.get(&layout.topic(topic)?.name));
        let log = changelog.and_then(|logs| logs.get(usize::try_from(own.id.partition).ok()?));
        let mut writes = log
            .into_iter()
            .flatten()
            .filter_map(|stored| stores.write(stored.key.as_deref(), stored.value.as_deref()));
        store.write(&mut writes, &lost.store.positions())?;
        Ok(store)
    }
}

fn stored(record: &OutputRecord<'_>) -> Stored {
    Stored {
        number: 0,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        timestamp_ms: record.timestamp_ms,
        headers: record.headers.clone(),
    }
}

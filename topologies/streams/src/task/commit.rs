//! What a task did since its last commit, as a value; and what it does when that has become true or has not.

use planted::Bug;

use super::{InputProgress, Task};
use crate::commit::{ChangelogEnd, Commit, InputOffset};
use crate::overlay::ChangelogPlace;
use crate::record::{OutputBuffer, TopicIndex};
use crate::store::StoreError;

impl Task {
    /// Everything since the last commit as a value. Until [`post_commit`](Self::post_commit) or [`abort`](Self::abort)
    /// is called with its outcome, the task must not be given anything else to do.
    pub fn prepare_commit(&mut self) -> Commit {
        let (spare, mut changelog) = std::mem::take(&mut self.spare);
        self.write_changelog(&mut changelog);
        if planted::is(Bug::StoredBeforeCommit) {
            let changes = changelog.iter();
            let mut writes = changes.filter_map(|record| self.changelog_stores.write(record.key, record.value));
            drop(self.committed.write(&mut writes, &self.positions));
        }
        let changed = |(_, progress): &(&TopicIndex, &InputProgress)| progress.processed != progress.committed;
        let offset = |(topic, progress): (&TopicIndex, &InputProgress)| InputOffset {
            topic: *topic,
            partition: self.own.id.partition,
            next: progress.processed - i64::from(planted::is(Bug::OffsetTooLow))
                + i64::from(planted::is(Bug::OffsetTooHigh)),
        };
        Commit {
            task: self.own.id,
            sequence: self.positions.sequence + u64::from(!changelog.is_empty() && !planted::is(Bug::CommitsUncounted)),
            offsets: self.inputs.iter().filter(changed).map(offset).collect(),
            outputs: std::mem::replace(&mut self.state.outputs, spare),
            sent: self.sent,
            changelog,
            changelog_topic: self.own.changelog,
            changelog_before: self.positions.changelog,
            stream_time_ms: self.state.stream_time_ms,
        }
    }

    /// The commit is in the log: writes data and positions to the store in one batch.
    ///
    /// An error means that the store is behind the log; the task must be closed and restored, which replays exactly the gap.
    pub fn post_commit(&mut self, commit: Commit, end: ChangelogEnd) -> Result<(), StoreError> {
        self.positions.sequence = commit.sequence;
        self.positions.stream_time_ms = commit.stream_time_ms;
        self.positions.changelog = end.or(self.positions.changelog);
        self.sent = 0;
        if !commit.changelog.is_empty() && !planted::is(Bug::DataNotStored) {
            let mut writes = commit
                .changelog
                .iter()
                .filter_map(|record| self.changelog_stores.write(record.key, record.value));
            self.committed.write(&mut writes, &self.positions)?;
        }
        for offset in &commit.offsets {
            if let Some(progress) = self.inputs.get_mut(&offset.topic) {
                progress.committed = offset.next;
            }
        }
        self.state
            .stores
            .iter_mut()
            .flatten()
            .for_each(|store| store.committed());
        self.recycle(commit);
        Ok(())
    }

    /// The commit did not happen: forgets everything uncommitted. The shell reads the inputs again from their committed offsets.
    pub fn abort(&mut self) {
        self.state.outputs.clear();
        self.sent = 0;
        if !planted::is(Bug::OverlayKept) {
            self.state.stores.iter_mut().flatten().for_each(|store| store.aborted());
        }
        self.state.stream_time_ms = self.positions.stream_time_ms;
        self.timers.iter_mut().for_each(|queue| queue.earliest_ms = i64::MIN);
        self.inputs
            .values_mut()
            .for_each(|progress| progress.processed = progress.committed);
    }

    /// Sets the offsets that the inputs are read from.
    pub fn rewind(&mut self, inputs: &[InputOffset]) {
        for input in inputs {
            self.inputs.insert(
                input.topic,
                InputProgress {
                    processed: input.next,
                    committed: input.next,
                },
            );
        }
    }

    /// The committed next offset of each input.
    pub fn committed_inputs(&self) -> impl Iterator<Item = InputOffset> {
        let partition = self.own.id.partition;
        self.inputs.iter().map(move |(topic, progress)| InputOffset {
            topic: *topic,
            partition,
            next: progress.committed,
        })
    }

    fn write_changelog(&self, out: &mut OutputBuffer) {
        let Some(topic) = self.own.changelog else { return };
        for (store, prefix) in self.changelog_stores.prefixes() {
            let place = ChangelogPlace {
                topic,
                partition: self.own.id.partition,
                prefix,
                timestamp_ms: self.state.stream_time_ms.max(0),
            };
            if planted::is(Bug::StoreNotLogged) && store.0 % 2 == 0 {
                continue;
            }
            if let Some(Some(overlay)) = self.state.stores.get(usize::from(store.0)) {
                overlay.write_changelog(&place, out);
            }
        }
    }

    fn recycle(&mut self, mut commit: Commit) {
        commit.outputs.clear();
        commit.changelog.clear();
        self.spare = (commit.outputs, commit.changelog);
    }
}

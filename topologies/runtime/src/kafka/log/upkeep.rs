//! What a thread does beside its records: renewing, replacing, looking for brokers.

use std::time::{Duration, Instant};

use planted::Bug;
use streams::LogError;
use streams::log::Event;

use super::orphans::Own;
use super::{KafkaLog, closed};
use crate::kafka::port::{GroupMembership, KafkaClient, KafkaConsumer};

/// Brokers forget the offsets of idle partitions after a week, since the group does not subscribe to their topics.
/// They are committed again this long after a start and then once a day.
pub(super) const RECOMMIT_AFTER_START: Duration = Duration::from_secs(10);
const RECOMMIT_INTERVAL: Duration = Duration::from_hours(24);
/// A failed renewal is repeated after this time.
const RECOMMIT_RETRY: Duration = Duration::from_mins(1);
/// While no broker can be reached one is looked for this often, and for so long at a time.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const PROBE_WAIT: Duration = Duration::from_millis(100);
/// Leaving a group that has tasks without owner takes no longer.
const LEAVE_WAIT: Duration = Duration::from_secs(5);

impl<C: KafkaClient> KafkaLog<C> {
    /// Renews idle offsets, replaces producers that were given up, and looks for a broker while none was to be reached.
    /// [`LogError::Migrated`] after it has left its group, in which some tasks had no owner or this thread not its own.
    pub(super) fn maintain(&mut self) -> Result<(), LogError> {
        let now = self.machine.instant();
        if self.recommit_at.is_some_and(|at| at <= now) && self.may_recommit() {
            let next = if self.recommit() {
                RECOMMIT_INTERVAL
            } else {
                RECOMMIT_RETRY
            };
            self.recommit_at = Some(now + next);
        }
        if self.orphans.is_due(now) && self.revoking.is_empty() {
            self.look_for_orphans(now)?;
        }
        if self.probe_at > now {
            return Ok(());
        }
        self.probe_at = now + PROBE_INTERVAL;
        if !self.health.is_reachable() {
            self.probe();
        } else if !self.transactions.is_ready() {
            self.replace_producers();
        }
        Ok(())
    }

    /// A renewal is a transaction of its own. One that is open has outputs that were sent ahead of their commit, and would end
    /// without the commit's offsets.
    fn may_recommit(&self) -> bool {
        let is_open = self.transactions.is_open() && !planted::is(Bug::RenewedInOpenTransaction);
        self.revoking.is_empty() && !is_open
    }

    /// Leaving and joining again, with a new client, makes the group give every task away. A member to which nothing is left
    /// is told that it is in.
    fn look_for_orphans(&mut self, now: Instant) -> Result<(), LogError> {
        let consumer = self.consumer.as_mut().ok_or_else(closed)?;
        let Ok(group) = consumer.group(&self.config.application_id, PROBE_WAIT) else {
            self.orphans.look_later(now);
            return Ok(());
        };
        let member = consumer.group_metadata();
        let own = Own {
            member_id: member.map(|member| member.member_id()).unwrap_or_default(),
            tasks: self
                .owned
                .iter()
                .filter_map(|task| self.layout.task_partition(*task))
                .collect(),
        };
        let wrong = self
            .orphans
            .look(now, &group, own, &self.layout.task_topic(), self.layout.tasks.len());
        if let Some(wrong) = wrong {
            consumer.leave(self.machine.instant() + LEAVE_WAIT);
            return Err(LogError::Migrated(format!(
                "{wrong}; the group is asked to give all of them away again"
            )));
        }
        if self.orphans.is_settled() && self.owned.is_empty() {
            self.pending.push_back(Event::Assigned(Vec::new()));
        }
        Ok(())
    }

    fn probe(&self) {
        self.transactions.serve();
        let answer = self
            .consumer()
            .map(|consumer| consumer.partition_count(&self.layout.task_topic(), PROBE_WAIT));
        self.health.set_reachable(matches!(answer, Ok(Ok(_))));
    }

    /// What a producer that was given up has left open keeps readers waiting, so it is ended also when nothing is to be committed.
    fn replace_producers(&mut self) {
        if let Err(error) = self.ready_producers() {
            tracing::debug!(%error, "a producer is not replaced yet");
        }
    }

    /// Commits every owned offset as it is, in a transaction of its own. A failure costs nothing.
    fn recommit(&mut self) -> bool {
        let offsets = self.inputs.started();
        if offsets.is_empty() {
            return true;
        }
        let renewed = self.transaction(&[], &offsets);
        if let Err(error) = &renewed {
            tracing::warn!(%error, "offsets of idle partitions were not renewed");
            self.transactions.abort();
        }
        renewed.is_ok()
    }
}

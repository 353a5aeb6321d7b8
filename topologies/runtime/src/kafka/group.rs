//! Consumer groups as brokers describe them: members, where they answer queries, and which tasks they have.

use streams::{Layout, TaskId};

/// A group and its members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupState {
    /// Kafka's word: `Stable`, `PreparingRebalance`, `Empty`, `Dead`; nothing for a group that does not exist.
    pub state: String,
    /// All members.
    pub members: Vec<GroupMember>,
}

impl GroupState {
    /// Whether members are on their way in or out, and tasks with them.
    #[must_use]
    pub fn is_rebalancing(&self) -> bool {
        self.state.ends_with("Rebalance")
    }

    /// Whether nobody is in the group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// One member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Kafka's name of the member.
    pub member_id: String,
    /// The client's own name.
    pub client_id: String,
    /// The address from which the broker sees the client.
    pub host: String,
    /// What it has been given: topics and their partitions.
    pub partitions: Vec<(String, Vec<i32>)>,
}

impl GroupMember {
    /// `host:port` where the member's process answers queries, if it answers any.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.client_id
            .strip_prefix("sluice@")
            .filter(|endpoint| !endpoint.is_empty())
    }

    /// The tasks that the member owns.
    #[must_use]
    pub fn tasks(&self, layout: &Layout) -> Vec<TaskId> {
        let task_topic = layout.task_topic();
        let own = self.partitions.iter().filter(|(topic, _)| *topic == task_topic);
        own.flat_map(|(_, partitions)| partitions)
            .filter_map(|partition| layout.task_at(*partition))
            .collect()
    }
}

/// Reads the assignment of a member: version, topics with partitions, free bytes (`ConsumerProtocolAssignment`).
/// Bytes that are something else are no assignment.
pub(super) fn assigned_partitions(bytes: &[u8]) -> Vec<(String, Vec<i32>)> {
    let mut rest = bytes;
    let parsed = (|| {
        take(&mut rest, 2)?;
        let topics = length(&mut rest)?;
        (0..topics).map(|_| topic(&mut rest)).collect::<Option<Vec<_>>>()
    })();
    parsed.unwrap_or_default()
}

fn topic(rest: &mut &[u8]) -> Option<(String, Vec<i32>)> {
    let size = i16::from_be_bytes(take(rest, 2)?.try_into().ok()?);
    let name = take(rest, usize::try_from(size).ok()?)?;
    let partitions = length(rest)?;
    let partitions = (0..partitions).map(|_| Some(i32::from_be_bytes(take(rest, 4)?.try_into().ok()?)));
    Some((
        String::from_utf8(name.to_vec()).ok()?,
        partitions.collect::<Option<_>>()?,
    ))
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(i32::from_be_bytes(take(rest, 4)?.try_into().ok()?)).ok()
}

fn take<'a>(rest: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(size)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSIGNMENT: &[u8] = b"\0\x01\0\0\0\x01\0\x05tasks\0\0\0\x02\0\0\0\x03\0\0\0\x07\xff\xff\xff\xff";

    #[test]
    fn an_assignment_names_its_topics_and_partitions() {
        assert_eq!(assigned_partitions(ASSIGNMENT), [("tasks".to_owned(), vec![3, 7])]);
    }

    #[test]
    fn bytes_that_are_cut_off_or_strange_are_no_assignment() {
        for end in 0..ASSIGNMENT.len() - 4 {
            assert_eq!(assigned_partitions(ASSIGNMENT.get(..end).unwrap_or_default()), []);
        }
        assert_eq!(assigned_partitions(&[0xff; 40]), []);
    }

    #[test]
    fn only_a_client_of_this_engine_answers_queries() {
        let member = |client_id: &str| GroupMember {
            member_id: String::new(),
            client_id: client_id.to_owned(),
            host: String::new(),
            partitions: Vec::new(),
        };
        assert_eq!(member("sluice@10.0.0.1:8080").endpoint(), Some("10.0.0.1:8080"));
        assert_eq!(member("sluice@").endpoint(), None);
        assert_eq!(member("rdkafka").endpoint(), None);
    }
}

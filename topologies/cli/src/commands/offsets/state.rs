//! What a reset means for the state that was made from the records, and the reset of that state.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use runtime::commit_record::CommitRecord;
use serde::Serialize;
use streams::log::LogReader;
use streams::{Layout, TopicKind};

use super::inputs::Input;
use super::moves::Move;
use crate::exit::Refusal;
use crate::platform::{self, Platform, WantedTopic};

/// Offsets at the end of a changelog's partition in which commit records are looked at: records, markers and what compaction
/// has left. An input whose last commit is further back has the committed offset of its group.
const TAIL_OFFSETS: i64 = 1_000;

/// Partitions that a refusal names before it says how many more there are.
const NAMED_MAX: usize = 5;

/// What happens to the state of a topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(super) enum StatePlan {
    /// The topology keeps nothing.
    None,
    /// It stays: the reset goes back over nothing that it contains.
    Untouched,
    /// It stays although records that it contains are read again.
    Kept,
    /// It goes, and is built again.
    Reset {
        /// Internal topics that are deleted and made again.
        topics: Vec<String>,
        /// The local directory that is emptied.
        directory: PathBuf,
        /// Partitions of which earlier records made state and are not read again.
        lost: Vec<String>,
    },
}

/// What the operator has allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Keep the state and apply records again.
    pub(super) keep_state: bool,
    /// Empty the state although some of it does not come back.
    pub(super) state_loss: bool,
}

/// Decides what the moves mean for the state. Refused when state would be lost and that was not accepted.
pub(super) fn plan(
    reader: &mut dyn LogReader,
    layout: &Layout,
    inputs: &[Input],
    moves: &[Move],
    directory: PathBuf,
    allowed: Allowed,
) -> anyhow::Result<StatePlan> {
    if layout.stores.is_empty() {
        return Ok(StatePlan::None);
    }
    let applied = applied(reader, layout)?;
    if !moves.iter().any(|planned| goes_back(planned, &applied)) {
        return Ok(StatePlan::Untouched);
    }
    if allowed.keep_state {
        return Ok(StatePlan::Kept);
    }
    let lost = lost(inputs, moves);
    if !lost.is_empty() && !allowed.state_loss {
        return Err(Refusal::refused(refusal(layout, &lost)));
    }
    // Dead letters stay: they are for people, and nothing is built from them.
    let topics = rebuilt(layout).into_iter().map(|topic| topic.name).collect();
    Ok(StatePlan::Reset {
        topics,
        directory,
        lost,
    })
}

/// The internal topics that belong to the state.
pub(super) fn rebuilt(layout: &Layout) -> Vec<WantedTopic> {
    let dead_letters = |topic: &WantedTopic| {
        let kind = layout
            .topic_named(&topic.name)
            .and_then(|index| layout.topic(index))
            .map(|topic| topic.kind);
        kind == Some(TopicKind::DeadLetters)
    };
    platform::internal(layout)
        .into_iter()
        .filter(|topic| !dead_letters(topic))
        .collect()
}

/// Deletes the internal topics, empties the local directory, and makes the topics again.
pub(super) fn reset(
    platform: &dyn Platform,
    layout: &Layout,
    wipe_directory: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let topics = rebuilt(layout);
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    platform.delete_topics(&names)?;
    wipe_directory()?;
    platform.create_topics(&topics)
}

/// By input, the next offset that the state does not contain, as far as the last commit records of each task say. It can be
/// further than the committed offset: after a reset that was cut off before it reached the state.
fn applied(reader: &mut dyn LogReader, layout: &Layout) -> anyhow::Result<BTreeMap<String, i64>> {
    let mut applied = BTreeMap::new();
    let changelogs = layout.topics.iter().filter(|topic| topic.kind == TopicKind::Changelog);
    for topic in changelogs {
        for partition in 0..reader.partitions(&topic.name)?.unwrap_or(0) {
            let (first, end) = reader.offsets(&topic.name, partition)?;
            reader.read(
                &topic.name,
                partition,
                first.max(end - TAIL_OFFSETS),
                end,
                &mut |record| {
                    applied.extend(CommitRecord::of(&record).into_iter().flat_map(|commit| commit.offsets));
                    ControlFlow::Continue(())
                },
            )?;
        }
    }
    Ok(applied)
}

fn goes_back(planned: &Move, applied: &BTreeMap<String, i64>) -> bool {
    let name = format!("{}/{}", planned.topic, planned.partition);
    let contained = applied.get(&name).copied().max(planned.committed);
    contained.is_some_and(|contained| planned.target < contained)
}

/// Source partitions whose records before the new position exist or existed, and are not read again.
fn lost(inputs: &[Input], moves: &[Move]) -> Vec<String> {
    let next = |input: &Input| {
        let planned = moves
            .iter()
            .find(|planned| planned.topic == input.topic && planned.partition == input.partition);
        planned.map_or(input.position(), |planned| planned.target)
    };
    let sources = inputs.iter().filter(|input| !input.repartition);
    sources
        .filter(|input| next(input) > 0)
        .map(|input| format!("{input} before offset {}", next(input)))
        .collect()
}

fn refusal(layout: &Layout, lost: &[String]) -> String {
    let named = lost
        .iter()
        .take(NAMED_MAX)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let more = lost.len().saturating_sub(NAMED_MAX);
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    format!(
        "this goes back over the state of {}, so the state has to be built again, and part of it would be lost: the records \
         of {named}{more} are not read again. Nothing was changed. Choose --to-earliest without --topic if the topics still \
         have all their records, --keep-state to apply records again to the state as it is, or --accept-state-loss",
        layout.application_id
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(partition: i32, committed: i64) -> Input {
        Input {
            topic: "t".to_owned(),
            partition,
            repartition: false,
            first: 0,
            end: 9,
            committed: Some(committed),
        }
    }

    fn to(partition: i32, committed: i64, target: i64) -> Move {
        Move {
            topic: "t".to_owned(),
            partition,
            committed: Some(committed),
            target,
            first: 0,
            end: 9,
        }
    }

    #[test]
    fn state_is_lost_where_earlier_records_are_not_read_again() {
        let inputs = [input(0, 5), input(1, 5)];
        assert_eq!(lost(&inputs, &[to(0, 5, 0), to(1, 5, 0)]), Vec::<String>::new());
        assert_eq!(lost(&inputs, &[to(0, 5, 0)]), ["t/1 before offset 5"]);
        assert_eq!(lost(&inputs, &[to(0, 5, 3), to(1, 5, 0)]), ["t/0 before offset 3"]);
    }

    #[test]
    fn a_reset_goes_back_when_the_state_contains_what_is_read_again() {
        let nothing = BTreeMap::new();
        assert!(goes_back(&to(0, 5, 4), &nothing));
        assert!(!goes_back(&to(0, 5, 5), &nothing));
        assert!(
            goes_back(&to(0, 0, 0), &BTreeMap::from([("t/0".to_owned(), 5)])),
            "an earlier reset was cut off"
        );
    }
}

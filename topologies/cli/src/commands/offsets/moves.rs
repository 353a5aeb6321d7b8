//! Which committed offsets a reset changes, decided before anything is changed.

use serde::Serialize;

use super::arguments::Selection;
use super::inputs::Input;
use super::target::Target;
use crate::exit::Refusal;
use crate::platform::Platform;

/// What becomes of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Move {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) committed: Option<i64>,
    pub(super) target: i64,
    pub(super) first: i64,
    pub(super) end: i64,
}

/// The moves of the selected sources. Refused: what is selected or named in the target and is no source, and a target that a
/// partition does not have.
pub(super) fn moves(
    platform: &dyn Platform,
    topology: &str,
    inputs: &[Input],
    selections: &[Selection],
    target: &Target,
) -> anyhow::Result<Vec<Move>> {
    let sources: Vec<&Input> = inputs.iter().filter(|input| !input.repartition).collect();
    let wanted = match target {
        Target::Each(offsets) => {
            let one = |(topic, partition): &(String, i32)| Selection {
                topic: topic.clone(),
                partitions: Some([*partition].into()),
            };
            select(topology, &sources, &offsets.keys().map(one).collect::<Vec<_>>())?
        }
        _ => select(topology, &sources, selections)?,
    };
    wanted
        .into_iter()
        .map(|input| planned(platform, input, target))
        .collect()
}

/// The sources that are selected; all of them when nothing is.
fn select<'a>(topology: &str, sources: &[&'a Input], selections: &[Selection]) -> anyhow::Result<Vec<&'a Input>> {
    for selection in selections {
        let own: Vec<&&Input> = sources.iter().filter(|input| input.topic == selection.topic).collect();
        if own.is_empty() {
            let mut known: Vec<&str> = sources.iter().map(|input| input.topic.as_str()).collect();
            known.dedup();
            let (unknown, known) = (&selection.topic, known.join(", "));
            return Err(Refusal::refused(format!(
                "{topology} does not read the topic {unknown:?}; its sources are {known}"
            )));
        }
        let missing = selection
            .partitions
            .iter()
            .flatten()
            .find(|wanted| own.iter().all(|input| input.partition != **wanted));
        if let Some(missing) = missing {
            let (topic, count) = (&selection.topic, own.len());
            return Err(Refusal::refused(format!(
                "the topic {topic} has no partition {missing}; it has {count}, from 0 on"
            )));
        }
    }
    let selects = |input: &Input, selection: &Selection| {
        let partition = selection
            .partitions
            .as_ref()
            .is_none_or(|partitions| partitions.contains(&input.partition));
        selection.topic == input.topic && partition
    };
    let selected =
        |input: &&&Input| selections.is_empty() || selections.iter().any(|selection| selects(input, selection));
    Ok(sources.iter().filter(selected).copied().collect())
}

fn planned(platform: &dyn Platform, input: &Input, target: &Target) -> anyhow::Result<Move> {
    let wanted = match target {
        Target::Earliest => input.first,
        Target::Latest => input.end,
        Target::Offset(offset) => *offset,
        Target::Shift(by) => input.position().saturating_add(*by),
        Target::Time(ms) => platform.offset_at_time(&input.topic, input.partition, *ms)?,
        Target::Each(offsets) => offsets.get(&input.name()).copied().unwrap_or(input.position()),
    };
    if !(input.first..=input.end).contains(&wanted) {
        let (first, end) = (input.first, input.end);
        return Err(Refusal::refused(format!(
            "offset {wanted} is out of range in {input}, which has {first} to {end}; nothing was changed"
        )));
    }
    let Input {
        topic,
        partition,
        first,
        end,
        committed,
        ..
    } = input.clone();
    Ok(Move {
        topic,
        partition,
        committed,
        target: wanted,
        first,
        end,
    })
}

//! The arguments of `sluice offsets reset`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::target::{self, Target};
use crate::exit::Refusal;
use crate::times::datetime;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(group(ArgGroup::new("to").required(true)))]
pub(crate) struct ResetArguments {
    /// The topology: accounts, products, payments, orders, views, webhooks.
    pub(super) topology: String,

    /// Only this source topic, or only these partitions of it; can be given several times. Otherwise every source.
    #[arg(long = "topic", value_name = "TOPIC[:P,...]", value_parser = selection)]
    pub(super) topics: Vec<Selection>,

    /// To the first record that is still there.
    #[arg(long, group = "to")]
    to_earliest: bool,

    /// To the end: nothing that is there is read.
    #[arg(long, group = "to")]
    to_latest: bool,

    /// To this offset in each partition.
    #[arg(long, group = "to", value_name = "N")]
    to_offset: Option<i64>,

    /// To the first record at or after this time, such as 2026-03-01T09:30:00Z.
    #[arg(long, group = "to", value_name = "RFC 3339", value_parser = datetime)]
    to_datetime: Option<i64>,

    /// To the first record that is not older than this, such as PT1H or P1DT12H.
    #[arg(long, group = "to", value_name = "ISO 8601", value_parser = target::duration)]
    by_duration: Option<i64>,

    /// By so many offsets from where each partition is; negative goes back.
    #[arg(long, group = "to", value_name = "N", allow_hyphen_values = true)]
    shift_by: Option<i64>,

    /// To the offsets in this file: lines of topic,partition,offset.
    #[arg(long, group = "to", value_name = "CSV", conflicts_with = "topics")]
    from_file: Option<PathBuf>,

    /// Leave the state as it is when the reset goes back over it: records that are read again are applied a second time to a
    /// state that has them already. Right only where that changes nothing. Otherwise such a reset empties the state, and it
    /// is built again from the records.
    #[arg(long)]
    pub(super) keep_state: bool,

    /// Empty the state although some of the records that made it will not be read again: what they did is lost.
    #[arg(long, conflicts_with = "keep_state")]
    pub(super) accept_state_loss: bool,

    /// Do it. Otherwise only the plan is printed.
    #[arg(long)]
    pub(super) execute: bool,
}

/// A source topic, or some partitions of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) topic: String,
    /// `None` selects all of them.
    pub(super) partitions: Option<BTreeSet<i32>>,
}

impl ResetArguments {
    /// Where to. Reads the file, if one is named.
    pub(super) fn target(&self, now_ms: i64) -> anyhow::Result<Target> {
        if let Some(path) = &self.from_file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Refusal::refused(format!("cannot read {}: {error}", path.display())))?;
            return Ok(Target::Each(target::csv(&text).map_err(Refusal::refused)?));
        }
        let earliest = self.to_earliest.then_some(Target::Earliest);
        let latest = self.to_latest.then_some(Target::Latest);
        let time = self
            .to_datetime
            .or(self.by_duration.map(|duration| now_ms.saturating_sub(duration)));
        let target = earliest
            .or(latest)
            .or(self.to_offset.map(Target::Offset))
            .or(self.shift_by.map(Target::Shift))
            .or(time.map(Target::Time));
        // The argument parser has made sure that there is one.
        target.ok_or_else(|| Refusal::refused("say where to, for example --to-earliest"))
    }
}

fn selection(text: &str) -> Result<Selection, String> {
    let Some((topic, partitions)) = text.split_once(':') else {
        return Ok(Selection {
            topic: text.to_owned(),
            partitions: None,
        });
    };
    let number = |text: &str| {
        text.trim()
            .parse()
            .map_err(|_| format!("{text:?} is no partition number"))
    };
    let partitions = partitions.split(',').map(number).collect::<Result<_, _>>()?;
    Ok(Selection {
        topic: topic.to_owned(),
        partitions: Some(partitions),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_a_topic_or_some_of_its_partitions() {
        let all = Selection {
            topic: "orders".to_owned(),
            partitions: None,
        };
        assert_eq!(selection("orders"), Ok(all));
        let some = Selection {
            topic: "orders".to_owned(),
            partitions: Some(BTreeSet::from([0, 2])),
        };
        assert_eq!(selection("orders:2,0"), Ok(some));
        assert!(selection("orders:x").is_err());
    }
}

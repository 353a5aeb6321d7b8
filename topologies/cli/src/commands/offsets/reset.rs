//! `sluice offsets reset`: the plan, and its execution.

use std::process::ExitCode;

use runtime::{Machine, OsMachine};
use serde::Serialize;
use state_stores::{StateDirectory, StoreBudget, StoreMemory};
use streams::Layout;

use super::arguments::ResetArguments;
use super::inputs::inputs;
use super::members::wait_for_members;
use super::moves::{Move, moves};
use super::placed;
use super::state::{self, Allowed, StatePlan};
use super::target::Target;
use crate::exit;
use crate::platform::{self, GroupOffsets, Platform};
use crate::settings::Settings;
use crate::states;
use crate::terminal;

/// All that a reset does, known before it does anything.
#[derive(Debug, Serialize)]
struct Plan {
    topology: String,
    application_id: String,
    offsets: Vec<Move>,
    state: StatePlan,
    executed: bool,
}

pub(super) fn run(settings: &Settings, arguments: &ResetArguments) -> anyhow::Result<ExitCode> {
    let platform = platform::open(settings)?;
    let platform = platform.as_ref();
    let target = arguments.target(OsMachine.now_ms())?;
    let (topology, layout) = placed(platform, settings, &arguments.topology)?;
    let memory = StoreMemory::new(StoreBudget::default())?;
    let directory = states::find(settings, platform, &layout, &memory)?;
    let plan = || plan(platform, arguments, &target, topology.name(), &layout, &directory);
    // What cannot be done is refused before anybody is waited for, and what somebody committed meanwhile counts.
    let mut planned = plan()?;
    if arguments.execute && wait_for_members(platform, &layout.application_id)? {
        planned = plan()?;
    }
    // Before it is said to have been done, and after what would be done is known to be possible.
    if !settings.json() {
        print(settings, &planned)?;
    }
    if arguments.execute {
        execute(platform, &layout, &planned, &directory)?;
        planned.executed = true;
    }
    conclude(settings, &planned)
}

fn plan(
    platform: &dyn Platform,
    arguments: &ResetArguments,
    target: &Target,
    topology: &str,
    layout: &Layout,
    directory: &StateDirectory,
) -> anyhow::Result<Plan> {
    let mut reader = platform.reader()?;
    let inputs = inputs(platform, reader.as_mut(), layout, |reader, topic, partition| {
        reader.offsets(topic, partition)
    })?;
    let offsets = moves(platform, topology, &inputs, &arguments.topics, target)?;
    let allowed = Allowed {
        keep_state: arguments.keep_state,
        state_loss: arguments.accept_state_loss,
    };
    let path = directory.path().to_owned();
    let state = state::plan(reader.as_mut(), layout, &inputs, &offsets, path, allowed)?;
    Ok(Plan {
        topology: topology.to_owned(),
        application_id: layout.application_id.clone(),
        offsets,
        state,
        executed: false,
    })
}

fn conclude(settings: &Settings, plan: &Plan) -> anyhow::Result<ExitCode> {
    if settings.json() {
        terminal::json(plan)?;
    } else if plan.executed {
        terminal::line("done")?;
    } else {
        terminal::line("nothing was changed; add --execute to do it")?;
    }
    Ok(ExitCode::from(exit::SUCCESS))
}

/// Offsets first: cut off after them, records are read again onto the old state, and the same command finishes the work.
/// The other way round state would be gone with nothing to make it again.
fn execute(platform: &dyn Platform, layout: &Layout, plan: &Plan, directory: &StateDirectory) -> anyhow::Result<()> {
    let offsets: GroupOffsets = plan
        .offsets
        .iter()
        .map(|to| ((to.topic.clone(), to.partition), to.target))
        .collect();
    platform.alter_group_offsets(&layout.application_id, &offsets)?;
    match plan.state {
        StatePlan::None | StatePlan::Untouched | StatePlan::Kept => Ok(()),
        StatePlan::Reset { .. } => state::reset(platform, layout, || Ok(directory.wipe()?)),
    }
}

fn print(settings: &Settings, plan: &Plan) -> anyhow::Result<()> {
    let row = |to: &Move| {
        let committed = to.committed.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
        let position = to.committed.unwrap_or(to.first);
        let change = match to.target - position {
            0 => "stays".to_owned(),
            by @ 1.. => format!("{by} skipped"),
            by => format!("{} again", -by),
        };
        vec![
            to.topic.clone(),
            to.partition.to_string(),
            committed,
            to.target.to_string(),
            to.end.to_string(),
            change,
        ]
    };
    let rows: Vec<_> = plan.offsets.iter().map(row).collect();
    terminal::table(&["TOPIC", "PARTITION", "COMMITTED", "NEW", "END", "RECORDS"], &rows)?;
    let elsewhere = if settings.kafka.is_some() { ELSEWHERE } else { "" };
    terminal::line(sentence(&plan.state, &plan.application_id, elsewhere))
}

/// State directories of other machines cannot be reached from here.
const ELSEWHERE: &str = " On every other machine that ran it, remove this directory before it starts there again.";

fn sentence(state: &StatePlan, application: &str, elsewhere: &str) -> String {
    match state {
        StatePlan::None => format!("{application} keeps no state."),
        StatePlan::Untouched => format!("The state of {application} stays: it contains nothing of what will be read."),
        StatePlan::Kept => {
            format!("The state of {application} stays, and records that it contains are applied to it again.")
        }
        StatePlan::Reset {
            topics,
            directory,
            lost,
        } => {
            let lost = if lost.is_empty() {
                "Nothing of it is lost.".to_owned()
            } else {
                format!("LOST is what came from the records of {}.", lost.join(", "))
            };
            format!(
                "The state of {application} is emptied and built again from what is read. {lost}\nDeleted and made again: {}.\n\
                 Emptied: {}.{elsewhere}",
                topics.join(", "),
                directory.display()
            )
        }
    }
}

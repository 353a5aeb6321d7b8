//! `sluice audit`: whether the books are right, read from the topics.

mod changelogs;
mod cut;
mod judge;
mod kept;
mod origins;
mod reading;
mod report;
mod scratch;
mod stores;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use runtime::{Machine, OsMachine};
use state_stores::{StateDirectory, StoreBudget, StoreMemory};
use streams::Layout;

use self::cut::Cut;
use self::reading::Reading;
use self::report::Report;
use self::scratch::Scratch;
use crate::commands::topology;
use crate::exit;
use crate::platform::{self, Platform};
use crate::progress::Progress;
use crate::settings::Settings;
use crate::states;

#[derive(Debug, Args)]
#[command(after_help = "\
Read-only, on a running system or a stopped one (the embedded log only stopped). Checked are the shop's rules I1 to I10, from
the record of each event and not from what the topologies keep; that every output of every task is in its topic, and once; that
every changelog consists of whole transactions with consecutive numbers; that no input is committed less far than its state says;
and that the stores in --state-dir equal their changelogs. What happens while the audit reads is left for the next one. What a
reset of offsets made again is there twice, and found (I5, I8, I10). Exit code 2 when anything is wrong.")]
pub(crate) struct AuditArguments {
    /// Where the books are sorted; takes about as much room as the topics, and is emptied at the end.
    #[arg(long, value_name = "DIR")]
    scratch_dir: Option<PathBuf>,

    /// Memory for sorting, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(8..=65_536))]
    memory: u64,
}

pub(crate) fn run(settings: &Settings, arguments: &AuditArguments) -> anyhow::Result<ExitCode> {
    let platform = platform::open(settings)?;
    let mut reader = platform.reader()?;
    let cut = Cut::take(platform.as_ref(), reader.as_mut(), settings)?;
    let layouts = layouts(platform.as_ref(), settings)?;
    // State of another log is refused before the books are read, which may take long.
    let memory = StoreMemory::new(StoreBudget::default())?;
    let find = |layout: &Arc<Layout>| states::find(settings, platform.as_ref(), layout, &memory);
    let states: Vec<StateDirectory> = layouts.iter().map(find).collect::<anyhow::Result<_>>()?;
    let mut report = Report::default();
    let progress = Progress::start(cut.records(), "records of the books");
    let scratch = Scratch::open(arguments)?;
    let reading = Reading::new(platform.as_ref())?;
    let mut kept = kept::Keeper::new(&reading, scratch, &progress);
    kept.read(reader.as_mut(), &cut, &mut report)?;
    progress.finish();
    let mut scratch = kept.into_scratch()?;
    judge::judge(&reading, &scratch, &cut, OsMachine.now_ms(), &mut report)?;
    let platform = platform.as_ref();
    origins::check(platform, reader.as_mut(), &layouts, &mut scratch, &mut report)?;
    changelogs::check(platform, reader.as_mut(), (&layouts, states), &mut scratch, &mut report)?;
    report.print(settings)?;
    Ok(ExitCode::from(if report.is_clean() {
        exit::SUCCESS
    } else {
        exit::REFUSED
    }))
}

/// Where every topology that is deployed stands on the platform's topics.
fn layouts(platform: &dyn Platform, settings: &Settings) -> anyhow::Result<Vec<Arc<Layout>>> {
    let topologies = topology::deployed(&platform.topics()?)?;
    topologies
        .iter()
        .map(|topology| platform::place(platform, settings, topology))
        .collect()
}

/// What a visitor answers after a step: a failure ends the visit, and `failed` tells whoever asked for it.
fn go_on(step: anyhow::Result<()>, failed: &mut anyhow::Result<()>) -> ControlFlow<()> {
    match step {
        Ok(()) => ControlFlow::Continue(()),
        failure => {
            *failed = failure;
            ControlFlow::Break(())
        }
    }
}

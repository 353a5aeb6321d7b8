//! `./dev bench`: the engine's workloads on a broker of their own, beside a bare consume-produce-commit loop.
//!
//! The parent process starts Kafka, fills topics, and watches one child process per run: the engine or the bare loop alone,
//! so that processor time and memory of the child are those of what is measured. The tables go to standard output.

mod broker;
mod child;
mod feed;
mod machine;
mod plan;
mod process;
mod report;
mod shapes;
mod topics;
mod usage;
mod workloads;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::child::ChildOptions;
use crate::plan::{BenchOptions, Plan};

#[derive(Parser)]
#[command(
    name = "benchmark",
    about = "Measures the engine on a Kafka broker that it starts itself"
)]
struct Arguments {
    #[command(flatten)]
    bench: BenchOptions,
    #[command(subcommand)]
    child: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// What a measured process is; started by the benchmark itself.
    #[command(hide = true)]
    Child(ChildOptions),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match arguments.child {
        Some(Role::Child(options)) => child::run(&options),
        None => workloads::run(&Plan::new(&arguments.bench)),
    }
}

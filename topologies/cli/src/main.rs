//! `sluice`: the stream engine, the shop that runs on it, and the tools of its operators.

mod arguments;
mod commands;
mod exit;
mod json_lines;
mod observability;
mod panics;
mod plain_fields;
mod platform;
mod progress;
mod protection;
mod provider;
mod settings;
mod signals;
mod states;
mod terminal;
mod times;
mod webhooks;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use crate::arguments::Arguments;

/// A quarter of what topologies do under load is to take memory and to give it back (`./dev load`, perf).
/// It serves Rust alone: as the allocator of the libraries too, in whose place the loader puts it, one start in forty with another
/// preloaded library (libfaketime) ended in a segmentation fault while `RocksDB` was being initialised.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    terminal::start_logging(arguments.is_simulated(), arguments.settings.log_format);
    match commands::run(arguments) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}

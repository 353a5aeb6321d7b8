//! The shell of the engine: stream threads, logs, restore and queries. All I/O, clocks and threads live here.
//!
//! A [`StreamApplication`] runs a topology on stream threads. Each [`StreamThread`] turns the events of its log into effects of
//! its tasks and commits them. [`kafka`] and [`embedded`] are the two logs; [`queries`] reads what tasks have committed.

mod application;
pub mod clock_watch;
pub mod commands;
pub mod commit_record;
pub mod embedded;
pub mod engine_metrics;
mod global_table;
pub mod hosting_metrics;
pub mod kafka;
pub mod limits;
mod machine;
pub mod metric;
pub mod origin;
mod output_watch;
pub mod outside;
pub mod queries;
pub mod registry;
pub mod restore;
mod restorer;
mod schema_resolver;
pub mod span;
mod state;
mod stream_thread;
mod task_manager;
mod thread_metrics;
pub mod tls;

pub use application::{MakeLog, StreamApplication, live};
pub use global_table::{GlobalConsumer, GlobalStreamThread, GlobalTable, MakeGlobalConsumer};
pub use machine::{Machine, OsMachine, Work};
pub use output_watch::{MakeOutputObserver, OutputObserver, together};
pub use restorer::MakeReader;
pub use schema_resolver::{NoSchemas, Resolution, SchemaResolver};
pub use state::StateProvider;
pub use stream_thread::{StreamThread, ThreadContext, Turn};

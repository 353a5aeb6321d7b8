//! The shell of the engine: stream threads, logs, restore and queries. All I/O, clocks and threads live here.

pub mod commands;
pub mod commit_record;
pub mod embedded;
pub mod kafka;
pub mod queries;

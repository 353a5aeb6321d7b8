//! The shell of the engine: stream threads, logs, restore and queries. All I/O, clocks and threads live here.

pub mod commands;
pub mod embedded;
pub mod kafka;
pub mod queries;

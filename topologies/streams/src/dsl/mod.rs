//! The functional layer: streams and tables whose steps are closures. Every step becomes a node of the same processor graph.

mod group;
mod join;
mod stream;
mod table;

pub use group::{Grouped, GroupedStream};
pub use stream::Stream;
pub use table::{Change, Table};

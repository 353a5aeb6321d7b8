//! The stream engine as pure code. Time, ids and bytes are arguments; effects and commits are values.
//!
//! A [`TopologyBuilder`] declares a [`Topology`]; [`Topology::place`] puts it on a log as a [`Layout`]; a [`Task`] runs one
//! partition of it. The shell feeds tasks from a [`log::Log`], makes their [`Commit`]s true and keeps their state in a
//! [`store::KeyValueStore`]. [`TopologyTestDriver`] does the same in memory.

mod builder;
mod cache;
pub mod changelog;
pub mod commit;
pub mod dead_letter;
pub mod describe;
pub mod dsl;
pub mod error;
pub mod layout;
pub mod log;
mod memory_store;
mod node;
mod overlay;
pub mod partition;
mod processor;
pub mod record;
pub mod serde;
pub mod store;
mod subtopology;
mod task;
mod test_driver;
mod timers;
mod topology;
pub mod trace;

pub use builder::{ProcessorSpec, SinkRef, StoreRef, Topic, TopologyBuilder};
pub use commit::{ChangelogEnd, Commit, InputOffset, TaskId};
pub use error::{LogError, ProcessError, TaskError, TopologyError};
pub use layout::{Layout, PartitionCounts, TaskLayout, TopicKind, TopicLayout};
pub use memory_store::MemoryStore;
pub use processor::{OUTPUT_RECORD_BYTES_MAX, Processor, ProcessorContext, Punctuation, StoreContext};
pub use record::{
    Header, Headers, InputRecord, OutputBuffer, OutputMark, OutputRecord, Record, StoreIndex, TopicIndex,
};
pub use task::{Processed, TIMERS_PER_CALL_MAX, Task, TaskLimits};
pub use test_driver::{DriverError, DriverOptions, RawRecord, TopologyTestDriver};
pub use timers::{FiredTimer, PunctuationType, TimerRef, entry as timer_entry};
pub use topology::{NodeDeclaration, NodeKind, StoreDeclaration, Subtopology, TopicDeclaration, Topology};

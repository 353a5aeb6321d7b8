//! The stream engine as pure code. Time, ids and bytes are arguments; effects and commits are values.

pub mod commit;
pub mod error;
pub mod layout;
pub mod log;
pub mod partition;
pub mod record;
pub mod serde;
pub mod store;

pub use commit::{ChangelogEnds, Commit, InputOffset, TaskId};
pub use error::{LogError, ProcessError, TaskError, TopologyError};
pub use layout::{Layout, PartitionCounts, TaskLayout, TopicKind, TopicLayout};
pub use record::{
    Header, Headers, InputRecord, OutputBuffer, OutputMark, OutputRecord, Record, StoreIndex, TopicIndex,
};

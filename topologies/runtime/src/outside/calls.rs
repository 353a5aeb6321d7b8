//! The calls that one stream thread commits, on their way to the workers.

use std::sync::Arc;

use streams::{OutputRecord, TaskId};

use super::line::Line;
use super::{CALLS_WAITING_MAX, Call};
use crate::output_watch::OutputObserver;

/// The calls of one thread since its last commit.
pub(super) struct Calls {
    lines: Arc<[Arc<Line>]>,
    pending: Vec<(Arc<Line>, Call)>,
    /// Calls of this commit for which no line can have a place.
    surplus: Vec<Arc<Line>>,
}

impl Calls {
    pub(super) fn new(lines: Arc<[Arc<Line>]>) -> Self {
        Self {
            lines,
            pending: Vec::new(),
            surplus: Vec::new(),
        }
    }

    fn line(&self, topic: &str) -> Option<&Arc<Line>> {
        self.lines.iter().find(|line| line.topic == topic)
    }

    fn pending_max(&self) -> usize {
        CALLS_WAITING_MAX * self.lines.len()
    }
}

impl OutputObserver for Calls {
    fn wants(&self, topic: &str) -> bool {
        self.line(topic).is_some()
    }

    /// A record without a key could not be answered, and one without a value ends its key: neither is a call.
    fn output(&mut self, _task: TaskId, topic: &str, record: &OutputRecord<'_>) {
        let (Some(line), Some(key), Some(value)) = (self.line(topic).cloned(), record.key, record.value) else {
            return;
        };
        if self.pending.len() >= self.pending_max() {
            self.surplus.push(line);
            return;
        }
        let call = Call {
            key: key.to_vec(),
            value: value.to_vec(),
            headers: record.headers.clone(),
        };
        self.pending.push((line, call));
    }

    fn committed(&mut self) {
        for (line, call) in self.pending.drain(..) {
            line.offer(call);
        }
        for line in self.surplus.drain(..) {
            line.refuse();
        }
    }

    fn dropped(&mut self) {
        self.pending.clear();
        self.surplus.clear();
    }
}

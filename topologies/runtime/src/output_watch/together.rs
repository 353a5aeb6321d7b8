//! Several observers of one thread as one.

use std::sync::Arc;

use streams::{InputRecord, OutputRecord, TaskId};

use super::{MakeOutputObserver, OutputObserver};

/// Tells each of these what it wants to know; nothing where there is none of them.
#[must_use]
pub fn together(mut observers: Vec<MakeOutputObserver>) -> Option<MakeOutputObserver> {
    if observers.len() < 2 {
        return observers.pop();
    }
    Some(Arc::new(move |layout| {
        let members = observers.iter().map(|make| make(layout)).collect();
        Box::new(Together { members })
    }))
}

struct Together {
    members: Vec<Box<dyn OutputObserver>>,
}

impl OutputObserver for Together {
    fn follows_inputs(&self) -> bool {
        self.members.iter().any(|member| member.follows_inputs())
    }

    fn input(&mut self, task: TaskId, topic: &str, record: &InputRecord<'_>) {
        for member in self.members.iter_mut().filter(|member| member.follows_inputs()) {
            member.input(task, topic, record);
        }
    }

    fn wants(&self, topic: &str) -> bool {
        self.members.iter().any(|member| member.wants(topic))
    }

    fn output(&mut self, task: TaskId, topic: &str, record: &OutputRecord<'_>) {
        for member in self.members.iter_mut().filter(|member| member.wants(topic)) {
            member.output(task, topic, record);
        }
    }

    fn committed(&mut self) {
        self.members.iter_mut().for_each(|member| member.committed());
    }

    fn dropped(&mut self) {
        self.members.iter_mut().for_each(|member| member.dropped());
    }
}

//! Names and sizes of topics.

use super::ids::TopicId;

#[derive(Debug, Default)]
pub(super) struct Topics(Vec<Topic>);

#[derive(Debug)]
struct Topic {
    name: String,
    partitions: i32,
}

impl Topics {
    pub(super) fn add(&mut self, name: &str, partitions: i32) -> TopicId {
        let id = TopicId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(Topic {
            name: name.to_owned(),
            partitions: partitions.max(0),
        });
        id
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn find(&self, name: &str) -> Option<TopicId> {
        let place = self.0.iter().position(|topic| topic.name == name)?;
        u32::try_from(place).ok().map(TopicId)
    }

    pub(super) fn name(&self, id: TopicId) -> &str {
        self.get(id).map_or("", |topic| topic.name.as_str())
    }

    pub(super) fn partitions(&self, id: TopicId) -> i32 {
        self.get(id).map_or(0, |topic| topic.partitions)
    }

    fn get(&self, id: TopicId) -> Option<&Topic> {
        self.0.get(usize::try_from(id.0).ok()?)
    }
}

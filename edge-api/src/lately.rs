//! What this process remembers for a while.

use std::collections::{HashMap, VecDeque};

/// A value for each of the last keys. The key that came first is forgotten first.
#[derive(Debug)]
pub(crate) struct Lately<V> {
    values: HashMap<String, V>,
    order: VecDeque<String>,
    keys_max: usize,
}

impl<V> Lately<V> {
    /// Remembers `keys_max` keys at most.
    pub(crate) fn new(keys_max: usize) -> Self {
        Self {
            values: HashMap::new(),
            order: VecDeque::new(),
            keys_max,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.values.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.values.get_mut(key)
    }

    /// Remembers a value. A key that is known keeps its place among the others.
    pub(crate) fn insert(&mut self, key: &str, value: V) {
        if let Some(known) = self.values.get_mut(key) {
            *known = value;
            return;
        }
        if self.order.len() >= self.keys_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        self.order.push_back(key.to_owned());
        self.values.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_came_first_is_forgotten_first() {
        let mut lately = Lately::new(2);
        lately.insert("a", 1);
        lately.insert("b", 2);
        lately.insert("a", 3);
        assert_eq!((lately.get("a"), lately.get("b")), (Some(&3), Some(&2)));
        lately.insert("c", 4);
        assert_eq!(
            (lately.get("a"), lately.get("b"), lately.get("c")),
            (None, Some(&2), Some(&4))
        );
    }
}

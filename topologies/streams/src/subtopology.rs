//! Which parts of a processor graph belong together: nodes that forward to each other or share a store.

use std::collections::BTreeMap;

use crate::record::StoreIndex;
use crate::topology::{NodeDeclaration, NodeKind, Subtopology};

/// The connected parts of the graph, in the order of their first node.
pub(crate) fn subtopologies(nodes: &[NodeDeclaration]) -> Vec<Subtopology> {
    let roots = roots(nodes);
    let mut parts: BTreeMap<usize, Subtopology> = BTreeMap::new();
    for (position, (node, root)) in nodes.iter().zip(roots).enumerate() {
        let part = parts.entry(root).or_default();
        part.nodes.insert(position);
        part.stores.extend(&node.stores);
        part.outputs.extend(&node.sinks);
        match node.kind {
            NodeKind::Source(topic) => part.inputs.insert(topic),
            NodeKind::Sink(topic) => part.outputs.insert(topic),
            NodeKind::Processor => false,
        };
    }
    parts.into_values().collect()
}

/// For each node, the smallest node of its part. Graphs are small, so the labels are spread until nothing changes.
fn roots(nodes: &[NodeDeclaration]) -> Vec<usize> {
    let mut roots: Vec<usize> = (0..nodes.len()).collect();
    loop {
        let mut stores: BTreeMap<StoreIndex, usize> = BTreeMap::new();
        let before = roots.clone();
        for (position, node) in nodes.iter().enumerate() {
            let neighbours = node.children.iter().filter_map(|child| roots.get(*child).copied());
            let shared = node.stores.iter().filter_map(|store| stores.get(store).copied());
            let own = roots.get(position).copied();
            let Some(least) = own.into_iter().chain(neighbours).chain(shared).min() else {
                continue;
            };
            for at in node.children.iter().chain([&position]) {
                if let Some(root) = roots.get_mut(*at) {
                    *root = least;
                }
            }
            stores.extend(node.stores.iter().map(|store| (*store, least)));
        }
        if roots == before {
            return roots;
        }
    }
}

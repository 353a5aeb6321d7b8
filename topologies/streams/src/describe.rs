//! A topology for people and machines: as text in Kafka Streams' style, as JSON, and as a Mermaid diagram.

use serde::Serialize;

use crate::layout::TopicKind;
use crate::record::{StoreIndex, TopicIndex};
use crate::topology::{NodeDeclaration, NodeKind, Topology};

/// A topology's description. Turns to text with `Display` and to JSON with serde.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The topology's name.
    pub topology: String,
    /// Its independent parts.
    pub subtopologies: Vec<SubtopologyDescription>,
}

/// One independent part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubtopologyDescription {
    /// Its number, the first half of its tasks' ids.
    pub id: usize,
    /// Its nodes in the order of their declaration.
    pub nodes: Vec<NodeDescription>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeDescription {
    /// `source`, `processor` or `sink`.
    pub kind: &'static str,
    /// The node's name.
    pub name: String,
    /// The topic that a source reads or a sink writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Stores that it uses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stores: Vec<String>,
    /// Topics that a processor sends to by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sends_to: Vec<String>,
    /// Names of the nodes that it forwards to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<String>,
}

impl Topology {
    /// Describes the topology. Internal topics have their names without the application's prefix.
    #[must_use]
    pub fn describe(&self) -> Description {
        let part = |(id, part): (usize, &crate::topology::Subtopology)| SubtopologyDescription {
            id,
            nodes: part
                .nodes
                .iter()
                .filter_map(|at| self.nodes.get(*at))
                .map(|node| self.describe_node(node))
                .collect(),
        };
        Description {
            topology: self.name.clone(),
            subtopologies: self.subtopologies.iter().enumerate().map(part).collect(),
        }
    }

    fn describe_node(&self, node: &NodeDeclaration) -> NodeDescription {
        let (kind, topic) = match node.kind {
            NodeKind::Source(topic) => ("source", Some(self.topic_label(topic))),
            NodeKind::Processor => ("processor", None),
            NodeKind::Sink(topic) => ("sink", Some(self.topic_label(topic))),
        };
        let store = |store: &StoreIndex| self.store(*store).map(|store| store.name.clone());
        let child = |child: &usize| self.nodes.get(*child).map(|node| node.name.clone());
        let sends = node.sinks.iter().filter(|_| node.kind == NodeKind::Processor);
        NodeDescription {
            kind,
            name: node.name.clone(),
            topic,
            stores: node.stores.iter().filter_map(store).collect(),
            sends_to: sends.map(|topic| self.topic_label(*topic)).collect(),
            children: node.children.iter().filter_map(child).collect(),
        }
    }

    fn topic_label(&self, topic: TopicIndex) -> String {
        let Some(topic) = self.topics.get(usize::from(topic.0)) else {
            return String::new();
        };
        match topic.kind {
            TopicKind::Repartition => format!("{}-repartition", topic.name),
            TopicKind::Changelog => format!("{}-changelog", topic.name),
            TopicKind::Source | TopicKind::Sink | TopicKind::DeadLetters => topic.name.clone(),
        }
    }
}

impl std::fmt::Display for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "Topology: {}", self.topology)?;
        for part in &self.subtopologies {
            writeln!(f, "  Sub-topology: {}", part.id)?;
            for node in &part.nodes {
                node.write_text(f)?;
            }
        }
        Ok(())
    }
}

impl NodeDescription {
    fn write_text(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "    {:<10}{}", format!("{}:", self.kind), self.name)?;
        if let Some(topic) = &self.topic {
            write!(f, " (topic: {topic})")?;
        }
        for (label, names) in [("stores", &self.stores), ("sends to", &self.sends_to)] {
            if !names.is_empty() {
                write!(f, " ({label}: {})", names.join(", "))?;
            }
        }
        if !self.children.is_empty() {
            write!(f, " --> {}", self.children.join(", "))?;
        }
        writeln!(f)
    }
}

impl Description {
    /// The topology as a Mermaid flowchart: topics are rounded, stores are cylinders, sub-topologies are boxes.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let lines = self.subtopologies.iter().flat_map(SubtopologyDescription::mermaid);
        ["flowchart LR".to_owned()]
            .into_iter()
            .chain(lines)
            .fold(String::new(), |text, line| text + &line + "\n")
    }
}

impl SubtopologyDescription {
    fn mermaid(&self) -> Vec<String> {
        let mut lines = vec![format!("  subgraph s{0}[\"sub-topology {0}\"]", self.id)];
        for node in self.nodes.iter().filter(|node| node.kind == "processor") {
            lines.push(format!("    {}[\"{}\"]", self.node_id(&node.name), node.name));
            let store = |store: &String| format!("    store_{}[(\"{store}\")]", identifier(store));
            lines.extend(node.stores.iter().map(store));
        }
        lines.push("  end".to_owned());
        lines.extend(
            self.nodes
                .iter()
                .flat_map(|node| self.edges(node))
                .map(|edge| format!("  {edge}")),
        );
        lines
    }

    fn edges(&self, node: &NodeDescription) -> Vec<String> {
        let from = self.end(node);
        let children = node
            .children
            .iter()
            .filter_map(|name| self.nodes.iter().find(|child| child.name == *name));
        let forwards = children.map(|child| format!("{from} --> {}", self.end(child)));
        let stores = node
            .stores
            .iter()
            .map(|store| format!("{from} --- store_{}", identifier(store)));
        let sends = node
            .sends_to
            .iter()
            .map(|topic| format!("{from} --> {}", topic_node(topic)));
        forwards.chain(stores).chain(sends).collect()
    }

    fn end(&self, node: &NodeDescription) -> String {
        node.topic
            .as_ref()
            .map_or_else(|| self.node_id(&node.name), |topic| topic_node(topic))
    }

    fn node_id(&self, name: &str) -> String {
        format!("n{}_{}", self.id, identifier(name))
    }
}

fn topic_node(topic: &str) -> String {
    format!("topic_{}([\"{topic}\"])", identifier(topic))
}

fn identifier(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

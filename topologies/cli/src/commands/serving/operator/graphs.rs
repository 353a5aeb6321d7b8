//! The topologies as graphs, and the tasks that follow from them.

use serde::Serialize;
use streams::describe::Description;
use streams::{Layout, TaskLayout};

use super::Desk;
use crate::commands::topology;

/// Every topology of the deployment.
#[derive(Serialize)]
pub(super) struct Graphs {
    /// What all application ids begin with.
    prefix: String,
    items: Vec<Graph>,
}

#[derive(Serialize)]
struct Graph {
    application_id: String,
    #[serde(flatten)]
    description: Description,
    tasks: Vec<Task>,
}

#[derive(Serialize)]
struct Task {
    id: String,
    /// The topics of which it reads the partition that its id ends with.
    inputs: Vec<String>,
    stores: Vec<String>,
}

pub(super) fn look(desk: &Desk) -> anyhow::Result<Graphs> {
    let topologies = topology::all()?;
    let graphs = topologies.iter().filter_map(|topology| {
        let layout = desk.queries.hosting().layout(topology.name())?;
        Some(Graph {
            application_id: layout.application_id.clone(),
            description: topology.describe(),
            tasks: layout.tasks.iter().map(|task| placed(&layout, task)).collect(),
        })
    });
    Ok(Graphs {
        prefix: desk.settings.application_id.clone(),
        items: graphs.collect(),
    })
}

fn placed(layout: &Layout, task: &TaskLayout) -> Task {
    let inputs = task.inputs.iter().filter_map(|input| layout.topic(*input));
    let stores = task
        .stores
        .iter()
        .filter_map(|store| layout.stores.get(usize::from(store.0)));
    Task {
        id: task.id.to_string(),
        inputs: inputs.map(|topic| topic.name.clone()).collect(),
        stores: stores.cloned().collect(),
    }
}

//! How far each topology has read.

use runtime::{Machine, OsMachine};
use serde::Serialize;

use super::Desk;
use crate::commands::offsets::{Shown, shown};

/// Where all topologies stood at one time. Two of them tell rates.
#[derive(Serialize)]
pub(super) struct Progress {
    /// Milliseconds since the epoch.
    at_ms: i64,
    items: Vec<Shown>,
}

pub(super) fn look(desk: &Desk) -> anyhow::Result<Progress> {
    let hosting = desk.queries.hosting();
    let at_ms = OsMachine.now_ms();
    let names = hosting.topologies();
    let placed = names.iter().filter_map(|name| Some((name, hosting.layout(name)?)));
    let items = desk.read(|reader| {
        placed
            .map(|(name, layout)| shown(desk.platform.as_ref(), reader, name, &layout))
            .collect::<anyhow::Result<_>>()
    });
    Ok(Progress { at_ms, items: items? })
}

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
    let mut reader = desk.platform.reader()?;
    let hosting = desk.queries.hosting();
    let at_ms = OsMachine.now_ms();
    let names = hosting.topologies();
    let items = names.iter().filter_map(|name| {
        let layout = hosting.layout(name)?;
        Some(shown(desk.platform.as_ref(), reader.as_mut(), name, &layout))
    });
    Ok(Progress {
        at_ms,
        items: items.collect::<anyhow::Result<_>>()?,
    })
}

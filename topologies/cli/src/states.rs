//! The state of applications on this machine. It belongs to the log that it was made from, and to no other.

use state_stores::{StateDirectory, StoreMemory};
use streams::Layout;

use crate::exit::Refusal;
use crate::platform::Platform;
use crate::settings::Settings;

/// The state directory of an application. Refuses one that another log's state is in, and changes nothing.
pub(crate) fn find(
    settings: &Settings,
    platform: &dyn Platform,
    layout: &Layout,
    memory: &StoreMemory,
) -> anyhow::Result<StateDirectory> {
    let root = settings.state_dir().join("state");
    let states = StateDirectory::new(&root, &layout.application_id, memory.clone())?;
    let log = platform.identity()?;
    match states.origin()? {
        Some(origin) if origin != log => Err(Refusal::refused(format!(
            "the state in {} was made from {origin}, and this is {log}: give another --state-dir, or move that directory away and its \
             stores are made again from their changelogs",
            states.path().display()
        ))),
        Some(_) | None => Ok(states),
    }
}

/// The same, for state that is made from the platform's log from now on.
pub(crate) fn claim(
    settings: &Settings,
    platform: &dyn Platform,
    layout: &Layout,
    memory: &StoreMemory,
) -> anyhow::Result<StateDirectory> {
    let states = find(settings, platform, layout, memory)?;
    // State of an earlier version has no note: it can only be taken for this log's.
    if states.origin()?.is_none() {
        states.set_origin(&platform.identity()?)?;
    }
    Ok(states)
}

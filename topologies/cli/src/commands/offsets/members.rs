//! Waiting for the members of a group to be gone.

use std::time::{Duration, Instant};

use crate::exit::Refusal;
use crate::platform::Platform;

/// Interval at which the group is looked at.
const MEMBERS_INTERVAL: Duration = Duration::from_millis(250);

/// Waits until nobody is in the group, and answers whether that took a wait. One that was stopped or killed a moment ago is in
/// it until its session ends; who is in it after that lives, and the request is refused.
pub(super) fn wait_for_members(platform: &dyn Platform, group: &str) -> anyhow::Result<bool> {
    let (limit, began) = (platform.sessions_end_within(), Instant::now());
    let mut members = platform.group_members(group)?;
    let waits = !members.is_empty();
    if waits && !limit.is_zero() {
        let (count, limit) = (members.len(), limit.as_secs());
        tracing::info!(
            "{group} has {count} members; waiting at most {limit} s for the sessions of those that have stopped to end"
        );
    }
    while !members.is_empty() && began.elapsed() < limit {
        std::thread::sleep(MEMBERS_INTERVAL);
        members = platform.group_members(group)?;
    }
    if members.is_empty() {
        return Ok(waits);
    }
    let (count, members) = (members.len(), members.join(", "));
    Err(Refusal::refused(format!(
        "{group} has {count} live members ({members}); stop them and try again. Nothing was changed"
    )))
}

//! Which instance runs a task: what the consumer group says, remembered for a moment.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use runtime::kafka::{GroupState, KafkaAdmin};
use runtime::queries::Owners;
use streams::{Layout, TaskId};

/// What a group said counts for so long.
const REMEMBERED_FOR: Duration = Duration::from_secs(1);
/// What turned out wrong is asked again after this time, so that a dead owner does not make every query ask the broker.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Owners by the members of each application's consumer group: whoever has a partition of the task topic has its task, and
/// its client id says where it answers.
pub(super) struct GroupOwners {
    admin: Arc<KafkaAdmin>,
    groups: Mutex<BTreeMap<String, Arc<Group>>>,
}

#[derive(Default)]
struct Group {
    /// Held while the broker is asked, so that waiting queries share one answer.
    seen: tokio::sync::Mutex<Option<Seen>>,
    wrong: AtomicBool,
}

struct Seen {
    at: Instant,
    owners: BTreeMap<TaskId, String>,
}

impl GroupOwners {
    /// Owners as `admin`'s cluster knows them.
    pub(super) fn new(admin: Arc<KafkaAdmin>) -> Self {
        Self {
            admin,
            groups: Mutex::default(),
        }
    }

    fn group(&self, application_id: &str) -> Arc<Group> {
        // The map is whole at every moment, so a panicking holder leaves it usable.
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(groups.entry(application_id.to_owned()).or_default())
    }

    async fn ask(&self, layout: &Layout) -> Option<BTreeMap<TaskId, String>> {
        let (admin, group) = (Arc::clone(&self.admin), layout.application_id.clone());
        let answer = tokio::task::spawn_blocking(move || admin.group(&group)).await.ok()?;
        match answer {
            Ok(state) => Some(owners(&state, layout)),
            Err(error) => {
                tracing::warn!(%error, application = layout.application_id, "cannot ask who runs which task");
                None
            }
        }
    }
}

impl Owners for GroupOwners {
    fn owner(&self, layout: &Layout, task: TaskId) -> Pin<Box<dyn Future<Output = Option<String>> + Send + '_>> {
        let layout = layout.clone();
        Box::pin(async move {
            let group = self.group(&layout.application_id);
            let mut seen = group.seen.lock().await;
            if !seen
                .as_ref()
                .is_some_and(|seen| seen.counts(group.wrong.load(Ordering::Relaxed)))
            {
                // What was known before stays when the broker cannot tell: the owner may well be where it was.
                if let Some(owners) = self.ask(&layout).await {
                    *seen = Some(Seen {
                        at: Instant::now(),
                        owners,
                    });
                    group.wrong.store(false, Ordering::Relaxed);
                }
            }
            seen.as_ref().and_then(|seen| seen.owners.get(&task).cloned())
        })
    }

    fn forget(&self, layout: &Layout) {
        self.group(&layout.application_id).wrong.store(true, Ordering::Relaxed);
    }
}

impl Seen {
    fn counts(&self, wrong: bool) -> bool {
        self.at.elapsed() < if wrong { ASKED_AGAIN_AFTER } else { REMEMBERED_FOR }
    }
}

fn owners(state: &GroupState, layout: &Layout) -> BTreeMap<TaskId, String> {
    let members = state
        .members
        .iter()
        .filter_map(|member| Some((member, member.endpoint()?)));
    let tasks = members.flat_map(|(member, endpoint)| {
        member
            .tasks(layout)
            .into_iter()
            .map(move |task| (task, endpoint.to_owned()))
    });
    tasks.collect()
}

//! The instances of the deployment, what each of their stream threads does, and who has which task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::redirect::Policy;
use runtime::queries::ThreadState;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;

use super::Desk;
use crate::platform::Member;

/// Other instances that are asked, at most.
const ASKED_MAX: usize = 32;
/// How long one may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Asks other instances what they do.
pub(super) struct Neighbours(reqwest::Client);

impl Neighbours {
    pub(super) fn new() -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .no_proxy()
            .redirect(Policy::none())
            .build();
        client.map(Self).context("cannot make an HTTP client")
    }

    async fn ask(self, endpoint: String) -> (String, Option<Value>) {
        let asked = self.0.get(format!("http://{endpoint}/operator/instance")).send().await;
        let answer = match asked {
            Ok(answer) if answer.status().is_success() => answer.json().await.ok(),
            Ok(_) | Err(_) => None,
        };
        (endpoint, answer)
    }
}

/// What this process does.
#[derive(Serialize)]
pub(super) struct Here {
    endpoint: String,
    /// Why it is not ready; empty when it is.
    obstacles: Vec<String>,
    threads: Vec<Thread>,
}

#[derive(Serialize)]
struct Thread {
    topology: String,
    number: usize,
    joined: bool,
    blocked: Option<String>,
    running: Vec<String>,
    /// Offsets still to be read, by task.
    restoring: BTreeMap<String, u64>,
}

/// All instances that the groups know, and this one.
#[derive(Serialize)]
struct Instances {
    here: Here,
    others: Vec<Other>,
    /// By topology, what the log says of its members; null where all tasks are this process's own.
    members: BTreeMap<String, Option<Vec<Member>>>,
}

#[derive(Serialize)]
struct Other {
    endpoint: String,
    /// What it says of itself; null when it did not answer in time.
    answer: Option<Value>,
}

pub(super) fn here(desk: &Desk) -> Here {
    let hosting = desk.queries.hosting();
    let threads = hosting.threads().into_iter();
    Here {
        endpoint: desk.endpoint.clone(),
        obstacles: [desk.queries.obstacles(), desk.platform.obstacles()].concat(),
        threads: threads
            .map(|(topology, number, state)| thread(topology, number, state))
            .collect(),
    }
}

fn thread(topology: String, number: usize, state: ThreadState) -> Thread {
    let restoring = state.restoring.into_iter();
    Thread {
        topology,
        number,
        joined: state.joined,
        blocked: state.blocked,
        running: state.running.iter().map(ToString::to_string).collect(),
        restoring: restoring.map(|(task, left)| (task.to_string(), left)).collect(),
    }
}

pub(super) async fn look(desk: Arc<Desk>) -> anyhow::Result<Value> {
    let asking = Arc::clone(&desk);
    let members = tokio::task::spawn_blocking(move || members(&asking));
    let members = members.await.context("the look ended by a panic")??;
    let all = members.values().flatten().flatten();
    let mut endpoints: BTreeSet<String> = all.filter_map(|member| member.endpoint.clone()).collect();
    endpoints.remove(&desk.endpoint);
    let instances = Instances {
        here: here(&desk),
        others: ask(&desk, endpoints).await,
        members,
    };
    Ok(serde_json::to_value(instances)?)
}

fn members(desk: &Desk) -> anyhow::Result<BTreeMap<String, Option<Vec<Member>>>> {
    let hosting = desk.queries.hosting();
    let names = hosting.topologies().into_iter();
    let placed = names.filter_map(|name| Some((hosting.layout(&name)?, name)));
    placed
        .map(|(layout, name)| Ok((name, desk.platform.members(&layout)?)))
        .collect()
}

async fn ask(desk: &Desk, endpoints: BTreeSet<String>) -> Vec<Other> {
    let mut asked = JoinSet::new();
    for endpoint in endpoints.into_iter().take(ASKED_MAX) {
        asked.spawn(Neighbours(desk.neighbours.0.clone()).ask(endpoint));
    }
    let answers = asked.join_all().await.into_iter();
    let mut others: Vec<Other> = answers.map(|(endpoint, answer)| Other { endpoint, answer }).collect();
    others.sort_by(|one, other| one.endpoint.cmp(&other.endpoint));
    others
}

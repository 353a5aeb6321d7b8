//! The deliveries of the topology webhooks, read from its changelog.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

use commerce::state_serde::decode;
use commerce::topologies::webhooks::DELIVERIES;
use commerce::views::TimelineItem;
use commerce::webhook::{Delivery, GivenUp, Left, Stage};
use serde::Serialize;
use streams::Layout;
use streams::changelog::split_changelog_key;
use streams::log::LogReader;

use crate::platform::Platform;

/// A delivery without its event, of which there may be many.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) event_id: String,
    pub(super) order_id: String,
    /// The type of the event.
    pub(super) kind: String,
    pub(super) due_at: i64,
    stage: Stage,
    attempt: u32,
    left: Left,
    given_up: BTreeMap<String, GivenUp>,
}

/// Where an event stands with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// The worker has been asked.
    Asked,
    /// It was refused and is tried again.
    Resting,
    /// It is not tried again by itself.
    GivenUp,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked",
            Self::Resting => "resting",
            Self::GivenUp => "given up",
        })
    }
}

/// An event and one endpoint.
#[derive(Debug)]
pub(super) struct Told {
    /// `None` while nobody knows which endpoints there are.
    pub(super) endpoint: Option<String>,
    pub(super) state: State,
    pub(super) attempt: u32,
    pub(super) detail: String,
}

/// Each endpoint that has not got the event.
pub(super) fn each(found: &Found) -> Vec<Told> {
    let told = |endpoint, state, attempt, detail: &str| Told {
        endpoint,
        state,
        attempt,
        detail: detail.to_owned(),
    };
    let state = match found.stage {
        Stage::Asked { .. } => State::Asked,
        Stage::Resting | Stage::Over => State::Resting,
    };
    let mut all: Vec<Told> = match &found.left {
        Left::All => vec![told(None, state, found.attempt, "")],
        Left::Named(names) => {
            let left = names.iter();
            left.map(|name| told(Some(name.clone()), state, found.attempt, ""))
                .collect()
        }
    };
    let given_up = found.given_up.iter();
    all.extend(given_up.map(|(name, why)| told(Some(name.clone()), State::GivenUp, why.attempt, &why.detail)));
    all
}

/// Endpoints at which the event was given up.
pub(super) fn given_up_at<'a>(found: &'a Found, endpoint: Option<&str>) -> Vec<&'a String> {
    let names = found.given_up.keys();
    names
        .filter(|name| endpoint.is_none_or(|endpoint| endpoint == *name))
        .collect()
}

/// Reads all of them. A topology that was never started has none.
pub(super) fn read(platform: &dyn Platform, layout: &Layout, found: &mut Vec<Found>) -> anyhow::Result<()> {
    let mut reader = platform.reader()?;
    for task in &layout.tasks {
        let Some(topic) = task.changelog.and_then(|topic| layout.topic(topic)) else {
            continue;
        };
        if reader.partitions(&topic.name)?.is_some() {
            read_task(reader.as_mut(), &topic.name, task.id.partition, found)?;
        }
    }
    Ok(())
}

fn read_task(reader: &mut dyn LogReader, topic: &str, partition: i32, all: &mut Vec<Found>) -> anyhow::Result<()> {
    let mut kept = BTreeMap::new();
    let mut failed = Ok(());
    let (first, end) = reader.readable(topic, partition)?;
    reader.read(topic, partition, first, end, &mut |record| {
        let Some((DELIVERIES, key)) = record.key.and_then(split_changelog_key) else {
            return ControlFlow::Continue(());
        };
        let event_id = String::from_utf8_lossy(key).into_owned();
        match record.value.map(|value| summary(event_id.clone(), value)) {
            None => drop(kept.remove(&event_id)),
            Some(Ok(found)) => drop(kept.insert(event_id, found)),
            Some(Err(error)) => {
                failed = Err(error.context(format!("{topic} {partition}/{}", record.offset)));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    failed?;
    all.extend(kept.into_values());
    Ok(())
}

fn summary(event_id: String, value: &[u8]) -> anyhow::Result<Found> {
    let delivery: Delivery = decode(value)?;
    let event: TimelineItem = serde_json::from_str(&delivery.event)?;
    Ok(Found {
        event_id,
        order_id: delivery.order_id,
        kind: event.kind,
        due_at: delivery.due_at,
        stage: delivery.stage,
        attempt: delivery.attempt,
        left: delivery.left,
        given_up: delivery.given_up,
    })
}

//! `sluice webhooks redeliver`.

use std::sync::Arc;

use ::schemas::wire::Wire;
use ::schemas::wire::envelope::{Actor, Role};
use ::schemas::wire::webhook::{RedeliverWebhook, WebhookAnswer, WebhookAnswerPayload};
use ::schemas::{AvroSerde, SchemaTable};
use anyhow::Context;
use edge_api::clock::{SystemEntropy, random_id};
use runtime::commands::{CommandLog, CommandRecord};
use runtime::{Machine, OsMachine};
use serde::Serialize;
use streams::serde::Serde as _;

use super::deliveries::{Found, given_up_at};
use super::{RedeliverArguments, all};
use crate::exit::Refusal;
use crate::platform::{self, Platform};
use crate::settings::Settings;
use crate::terminal;

/// Under whose name an operator acts.
const OPERATOR: &str = "operator";

/// What was asked for. Fields may be added.
#[derive(Debug, Serialize)]
struct Asked {
    /// Events that will be offered again.
    redelivered: usize,
}

pub(super) fn run(settings: &Settings, platform: &dyn Platform, arguments: &RedeliverArguments) -> anyhow::Result<()> {
    let endpoint = arguments.endpoint.as_deref();
    let found = all(settings, platform)?;
    let is_given_up = |found: &&Found| !given_up_at(found, endpoint).is_empty();
    let given_up: Vec<&Found> = found.iter().filter(is_given_up).collect();
    let chosen: Vec<&Found> = if arguments.all {
        given_up
    } else {
        named(&given_up, &arguments.events)?
    };
    let post = Post::open(platform)?;
    for found in &chosen {
        post.redeliver(found, endpoint)?;
    }
    let redelivered = chosen.len();
    if settings.json() {
        return terminal::json(&Asked { redelivered });
    }
    let when = if settings.kafka.is_some() {
        "now"
    } else {
        "when `sluice up` starts"
    };
    terminal::line(format!("{redelivered} events are delivered again {when}"))
}

/// The events of these ids; one that was not given up is refused, and then nothing is done.
fn named<'a>(given_up: &[&'a Found], events: &[String]) -> anyhow::Result<Vec<&'a Found>> {
    let find = |id: &String| {
        let found = given_up.iter().find(|found| found.event_id == *id).copied();
        found.ok_or_else(|| {
            Refusal::refused(format!(
                "the event {id:?} was not given up there: see `sluice webhooks list --given-up`"
            ))
        })
    };
    events.iter().map(find).collect()
}

/// Puts requests into the log.
struct Post {
    log: Arc<dyn CommandLog>,
    answers: AvroSerde<WebhookAnswer>,
    runtime: tokio::runtime::Runtime,
}

impl Post {
    fn open(platform: &dyn Platform) -> anyhow::Result<Self> {
        let schemas = Arc::new(SchemaTable::new());
        platform::publish_schemas(platform.registry()?.as_ref(), &schemas)?;
        Ok(Self {
            log: platform.commands()?,
            answers: AvroSerde::new(&schemas),
            runtime: tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?,
        })
    }

    fn redeliver(&self, found: &Found, endpoint: Option<&str>) -> anyhow::Result<()> {
        let (id, now_ms) = (random_id(&SystemEntropy)?, OsMachine.now_ms());
        let request = WebhookAnswer {
            id: commerce::ids::command_id(OPERATOR, &found.event_id, &id).to_string(),
            seq: 0,
            at: now_ms,
            actor: Actor {
                account_id: OPERATOR.to_owned(),
                role: Role::System,
            },
            causation: id.clone(),
            correlation: found.order_id.clone(),
            payload: WebhookAnswerPayload::RedeliverWebhook(RedeliverWebhook {
                delivery_id: found.event_id.clone(),
                endpoint: endpoint.map(str::to_owned),
            }),
        };
        let mut value = Vec::new();
        self.answers.serialize(&request, &mut value)?;
        let record = CommandRecord {
            topic: WebhookAnswer::topic().name.to_owned(),
            key: found.order_id.clone().into_bytes(),
            value: Some(value),
            headers: Vec::new(),
            timestamp_ms: now_ms,
        };
        let stored = self.runtime.block_on(self.log.append(record));
        stored
            .map(drop)
            .map_err(|error| Refusal::unavailable(error.to_string()))
    }
}

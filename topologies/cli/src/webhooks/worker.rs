//! Carries out what the topology `webhooks` asks for.

use std::sync::Arc;

use commerce::topologies::webhooks::NAME;
use commerce::views::TimelineItem;
use commerce::webhook::Outcome;
use edge_api::model::timeline::EventBody;
use runtime::outside::{Answer, Answers, Call, Worker};
use runtime::{Machine, OsMachine};
use schemas::wire::envelope::{Actor, Role};
use schemas::wire::webhook::{
    DeliverWebhook, DeliveryOutcome, EndpointOutcome, WebhookAnswer, WebhookAnswerPayload, WebhookAnswered,
    WebhookCall, WebhookCallPayload,
};
use schemas::{AvroSerde, SchemaTable, topics};
use serde::Serialize;
use serde_json::Value;
use streams::serde::Serde as _;
use tokio::task::JoinSet;

use super::endpoint::{Endpoint, Told};
use super::metrics;

/// Delivers events to endpoints.
pub(crate) struct WebhookWorker {
    endpoints: Vec<Arc<Endpoint>>,
    calls: AvroSerde<WebhookCall>,
    answers: AvroSerde<WebhookAnswer>,
}

/// What an endpoint gets. Fields may be added.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    order_id: &'a str,
    seq: i64,
    at: &'a str,
    data: &'a Value,
}

impl WebhookWorker {
    /// The endpoints' numbers are shown from here on, so there has to be somebody who records them.
    pub(crate) fn new(endpoints: Vec<Endpoint>, schemas: &Arc<SchemaTable>) -> Self {
        for endpoint in &endpoints {
            metrics::show_from_zero(&endpoint.name);
        }
        Self {
            endpoints: endpoints.into_iter().map(Arc::new).collect(),
            calls: AvroSerde::new(schemas),
            answers: AvroSerde::new(schemas),
        }
    }
}

impl Worker for WebhookWorker {
    fn calls(&self) -> &'static str {
        topics::WEBHOOK_CALLS.name
    }

    fn answers(&self) -> &'static str {
        topics::WEBHOOK_ANSWERS.name
    }

    /// An attempt that is asked for again has the id that it had before.
    fn identity(&self, call: &Call) -> Vec<u8> {
        let read = self.calls.deserialize(Some(&call.value));
        read.map_or_else(|_| call.value.clone(), |read| read.id.into_bytes())
    }

    fn carry_out(self: Arc<Self>, call: Call) -> Answers {
        Box::pin(async move {
            match self.deliver(&call).await {
                Ok(answer) => vec![answer],
                Err(error) => {
                    tracing::error!(%error, "a webhook's call makes no sense and is not answered");
                    Vec::new()
                }
            }
        })
    }
}

impl WebhookWorker {
    async fn deliver(&self, call: &Call) -> anyhow::Result<Answer> {
        let call = self.calls.deserialize(Some(&call.value))?;
        let WebhookCallPayload::DeliverWebhook(asked) = call.payload;
        let item: TimelineItem = serde_json::from_str(&asked.event)?;
        let (kind, at_ms) = (item.kind.clone(), item.at);
        let event = EventBody::whole(item);
        let body = serde_json::to_vec(&Body {
            kind: &event.kind,
            order_id: &call.correlation,
            seq: event.seq,
            at: &event.at,
            data: &event.data,
        })?;
        let outcomes = self.offer(&asked, (&kind, at_ms), body.into()).await?;
        let answer = WebhookAnswer {
            id: format!("{}.answered", call.id),
            seq: 0,
            at: OsMachine.now_ms(),
            actor: Actor {
                account_id: NAME.to_owned(),
                role: Role::System,
            },
            causation: call.id,
            correlation: call.correlation,
            payload: WebhookAnswerPayload::WebhookAnswered(WebhookAnswered {
                delivery_id: asked.delivery_id,
                attempt: asked.attempt,
                outcomes,
            }),
        };
        let mut value = Vec::new();
        self.answers.serialize(&answer, &mut value)?;
        Ok(Answer::new(value))
    }

    /// Offers the event to all who are to have it, at the same time.
    async fn offer(
        &self,
        asked: &DeliverWebhook,
        (kind, at_ms): (&str, i64),
        body: Arc<[u8]>,
    ) -> anyhow::Result<Vec<EndpointOutcome>> {
        let mut outcomes = Vec::new();
        let mut offers = JoinSet::new();
        for name in self.names(asked) {
            let Some(endpoint) = self.endpoints.iter().find(|endpoint| endpoint.name == name) else {
                outcomes.push(outcome(
                    name,
                    (Outcome::NotWanted, "it is not configured any more".to_owned()),
                ));
                continue;
            };
            if !endpoint.wants(kind, at_ms) {
                outcomes.push(outcome(name, (Outcome::NotWanted, String::new())));
                continue;
            }
            let (endpoint, id, body) = (Arc::clone(endpoint), asked.delivery_id.clone(), Arc::clone(&body));
            offers.spawn(async move {
                let told = endpoint.offer(&id, &body, || OsMachine.now_ms()).await;
                outcome(name, told)
            });
        }
        while let Some(ended) = offers.join_next().await {
            // Without the outcome of each endpoint there is no answer, and all are asked again.
            outcomes.push(ended?);
        }
        Ok(outcomes)
    }

    fn names(&self, asked: &DeliverWebhook) -> Vec<String> {
        if asked.endpoints.is_empty() {
            self.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect()
        } else {
            asked.endpoints.clone()
        }
    }
}

fn outcome(endpoint: String, (outcome, detail): Told) -> EndpointOutcome {
    EndpointOutcome {
        endpoint,
        outcome: match outcome {
            Outcome::Delivered => DeliveryOutcome::Delivered,
            Outcome::Refused => DeliveryOutcome::Refused,
            Outcome::Gone => DeliveryOutcome::Gone,
            Outcome::NotWanted => DeliveryOutcome::NotWanted,
        },
        detail,
    }
}

//! Orders that do not go on: the saga has called an operator, or they wait for longer than one step may take.

use std::time::Duration;

use commerce::order::STEP_DEADLINE_MS;
use commerce::views::{self, View};
use edge_api::model::order::OrderBody;
use edge_api::model::timeline::EventBody;
use runtime::queries::{Entries, EntryRange, Freshness, Queries, StoreAddress};
use runtime::{Machine, OsMachine};
use schemas::wire::order::SagaStep;
use serde::Serialize;
use serde_json::Value;

use super::Desk;
use crate::times::rfc3339;

/// Orders that are shown, at most.
const SHOWN_MAX: usize = 50;
/// Entries of each store that are looked at, at most.
const LOOKED_AT_MAX: usize = 500;
/// Events of one order that are shown, at most.
const EVENTS_MAX: usize = 100;
/// How long one read may take.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The stuck orders, those with an alarm first.
#[derive(Serialize)]
struct Stuck {
    items: Vec<StuckOrder>,
    /// Whether there may be more than are shown.
    more: bool,
    /// An order that waits for longer, in milliseconds, is stuck.
    bound_ms: i64,
}

#[derive(Serialize)]
struct StuckOrder {
    order: OrderBody,
    waiting_ms: i64,
    /// When the saga looks at it next; null when it waits for an operator.
    next_look_at: Option<String>,
    events: Vec<EventBody>,
}

/// An order to look at, and when the saga does so next.
type Candidate = (String, Option<i64>);

pub(super) async fn look(desk: &Desk) -> anyhow::Result<Value> {
    let now_ms = OsMachine.now_ms();
    let candidates = candidates(&desk.queries).await?;
    let mut more = candidates.len() >= LOOKED_AT_MAX;
    let mut items = Vec::new();
    for candidate in candidates {
        if items.len() == SHOWN_MAX {
            more = true;
            break;
        }
        items.extend(stuck(&desk.queries, candidate, now_ms).await?);
    }
    let bound_ms = STEP_DEADLINE_MS;
    Ok(serde_json::to_value(Stuck { items, more, bound_ms })?)
}

/// Alarms, then whatever waits, the next deadline first.
async fn candidates(queries: &Queries) -> anyhow::Result<Vec<Candidate>> {
    let alarmed = scan(queries, views::ALARMS).await?.into_iter();
    let mut candidates: Vec<Candidate> = alarmed
        .filter_map(|(key, _)| Some((String::from_utf8(key).ok()?, None)))
        .collect();
    for (key, _) in scan(queries, views::DEADLINES).await? {
        let (at_ms, order_id) = views::deadline(&key)?;
        candidates.push((order_id, Some(at_ms)));
    }
    Ok(candidates)
}

async fn scan(queries: &Queries, view: View) -> anyhow::Result<Entries> {
    let range = EntryRange {
        limit: LOOKED_AT_MAX,
        ..EntryRange::default()
    };
    Ok(queries.scan(view.topology, view.store, &range, READ_TIMEOUT).await?)
}

/// The order if it is stuck.
async fn stuck(queries: &Queries, (order_id, next): Candidate, now_ms: i64) -> anyhow::Result<Option<StuckOrder>> {
    let key = order_id.as_bytes();
    let at = address(views::ORDERS, key);
    let Some(bytes) = queries.get(at, key, &Freshness::Committed, READ_TIMEOUT).await? else {
        return Ok(None);
    };
    let order = views::order(&bytes)?.order;
    let waiting_ms = now_ms - order.updated_at;
    // The timer of an order that rests is for its lines, about which nobody says anything for days.
    let waits = next.is_some() && order.step != SagaStep::Done;
    let is_stuck = order.needs_attention || (waits && waiting_ms > STEP_DEADLINE_MS);
    if !is_stuck {
        return Ok(None);
    }
    Ok(Some(StuckOrder {
        order: OrderBody::from(order),
        waiting_ms,
        next_look_at: next.map(rfc3339),
        events: timeline(queries, &order_id).await?,
    }))
}

async fn timeline(queries: &Queries, order_id: &str) -> anyhow::Result<Vec<EventBody>> {
    let events = views::timeline(order_id, 0);
    let range = EntryRange {
        from: events.from,
        to: events.to,
        reverse: false,
        limit: EVENTS_MAX,
    };
    let at = address(views::TIMELINE, order_id.as_bytes());
    let entries = queries.range(at, &range, &Freshness::Committed, READ_TIMEOUT).await?;
    let items = entries.iter().map(|(_, bytes)| views::timeline_item(bytes));
    Ok(items.map(|item| item.map(EventBody::whole)).collect::<Result<_, _>>()?)
}

fn address(view: View, routing_key: &[u8]) -> StoreAddress<'_> {
    StoreAddress {
        topology: view.topology,
        store: view.store,
        routing_key,
    }
}

//! What happened to an order, event by event.

use commerce::ids::{self, OrderId};
use commerce::views::TimelineItem;
use schemas::wire::order::Order;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::time::rfc3339;

/// One event of an order.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TimelineItem)]
pub struct EventBody {
    /// Number of the event, from 1.
    pub seq: i64,
    /// What happened, such as `StockReserved` or `OrderPaid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who caused it.
    pub actor: ActorBody,
    /// The particulars; they depend on the type. A seller sees those of the own lines only.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Actor)]
pub struct ActorBody {
    /// The account, or the topology that acted by itself.
    pub account_id: String,
    /// BUYER, SELLER or SYSTEM.
    #[schema(value_type = String, example = "BUYER")]
    pub role: schemas::wire::envelope::Role,
}

/// The fields of an event that a seller may see, apart from the lines of `OrderCreated`. What is not listed stays
/// with the buyer: amounts of the whole order among it.
const SELLER_FIELDS: [&str; 12] = [
    "line",
    "product_id",
    "product_name",
    "seller_id",
    "quantity",
    "unit_price",
    "reason",
    "step",
    "attempt",
    "buyer_id",
    "carrier",
    "tracking_number",
];

/// The one line that an event is about, where it is about one.
fn line_of(data: &Value, order_id: &str) -> Option<i64> {
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let order_id = OrderId::from(order_id);
    let of_refund = || ids::line_of_refund(&order_id, &text("refund_id")?.into());
    let of_settlement = || ids::line_of_settlement(&order_id, &text("settlement_id")?.into());
    let named = data.get("line").and_then(Value::as_i64);
    named.or_else(|| of_refund().or_else(of_settlement).map(|line| i64::from(line.0)))
}

/// The seller's own among the lines that an event lists, as numbers or with their particulars.
fn own_lines(data: &Value, is_own: impl Fn(i64) -> bool) -> Option<Vec<Value>> {
    let lines = data.get("lines")?.as_array()?;
    let number = |line: &Value| line.as_i64().or_else(|| line.get("line")?.as_i64());
    let own = lines.iter().filter(|line| number(line).is_some_and(&is_own));
    Some(own.cloned().collect())
}

/// Fields that are nobody's business outside.
const INTERNAL_FIELDS: [&str; 2] = ["request_hash", "card"];

impl EventBody {
    /// The event as the buyer sees it.
    #[must_use]
    pub fn whole(item: TimelineItem) -> Self {
        Self::with_data(item, |data| {
            data.retain(|name, _| !INTERNAL_FIELDS.contains(&name.as_str()));
        })
    }

    /// The event as a seller sees it; `order` has that seller's lines only. `None` if it is about somebody else's line.
    #[must_use]
    pub fn for_seller(item: TimelineItem, order: &Order) -> Option<Self> {
        let is_own = |line: i64| order.lines.iter().any(|own| line == i64::from(own.line));
        let line = line_of(&item.data, &order.order_id);
        let lines = own_lines(&item.data, is_own);
        let is_of_others = line.is_some_and(|line| !is_own(line)) || lines.as_ref().is_some_and(Vec::is_empty);
        if is_of_others {
            return None;
        }
        let of_own_line = line.is_some();
        Some(Self::with_data(item, |data| {
            data.retain(|name, _| SELLER_FIELDS.contains(&name.as_str()) || (of_own_line && name == "amount"));
            if let Some(lines) = lines {
                data.insert("lines".to_owned(), Value::Array(lines));
            }
        }))
    }

    fn with_data(item: TimelineItem, keep: impl FnOnce(&mut Map<String, Value>)) -> Self {
        let mut data = match item.data {
            Value::Object(data) => data,
            // Every payload is a record; anything else is not shown.
            _ => Map::new(),
        };
        keep(&mut data);
        Self {
            seq: item.seq,
            kind: item.kind,
            at: rfc3339(item.at),
            actor: ActorBody {
                account_id: item.actor.account_id,
                role: item.actor.role,
            },
            data: Value::Object(data),
        }
    }
}

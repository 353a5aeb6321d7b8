//! Two queues of commands about one product, and the orders of the two that explain what was published.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use schemas::wire::product::Product;
use schemas::wire::stock::{StockEventPayload, StockReplyPayload};

use super::shelf::{Asked, Shelf};

type Command = (String, Asked);

/// Everything about one product.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) of_sellers: Vec<Command>,
    pub(super) of_orders: Vec<Command>,
    /// Events with the commands that caused them, in their order.
    pub(super) events: Vec<(String, StockEventPayload)>,
    /// Replies by command, in their order.
    pub(super) replies: BTreeMap<String, Vec<StockReplyPayload>>,
    pub(super) published: Option<Product>,
}

/// Some commands of each queue are taken, and what they led to was all found.
#[derive(Clone)]
struct Standing {
    shelf: Shelf,
    sellers: usize,
    orders: usize,
    events: usize,
}

impl Counter {
    /// What no order of the commands explains.
    pub(super) fn differs(&self, product: &str) -> Option<String> {
        let mut open = vec![Standing {
            shelf: Shelf::of(product),
            sellers: 0,
            orders: 0,
            events: 0,
        }];
        let mut tried = BTreeSet::new();
        let mut furthest = (0, format!("{product}: nothing was asked, and something happened"));
        while let Some(standing) = open.pop() {
            if !tried.insert((standing.sellers, standing.orders)) {
                continue;
            }
            if standing.sellers == self.of_sellers.len() && standing.orders == self.of_orders.len() {
                match self.unexplained(product, &standing) {
                    None => return None,
                    Some(words) => furthest = (usize::MAX, words),
                }
                continue;
            }
            let (next, wrong) = self.next(&standing);
            let taken = standing.sellers + standing.orders;
            if let Some(wrong) = wrong.filter(|_| next.is_empty() && taken >= furthest.0) {
                furthest = (taken, format!("{product}, after {taken} commands: {wrong}"));
            }
            open.extend(next);
        }
        Some(furthest.1)
    }

    /// Where one more command leads that explains what was published; or why none does.
    fn next(&self, standing: &Standing) -> (Vec<Standing>, Option<String>) {
        let (mut next, mut wrong) = (Vec::new(), None);
        let of_seller = self.of_sellers.get(standing.sellers).map(|command| (command, 1, 0));
        let of_order = self.of_orders.get(standing.orders).map(|command| (command, 0, 1));
        for ((id, asked), sellers, orders) in of_seller.into_iter().chain(of_order) {
            let mut after = standing.clone();
            let (event, reply) = after.shelf.take(asked);
            let published = self.events.get(standing.events);
            let is_published = event.is_none() || published == event.clone().map(|event| (id.clone(), event)).as_ref();
            let heard = (orders == 1).then(|| self.reply(standing.orders)).flatten();
            if is_published && heard == reply.as_ref() {
                after.events += usize::from(event.is_some());
                (after.sellers, after.orders) = (standing.sellers + sellers, standing.orders + orders);
                next.push(after);
            } else {
                wrong = Some(format!(
                    "{id} has to lead to {event:?} and {reply:?}, and there are {published:?} and {heard:?}"
                ));
            }
        }
        (next, wrong)
    }

    /// The reply to a command of an order; one that comes again has another one.
    fn reply(&self, place: usize) -> Option<&StockReplyPayload> {
        let (id, _) = self.of_orders.get(place)?;
        let before = self.of_orders.iter().take(place).filter(|(other, _)| other == id);
        self.replies.get(id)?.get(before.count())
    }

    /// What is left when every command is taken.
    fn unexplained(&self, product: &str, standing: &Standing) -> Option<String> {
        if let Some(event) = self.events.get(standing.events) {
            return Some(format!("{product}: nobody asked for {event:?}"));
        }
        let replies: usize = self.replies.values().map(Vec::len).sum();
        if replies != self.of_orders.len() {
            let asked = self.of_orders.len();
            return Some(format!("{product}: {asked} commands of orders have {replies} replies"));
        }
        let differs = standing.shelf.differs(self.published.as_ref());
        differs.map(|words| format!("{product}: {words}"))
    }
}

/// Whose stock answers.
pub(super) fn product_of(reply: &StockReplyPayload) -> &str {
    match reply {
        StockReplyPayload::StockReserved(reply) => &reply.product_id,
        StockReplyPayload::StockRejected(reply) => &reply.product_id,
        StockReplyPayload::StockConfirmed(reply) => &reply.product_id,
        StockReplyPayload::StockReleased(reply) => &reply.product_id,
        StockReplyPayload::StockRestocked(reply) => &reply.product_id,
        StockReplyPayload::StockReturned(reply) => &reply.product_id,
    }
}

/// The first command that led to something else than it had to, in a topic.
pub(super) fn difference<T: PartialEq + Debug>(
    topic: &str,
    expected: &BTreeMap<String, Vec<T>>,
    published: &BTreeMap<String, Vec<T>>,
) -> Option<String> {
    let nothing = Vec::new();
    let ids: BTreeSet<&String> = expected.keys().chain(published.keys()).collect();
    let both = |id: &String| [expected, published].map(|all| all.get(id).unwrap_or(&nothing));
    let (id, [expected, published]) = ids
        .into_iter()
        .map(|id| (id, both(id)))
        .find(|(_, [expected, published])| expected != published)?;
    Some(format!(
        "{topic}: {id} has to lead to {expected:?}, and there is {published:?}"
    ))
}

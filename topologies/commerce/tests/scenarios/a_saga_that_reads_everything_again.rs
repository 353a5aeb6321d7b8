use std::collections::BTreeMap;

use schemas::wire::order::{CancelReason, Order, OrderStatus, PaymentStatus};
use streams::Headers;

use crate::shop::Shop;

const INPUTS: [&str; 3] = ["order-commands", "stock-replies", "payment-events"];
const COMMANDS: [&str; 2] = ["stock-commands", "payment-commands"];

/// Hands the records of a topic from one shop to another, behind those that were handed over before.
fn hand_over(from: &Shop, to: &mut Shop, topic: &str, handed: &mut usize) -> bool {
    let records = from.driver.read_raw(topic);
    let new = records.iter().skip(*handed);
    for (key, value, _) in new {
        to.driver
            .pipe_raw(topic, key.as_deref(), value.as_deref(), 0, Headers::default())
            .unwrap();
    }
    let moved = records.len() > *handed;
    *handed = records.len();
    moved
}

/// Resets the saga: it forgets everything and reads its inputs again, one whole topic after the other, while the
/// participants keep their state and answer it.
fn reset(shop: &mut Shop, order_of_inputs: &[&str], meanwhile: impl Fn(&mut Shop)) -> Shop {
    let mut saga = Shop::only("orders");
    let mut read: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in order_of_inputs {
        hand_over(shop, &mut saga, topic, read.entry(topic).or_default());
    }
    meanwhile(&mut saga);
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    loop {
        let mut moved = false;
        for topic in COMMANDS {
            moved |= hand_over(&saga, shop, topic, asked.entry(topic).or_default());
        }
        for topic in INPUTS {
            moved |= hand_over(shop, &mut saga, topic, read.entry(topic).or_default());
        }
        if !moved {
            return saga;
        }
    }
}

fn ends(shop: &Shop) -> Vec<(String, OrderStatus, Option<CancelReason>, PaymentStatus)> {
    let end = |(id, order): (String, Order)| (id, order.status, order.cancel_reason, order.payment_status);
    shop.latest_orders().into_iter().map(end).collect()
}

fn statuses(shop: &Shop) -> Vec<(String, OrderStatus)> {
    ends(shop).into_iter().map(|(id, status, ..)| (id, status)).collect()
}

fn used() -> Shop {
    let mut shop = Shop::open().stocked();
    shop.create_product("pen", "sue", 100, 5);
    shop.place("paid", "ann", &[("book", 1), ("pen", 1)]);
    shop.place("mixed", "ann", &[("pen", 1), ("book", 1)]);
    shop.lines("mixed", "sue", "s1", "ship", &[]);
    shop.lines("mixed", "ann", "d1", "confirm delivery", &[1]);
    shop.lines("mixed", "ann", "r1", "buyer refunds", &[2]);
    shop.cancel("mixed", "ann", "c0");
    shop.place("dear", "ann", &[("book", 7), ("pen", 1)]);
    shop.place("short", "ann", &[("book", 99), ("pen", 1)]);
    shop.place("unknown", "ann", &[("nothing", 1)]);
    shop.place("cancelled", "ann", &[("book", 1), ("pen", 2)]);
    shop.cancel("cancelled", "ann", "c1");
    shop
}

fn orders_of_inputs() -> [[&'static str; 3]; 6] {
    let [a, b, c] = INPUTS;
    [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]]
}

/// The engine reads the older record first, so an order comes before its answers. Even where it did not, an order ends
/// with the same status; only the reason of a cancellation is then the one that was heard first.
#[test]
fn it_comes_to_the_same_ends_in_whatever_order_it_reads_its_topics() {
    for inputs in orders_of_inputs() {
        let mut shop = used();
        let (before, stock, money) = (ends(&shop), (shop.stock("book"), shop.stock("pen")), shop.money("ann"));
        let saga = reset(&mut shop, &inputs, |_| {});
        if inputs[0] == "order-commands" {
            assert_eq!(ends(&saga), before, "{inputs:?}");
        }
        assert_eq!(statuses(&saga), statuses(&shop), "{inputs:?}");
        assert_eq!((shop.stock("book"), shop.stock("pen")), stock, "{inputs:?}");
        assert_eq!(shop.money("ann"), money, "{inputs:?}");
    }
}

/// The buyer cancels what was paid, after the saga has read the commands and, in turn, nothing or all of the answers.
#[test]
fn a_cancellation_meanwhile_still_gives_everything_back() {
    let commands = ["order-commands"];
    for inputs in orders_of_inputs()
        .iter()
        .map(|inputs| inputs as &[&str])
        .chain([&commands as &[&str]])
    {
        let mut shop = used();
        let saga = reset(&mut shop, inputs, |saga| saga.cancel("paid", "ann", "c2"));
        let order = saga.order("paid");
        assert_eq!(
            (order.status, order.needs_attention),
            (OrderStatus::Cancelled, false),
            "{inputs:?}"
        );
        assert_eq!(
            (shop.stock("book"), shop.stock("pen"), shop.money("ann")),
            ((10, 0), (4, 0), (9_900, 0)),
            "{inputs:?}: the pen that was kept stays sold"
        );
    }
}

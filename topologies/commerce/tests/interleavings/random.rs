//! Random interleavings of larger worlds, and late duplicates after the end.

use proptest::prelude::*;

use crate::exhaustive::commands;
use crate::world::World;

/// Whether it is Ann's, whether a card pays, and its lines: whether of the first product, and how many.
type Ordered = (bool, bool, Vec<(bool, i64)>);

/// Orders, what they ask for, and how rich the buyers and full the shelves are.
fn world(orders: &[Ordered], stock: [i64; 2], money: [i64; 2]) -> World {
    let mut world = World::default();
    world.history.keep_messages = true;
    world = world.with_product("p", 10, stock[0]).with_product("q", 7, stock[1]);
    world = world.with_wallet("ann", money[0]).with_wallet("bob", money[1]);
    for (at, (of_ann, by_card, lines)) in orders.iter().enumerate() {
        let buyer = if *of_ann { "ann" } else { "bob" };
        let lines: Vec<_> = lines
            .iter()
            .map(|(of_p, quantity)| (if *of_p { "p" } else { "q" }, *quantity))
            .collect();
        world = world.with_order_by(&format!("o{at}"), buyer, &lines, by_card.then_some("card"));
    }
    world
}

/// One random act: mostly a delivery, sometimes a duplicate, a provider that declines or is not heard, a deadline, a command or a cancellation.
fn act(world: &mut World, kind: u8, choice: usize) {
    match kind {
        0..=79 if !world.under_way.is_empty() => world.deliver(choice % world.under_way.len(), false),
        80..=81 if !world.under_way.is_empty() => drop(world.decline(choice % world.under_way.len())),
        82..=83 if !world.under_way.is_empty() => drop(world.lose(choice % world.under_way.len())),
        84..=85 => {
            let asking = world.asking();
            if !asking.is_empty() {
                world.ask_again(&asking[choice % asking.len()]);
            }
        }
        86..=89 if !world.under_way.is_empty() => world.deliver(choice % world.under_way.len(), true),
        90..=96 => {
            let waiting = world.waiting();
            if !waiting.is_empty() {
                world.pass_deadline(&waiting[choice % waiting.len()]);
            }
        }
        97..=98 => {
            let orders: Vec<_> = world.orders.keys().cloned().collect();
            let (kind, by) = commands()[choice % 6].clone();
            if !orders.is_empty() {
                world.command(&orders[choice % orders.len()], kind, by);
            }
        }
        99 => {
            let orders: Vec<_> = world.orders.keys().cloned().collect();
            if !orders.is_empty() {
                world.cancel(&orders[choice % orders.len()]);
            }
        }
        _ => {}
    }
}

fn lines() -> impl Strategy<Value = Vec<(bool, i64)>> {
    proptest::collection::vec((any::<bool>(), 1i64..4), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_books_are_right_whatever_the_order_of_delivery(
        orders in proptest::collection::vec((any::<bool>(), any::<bool>(), lines()), 1..4),
        stock in [0i64..12, 0i64..12],
        money in [0i64..150, 0i64..150],
        acts in proptest::collection::vec((0u8..100, any::<usize>()), 0..150),
        late in proptest::collection::vec(any::<usize>(), 0..30),
    ) {
        let mut world = world(&orders, stock, money);
        for (kind, choice) in acts {
            act(&mut world, kind, choice);
            world.check_now();
        }
        world.hear_out();
        world.check_end();

        let ended: Vec<_> = world.orders.values().map(|order| (order.step(), order.payment)).collect();
        for choice in late {
            let messages = &world.history.messages;
            let message = messages[choice % messages.len()].clone();
            // A cancellation of a paid order is no duplicate, nor is what is done with lines: it may still be made.
            let words = format!("{message:?}");
            if !words.contains("Cancel(") && !words.contains("Lines(") {
                world.handle(message);
                world.check_now();
            }
        }
        world.hear_out();
        world.check_end();
        let after: Vec<_> = world.orders.values().map(|order| (order.step(), order.payment)).collect();
        prop_assert_eq!(ended, after, "late duplicates changed an order that had ended");
    }
}

//! Every interleaving of a small world.

use std::collections::HashSet;

use commerce::authority::Role;
use commerce::order::{LineCommandKind, Parcel};

use crate::world::World;

/// What may still be done to the world beside delivering what is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Budget {
    duplicates: u8,
    deadlines: u8,
    cancellations: u8,
    commands: u8,
    /// Calls that the payment provider declines.
    declines: u8,
    /// Calls to the payment provider, or its answers, that are lost.
    losses: u8,
    /// Times that it is asked again.
    silences: u8,
}

/// What buyers and sellers do with lines.
pub fn commands() -> [(LineCommandKind, Role); 6] {
    [
        (LineCommandKind::Ship(Parcel::default()), Role::Seller),
        (LineCommandKind::ConfirmDelivery, Role::Buyer),
        (LineCommandKind::RequestReturn { reason: None }, Role::Buyer),
        (LineCommandKind::RejectReturn { reason: None }, Role::Seller),
        (LineCommandKind::Refund { reason: None }, Role::Buyer),
        (LineCommandKind::Refund { reason: None }, Role::Seller),
    ]
}

/// Walks through every world that can be reached, and checks each of them. Answers how many there are.
fn search(world: World, budget: Budget) -> usize {
    let mut seen = HashSet::new();
    let mut open = vec![(world, budget)];
    while let Some((world, budget)) = open.pop() {
        if !seen.insert((world.identity(), budget)) {
            continue;
        }
        world.check_now();
        if world.under_way.is_empty() {
            after(&world, World::hear_out).check_end();
        }
        open.extend(successors(&world, budget));
    }
    seen.len()
}

fn successors(world: &World, budget: Budget) -> Vec<(World, Budget)> {
    let mut next = Vec::new();
    for at in (0..world.under_way.len()).filter(|at| !world.is_repeated(*at)) {
        next.push((after(world, |world| world.deliver(at, false)), budget));
        if let Some(duplicates) = budget.duplicates.checked_sub(1) {
            next.push((
                after(world, |world| world.deliver(at, true)),
                Budget { duplicates, ..budget },
            ));
        }
    }
    if let Some(deadlines) = budget.deadlines.checked_sub(1) {
        for order in world.waiting() {
            next.push((
                after(world, |world| world.pass_deadline(&order)),
                Budget { deadlines, ..budget },
            ));
        }
    }
    if let Some(cancellations) = budget.cancellations.checked_sub(1) {
        for order in world.orders.keys() {
            next.push((
                after(world, |world| world.cancel(order)),
                Budget {
                    cancellations,
                    ..budget
                },
            ));
        }
    }
    if let Some(left) = budget.commands.checked_sub(1) {
        let budget = Budget {
            commands: left,
            ..budget
        };
        for order in world.orders.keys() {
            for (kind, by) in commands() {
                next.push((after(world, |world| world.command(order, kind, by)), budget));
            }
        }
    }
    next.extend(of_provider(world, budget));
    next
}

/// What the payment provider, and the way to it, may do otherwise than expected.
fn of_provider(world: &World, budget: Budget) -> Vec<(World, Budget)> {
    let mut next = Vec::new();
    for at in (0..world.under_way.len()).filter(|at| !world.is_repeated(*at)) {
        let mut otherwise = world.clone();
        if let Some(declines) = budget.declines.checked_sub(1)
            && otherwise.decline(at)
        {
            next.push((otherwise, Budget { declines, ..budget }));
        }
        let mut otherwise = world.clone();
        if let Some(losses) = budget.losses.checked_sub(1)
            && otherwise.lose(at)
        {
            next.push((otherwise, Budget { losses, ..budget }));
        }
    }
    if let Some(silences) = budget.silences.checked_sub(1) {
        for payment in world.asking() {
            let asked = after(world, |world| world.ask_again(&payment));
            next.push((asked, Budget { silences, ..budget }));
        }
    }
    next
}

fn after(world: &World, act: impl FnOnce(&mut World)) -> World {
    let mut world = world.clone();
    act(&mut world);
    world
}

fn budget(duplicates: u8, deadlines: u8, cancellations: u8) -> Budget {
    Budget {
        duplicates,
        deadlines,
        cancellations,
        commands: 0,
        declines: 0,
        losses: 0,
        silences: 0,
    }
}

/// One order that a card pays.
fn by_card() -> World {
    let world = World::default().with_product("p", 10, 5);
    world.with_order_by("o", "ann", &[("p", 2)], Some("card"))
}

#[test]
fn one_line_by_card_whatever_the_provider_says_and_however_often() {
    let budget = Budget {
        declines: 1,
        silences: 1,
        ..budget(1, 0, 1)
    };
    report("by card", search(by_card(), budget));
}

#[test]
fn one_line_by_card_whose_calls_and_answers_are_lost() {
    let budget = Budget {
        losses: 1,
        silences: 1,
        ..budget(0, 3, 0)
    };
    report("by card, with losses", search(by_card(), budget));
}

#[test]
fn one_line_by_card_that_is_kept_or_given_back() {
    let mut world = by_card();
    world.drain();
    let budget = Budget {
        commands: 2,
        declines: 1,
        losses: 1,
        silences: 1,
        ..budget(1, 0, 0)
    };
    report("by card, after the payment", search(world, budget));
}

#[test]
fn one_order_by_card_and_one_from_the_wallet() {
    let world = World::default()
        .with_product("p", 10, 1)
        .with_wallet("ann", 100)
        .with_order_by("o1", "ann", &[("p", 1)], Some("card"))
        .with_order("o2", "ann", &[("p", 1)]);
    let budget = Budget {
        declines: 1,
        ..budget(0, 0, 1)
    };
    report("by card and from the wallet", search(world, budget));
}

fn report(what: &str, worlds: usize) {
    // Shown with `--nocapture`; a number that collapses means that the search no longer searches.
    eprintln!("{what}: {worlds} worlds");
    assert!(worlds > 100, "{what}: only {worlds} worlds");
}

#[test]
fn one_line_with_duplicates_deadlines_and_a_cancellation() {
    let world = World::default()
        .with_product("p", 10, 5)
        .with_wallet("ann", 100)
        .with_order("o", "ann", &[("p", 2)]);
    report("one line", search(world, budget(1, 2, 1)));
}

#[test]
fn one_line_through_all_deadlines_of_a_step_and_more() {
    let world = World::default()
        .with_product("p", 10, 5)
        .with_wallet("ann", 100)
        .with_order("o", "ann", &[("p", 2)]);
    report("all deadlines", search(world, budget(0, 5, 0)));
}

#[test]
fn two_lines_with_a_deadline_and_a_cancellation() {
    let world = World::default()
        .with_product("p", 10, 5)
        .with_product("q", 7, 5)
        .with_wallet("ann", 100)
        .with_order("o", "ann", &[("p", 2), ("q", 1)]);
    report("two lines", search(world, budget(0, 1, 1)));
}

#[test]
fn two_lines_of_which_one_is_out_of_stock() {
    let world = World::default()
        .with_product("p", 10, 5)
        .with_product("q", 7, 0)
        .with_wallet("ann", 100)
        .with_order("o", "ann", &[("p", 2), ("q", 1)]);
    report("out of stock", search(world, budget(1, 1, 1)));
}

#[test]
fn one_line_without_the_money() {
    let world = World::default()
        .with_product("p", 10, 5)
        .with_wallet("ann", 5)
        .with_order("o", "ann", &[("p", 2)]);
    report("no money", search(world, budget(1, 3, 1)));
}

#[test]
fn a_line_of_a_product_that_does_not_exist() {
    let world = World::default()
        .with_product("p", 10, 5)
        .with_wallet("ann", 100)
        .with_order("o", "ann", &[("p", 1), ("nothing", 1)]);
    report("unknown product", search(world, budget(1, 1, 1)));
}

/// What becomes of a line: every three things that buyer and seller do with it, at any moment, and a wait that is over.
#[test]
fn one_line_that_is_shipped_kept_or_given_back() {
    let world = World::default()
        .with_product("p", 10, 5)
        .with_wallet("ann", 100)
        .with_order("o", "ann", &[("p", 2)]);
    let budget = Budget {
        commands: 3,
        ..budget(0, 1, 0)
    };
    report("fulfilment", search(world, budget));
}

/// The same with answers that come twice, and a cancellation.
#[test]
fn one_line_that_is_given_back_while_its_order_is_cancelled() {
    let world = World::default()
        .with_product("p", 10, 5)
        .with_wallet("ann", 100)
        .with_order("o", "ann", &[("p", 2)]);
    let budget = Budget {
        commands: 2,
        ..budget(1, 0, 1)
    };
    report("fulfilment and cancellation", search(world, budget));
}

/// Lines go their own ways: each command is about all lines that it fits at that moment.
#[test]
fn two_lines_that_are_shipped_kept_or_given_back() {
    let mut world = World::default()
        .with_product("p", 10, 5)
        .with_product("q", 7, 5)
        .with_wallet("ann", 100)
        .with_order("o", "ann", &[("p", 2), ("q", 1)]);
    world.drain();
    let budget = Budget {
        commands: 3,
        ..budget(1, 1, 0)
    };
    report("two lines after the payment", search(world, budget));
}

#[test]
fn two_orders_for_the_last_piece() {
    let world = World::default()
        .with_product("p", 10, 1)
        .with_wallet("ann", 100)
        .with_wallet("bob", 100)
        .with_order("o1", "ann", &[("p", 1)])
        .with_order("o2", "bob", &[("p", 1)]);
    report("last piece", search(world, budget(0, 1, 1)));
}

#[test]
fn two_orders_for_the_same_money() {
    let world = World::default()
        .with_product("p", 10, 2)
        .with_wallet("ann", 15)
        .with_order("o1", "ann", &[("p", 1)])
        .with_order("o2", "ann", &[("p", 1)]);
    report("same money", search(world, budget(0, 1, 1)));
}

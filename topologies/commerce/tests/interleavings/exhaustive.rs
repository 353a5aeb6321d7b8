//! Every interleaving of a small world.

use std::collections::HashSet;

use crate::world::World;

/// What may still be done to the world beside delivering what is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Budget {
    duplicates: u8,
    deadlines: u8,
    cancellations: u8,
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
            world.check_end();
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
    }
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

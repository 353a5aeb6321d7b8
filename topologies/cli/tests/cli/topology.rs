//! `sluice topology`.

use crate::process::without_state;

#[test]
fn the_orders_topology_is_drawn_as_it_was_agreed() {
    let drawn = without_state(&["topology", "describe", "orders"]);
    let agreed = include_str!("orders.topology.txt");
    assert_eq!(
        drawn.stdout, agreed,
        "if it is meant to change, put `sluice topology describe orders` into tests/cli/orders.topology.txt"
    );
}

#[test]
fn a_topology_is_drawn_as_json_and_as_a_flowchart() {
    let json = without_state(&["topology", "describe", "orders", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["topology"], "orders");
    let chart = without_state(&["topology", "describe", "views", "--form", "mermaid"]);
    assert!(chart.stdout.starts_with("flowchart LR\n"), "{}", chart.stdout);
}

#[test]
fn all_topologies_are_listed_and_others_refused() {
    let listed = without_state(&["topology", "list"]);
    for name in ["accounts", "products", "payments", "orders", "views", "webhooks"] {
        assert!(listed.stdout.lines().any(|line| line.starts_with(name)), "{name}");
    }
    let unknown = without_state(&["topology", "describe", "shipping"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown
            .stderr
            .contains("there are accounts, products, payments, orders, views, webhooks"),
        "{}",
        unknown.stderr
    );
}

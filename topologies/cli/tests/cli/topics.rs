//! `sluice topics` and `sluice schemas`.

use serde_json::Value;

use crate::process::Sluice;

#[test]
fn a_plan_names_what_is_missing_and_applying_it_leaves_nothing_to_do() {
    let sluice = Sluice::new();
    let planned = sluice.run(&["topics", "plan", "--output", "json"]);
    assert_eq!(planned.code, 2, "differences have their own exit code");
    let plan: Vec<Value> = serde_json::from_str(&planned.stdout).unwrap();
    assert!(plan.iter().all(|step| step["action"] == "create"));
    for name in [
        "orders",
        "sluice-orders-tasks",
        "sluice-orders-0-changelog",
        "sluice-orders-dead-letters",
    ] {
        assert!(plan.iter().any(|step| step["topic"]["name"] == name), "{name}");
    }

    assert_eq!(sluice.run(&["topics", "apply"]).code, 0);
    let planned = sluice.run(&["topics", "plan"]);
    assert_eq!(planned.code, 0, "{}", planned.stdout);
    assert!(
        planned.stdout.lines().skip(1).all(|line| line.ends_with("keep")),
        "{}",
        planned.stdout
    );
}

#[test]
fn internal_topics_carry_the_prefix_of_the_application() {
    let sluice = Sluice::new();
    let planned = sluice.run(&["topics", "plan", "--application-id", "blue"]);
    assert!(planned.stdout.contains("blue-orders-tasks"), "{}", planned.stdout);
    assert!(!planned.stdout.contains("sluice-"), "{}", planned.stdout);
}

#[test]
fn schemas_are_new_until_they_are_registered_and_keep_their_ids() {
    let sluice = Sluice::new();
    let checked = sluice.json(&["schemas", "check"]);
    assert!(
        checked.as_array().unwrap().iter().all(|line| line["state"] == "new"),
        "{checked}"
    );
    let registered = sluice.json(&["schemas", "register"]);
    assert_eq!(sluice.json(&["schemas", "check"]), registered);
    assert_eq!(sluice.json(&["schemas", "register"]), registered);
    let orders = registered
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["subject"] == "orders-value")
        .unwrap();
    assert_eq!(
        (&orders["state"], &orders["level"]),
        (&"registered".into(), &"FULL".into())
    );
}

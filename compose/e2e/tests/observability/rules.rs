//! Rules and documents, without a running system.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use e2e::run;

use crate::expressions::{of_all_rules, of_dashboards, of_rules, selectors};
use crate::folder;
use crate::scrape::{family_name, table};

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(folder())
        .output()
        .expect("promtool is missing: ./dev deps --stack");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[test]
fn prometheus_accepts_the_configuration_and_the_rules() {
    promtool(&["check", "config", "--syntax-only", "prometheus.yml"]);
    promtool(&["check", "rules", "rules/recording.yml", "rules/alerts.yml"]);
}

#[test]
fn every_alert_fires_when_it_must_and_is_silent_near_that() {
    promtool(&["test", "rules", "rules/tests/alerts.yml"]);
    let tests = fs::read_to_string(folder().join("rules/tests/alerts.yml")).unwrap();
    for alert in of_rules("alerts.yml", "alert").keys() {
        for does in ["fires", "is silent"] {
            assert!(tests.contains(&format!("- name: {alert} {does}\n")), "{alert} {does}");
        }
    }
}

#[test]
fn every_alert_says_what_is_wrong_and_what_to_do_next() {
    for (alert, rule) in of_rules("alerts.yml", "alert") {
        for annotation in ["summary", "description", "runbook"] {
            let text = rule["annotations"][annotation].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{alert} has no {annotation}");
        }
        assert!(rule["for"].is_string(), "{alert} does not say for how long");
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("page" | "ticket")), "{alert}: {severity:?}");
    }
}

#[test]
fn no_query_names_a_metric_that_nobody_declares() {
    let (table, recorded) = (table(), of_rules("recording.yml", "record"));
    for expression in of_dashboards().into_iter().chain(of_all_rules()) {
        for (name, _) in selectors(&expression.text) {
            let is_known = family_name(&name, |name| table.contains_key(name)).is_some();
            let is_recorded = recorded.contains_key(&name);
            assert!(is_known || is_recorded || name == "up", "{expression:?}: {name}");
        }
    }
}

#[test]
fn every_metric_is_on_a_dashboard_or_in_a_rule() {
    let mut used = BTreeSet::new();
    let table = table();
    for expression in of_dashboards().into_iter().chain(of_all_rules()) {
        for (name, _) in selectors(&expression.text) {
            used.extend(family_name(&name, |name| table.contains_key(name)));
        }
    }
    let unused: Vec<&String> = table.keys().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn the_document_lists_what_the_binary_lists() {
    let printed = run(&["metrics", "--form", "markdown"], &[]).unwrap().printed;
    let document = fs::read_to_string(folder().join("metrics.md")).unwrap();
    assert!(
        document.ends_with(&printed),
        "write what `sluice metrics --form markdown` prints behind the introduction of metrics.md"
    );
}

#[test]
fn the_runbook_lists_every_alert() {
    let document = fs::read_to_string(folder().join("README.md")).unwrap();
    for (alert, rule) in of_rules("alerts.yml", "alert") {
        let runbook = rule["annotations"]["runbook"].as_str().unwrap();
        let row = format!(
            "| `{alert}` | {} | {runbook} |",
            rule["labels"]["severity"].as_str().unwrap()
        );
        assert!(document.contains(&row), "{row}");
    }
}

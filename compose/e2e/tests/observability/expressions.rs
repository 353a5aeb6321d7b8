//! The expressions of dashboards and rules, and the selectors in them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value as Json;
use serde_yaml_ng::Value as Yaml;

use crate::folder;

/// An expression, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) place: String,
    pub(crate) text: String,
}

/// The queries of every panel of every dashboard.
pub(crate) fn of_dashboards() -> Vec<Expression> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder().join("grafana/dashboards")).unwrap() {
        let path = file.unwrap().path();
        let dashboard: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            assert!(panel["description"].is_string(), "{title} does not say what it shows");
            for target in panel["targets"].as_array().unwrap() {
                found.push(Expression {
                    place: format!("{}: {title}", path.file_name().unwrap().display()),
                    text: target["expr"].as_str().unwrap().to_owned(),
                });
            }
        }
    }
    found
}

/// The rules of one file, by the name under `key`: `record` or `alert`.
pub(crate) fn of_rules(file: &str, key: &str) -> BTreeMap<String, Yaml> {
    let text = fs::read_to_string(folder().join("rules").join(file)).unwrap();
    let whole: Yaml = serde_yaml_ng::from_str(&text).unwrap();
    let groups = whole["groups"].as_sequence().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_sequence().unwrap());
    rules
        .map(|rule| (rule[key].as_str().unwrap().to_owned(), rule.clone()))
        .collect()
}

/// The expressions of all rules.
pub(crate) fn of_all_rules() -> Vec<Expression> {
    let rules = of_rules("recording.yml", "record").into_iter();
    let rules = rules.chain(of_rules("alerts.yml", "alert"));
    rules
        .map(|(place, rule)| Expression {
            place,
            text: rule["expr"].as_str().unwrap().to_owned(),
        })
        .collect()
}

/// The selectors of an expression: a metric's name, and the braces behind it.
pub(crate) fn selectors(expression: &str) -> Vec<(String, String)> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let end = word.find(|letter| !is_part(letter)).unwrap_or(word.len());
        let (name, behind) = word.split_at(end);
        let braces = behind.strip_prefix('{').map(|inside| inside.find('}').unwrap() + 2);
        let (braces, behind) = behind.split_at(braces.unwrap_or(0));
        let is_metric = ["sluice_", "process_", "topology:"]
            .iter()
            .any(|start| name.starts_with(start));
        if is_metric || name == "up" {
            found.push((name.to_owned(), braces.to_owned()));
        }
        rest = behind;
    }
    found
}

#[test]
fn selectors_are_found_wherever_they_stand() {
    let found = selectors("sum by (a) (rate(sluice_x_total{a=~\"b|c\"}[5m])) / topology:y:sum > 2 unless up");
    let expected = [("sluice_x_total", "{a=~\"b|c\"}"), ("topology:y:sum", ""), ("up", "")];
    assert_eq!(
        found,
        expected.map(|(name, braces)| (name.to_owned(), braces.to_owned()))
    );
}

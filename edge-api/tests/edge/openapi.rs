//! The description of the API is the API.

use std::collections::BTreeSet;

use crate::support::Shop;
use edge_api::auth::access::{OPERATIONS, Operation, Who};
use serde_json::Value;

async fn description() -> Value {
    Shop::open()
        .await
        .anonymous()
        .get("/openapi.json")
        .await
        .expect(200)
        .body
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_the_table_is_described_and_no_other() {
    let description = description().await;
    assert_eq!(description["openapi"], "3.1.0");
    let described: BTreeSet<(String, String)> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods
                .map(|method| (method.to_uppercase(), path.clone()))
                .collect::<Vec<_>>()
        })
        .collect();
    let listed: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|operation| (operation.method.to_owned(), operation.path.to_owned()))
        .collect();
    assert_eq!(described, listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_token_says_so_and_everything_may_answer_with_a_problem() {
    let description = description().await;
    assert_eq!(description["security"][0]["access_token"], serde_json::json!([]));
    for Operation { method, path, who, .. } in OPERATIONS {
        let operation = &description["paths"][path][method.to_lowercase()];
        let is_public = operation["security"] == serde_json::json!([{}]);
        assert_eq!(is_public, *who == Who::Public, "{method} {path}");
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(problem, "#/components/schemas/ProblemBody", "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_in_the_description_leads_somewhere() {
    let description = description().await;
    let mut references = Vec::new();
    collect(&description, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[tokio::test]
async fn operations_have_names_of_their_own_and_links_lead_to_them() {
    let description = description().await;
    let paths = description["paths"].as_object().unwrap().values();
    let operations: Vec<&Value> = paths.flat_map(|path| path.as_object().unwrap().values()).collect();
    let ids: Vec<&str> = operations
        .iter()
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    let answers = operations
        .iter()
        .flat_map(|operation| operation["responses"].as_object().unwrap().values());
    let links: Vec<&Value> = answers
        .filter_map(|answer| answer.get("links"))
        .flat_map(|links| links.as_object().unwrap().values())
        .collect();
    assert!(links.len() >= 20, "{}", links.len());
    for link in links {
        assert!(unique.contains(link["operationId"].as_str().unwrap()), "{link}");
        assert!(
            link["parameters"]["id"]
                .as_str()
                .unwrap()
                .starts_with("$response.body#/"),
            "{link}"
        );
    }
}

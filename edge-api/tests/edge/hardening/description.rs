//! What the description of the API says of every request.

use std::collections::BTreeMap;

use edge_api::auth::access::OPERATIONS;
use serde_json::{Value, json};

use super::{described, description, parameters};
use crate::support::Shop;

/// Request fields without bounds of their own: they are compared with what is kept, and never kept themselves.
const COMPARED_ONLY: [&str; 15] = [
    "Closing/password",
    "Confirmation/code",
    "Confirmation/enrolment",
    "EnrolmentRequest/password",
    "Login/code",
    "Login/email",
    "Login/password",
    "PasswordChange/current_password",
    "PasswordReset/code",
    "PasswordReset/email",
    "PasswordReset/reset_code",
    "Refresh/refresh_token",
    "Removal/code",
    "Removal/password",
    "SessionEnding/password",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_request_names_an_address_to_call_and_no_address_holds_a_secret() {
    let shop = Shop::open().await;
    let description = description(&shop).await;
    for operation in OPERATIONS {
        for kind in ["path", "query"] {
            for name in parameters(&description, operation, kind) {
                assert!(["id", "limit", "cursor", "status"].contains(&name.as_str()), "{name}");
            }
        }
    }
    let mut fields = BTreeMap::new();
    for operation in OPERATIONS {
        let body = &described(&description, operation)["requestBody"]["content"]["application/json"]["schema"];
        collect(&description, body, "", &mut fields);
    }
    for (field, schema) in fields {
        assert!(
            !["uri", "url", "hostname"].iter().any(|form| schema["format"] == *form),
            "{field}"
        );
        let words = ["url", "uri", "callback", "webhook", "host", "endpoint"];
        assert!(!words.iter().any(|word| field.contains(word)), "{field}");
    }
    let buyer = shop.buyer().await;
    let token = buyer.client.token.as_deref().unwrap();
    for name in ["access_token", "authorization", "token"] {
        let reply = shop.anonymous().get(&format!("/me?{name}={token}")).await;
        reply.expect_problem(401, "UNAUTHENTICATED");
    }
}

/// All fields below a schema, by the name of their object and their own.
fn collect<'d>(description: &'d Value, schema: &'d Value, name: &str, fields: &mut BTreeMap<String, &'d Value>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let (_, name) = reference.rsplit_once('/').unwrap();
        return collect(description, &description["components"]["schemas"][name], name, fields);
    }
    for part in ["oneOf", "allOf", "anyOf"]
        .iter()
        .filter_map(|part| schema[part].as_array())
        .flatten()
    {
        collect(description, part, name, fields);
    }
    if schema["items"].is_object() {
        collect(description, &schema["items"], name, fields);
    }
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{name}/{field}");
        collect(description, schema, &place, fields);
        fields.insert(place, schema);
    }
}

fn has_bounds(schema: &Value) -> bool {
    let is = |kind: &str| {
        schema["type"] == kind
            || schema["type"]
                .as_array()
                .is_some_and(|kinds| kinds.contains(&json!(kind)))
    };
    let says = |name: &str| !schema[name].is_null();
    if is("string") {
        says("maxLength") || says("pattern") || says("enum")
    } else if is("integer") {
        says("minimum") && says("maximum")
    } else if is("array") {
        says("maxItems")
    } else {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_request_says_its_bounds_unless_it_is_only_compared() {
    let description = description(&Shop::open().await).await;
    let mut fields = BTreeMap::new();
    for operation in OPERATIONS {
        let body = &described(&description, operation)["requestBody"]["content"]["application/json"]["schema"];
        collect(&description, body, "", &mut fields);
    }
    assert!(fields.len() > 20, "{fields:?}");
    let without: Vec<&String> = fields
        .iter()
        .filter(|(_, schema)| !has_bounds(schema))
        .map(|(field, _)| field)
        .collect();
    assert_eq!(without, COMPARED_ONLY);
}

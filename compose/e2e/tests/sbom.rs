//! The bill of materials has everything that the lock file, the manifests and the launchers bring in.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use e2e::{sbom, workspace};
use serde_json::Value;

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).unwrap()
}

/// Components by their package URL.
fn components() -> BTreeMap<String, Value> {
    let bill = sbom::bill().unwrap();
    assert_eq!(
        (&bill["bomFormat"], &bill["specVersion"]),
        (&"CycloneDX".into(), &"1.6".into())
    );
    let components = bill["components"].as_array().unwrap().clone();
    let count = components.len();
    let named = components
        .into_iter()
        .map(|component| (component["purl"].as_str().unwrap().to_owned(), component));
    let named: BTreeMap<_, _> = named.collect();
    assert_eq!(named.len(), count, "a component stands twice");
    named
}

#[test]
fn every_crate_of_the_lock_file_is_there_with_its_hash_and_its_licence() {
    let components = components();
    let mut fetched = 0;
    for package in read("Cargo.lock").split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{name} = \"")));
            line.map(|value| value.trim_end_matches('"').to_owned())
        };
        let purl = format!("pkg:cargo/{}@{}", field("name").unwrap(), field("version").unwrap());
        let component = &components[&purl];
        if let Some(checksum) = field("checksum") {
            assert_eq!(component["hashes"][0]["content"], Value::from(checksum), "{purl}");
            assert!(component["licenses"][0]["expression"].is_string(), "{purl}");
            fetched += 1;
        }
    }
    assert!(fetched > 300, "{fetched}");
}

#[test]
fn what_is_no_crate_is_there_too_with_the_version_that_is_pinned() {
    let components = components();
    let versions = read("compose/versions.env");
    let pinned = versions
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='));
    for (name, version) in pinned.filter(|(name, _)| !name.starts_with("MAVEN_")) {
        let is_there = components.keys().any(|purl| purl.ends_with(&format!("@{version}")));
        assert!(is_there, "{name}={version}");
    }
    let kustomization = read("compose/kubernetes/kustomization.yaml");
    let tags = kustomization
        .lines()
        .filter_map(|line| line.trim().strip_prefix("newTag: "));
    for tag in tags.filter(|tag| *tag != "latest") {
        assert!(
            components.keys().any(|purl| purl.ends_with(&format!("@{tag}"))),
            "{tag}"
        );
    }
    for library in [
        "confluentinc/librdkafka@v",
        "facebook/rocksdb@v",
        "debian/libssl3",
        "docker/debian@",
        "docker/rust@",
    ] {
        assert!(components.keys().any(|purl| purl.contains(library)), "{library}");
    }
}

#[test]
fn what_builds_and_tests_the_program_is_told_apart_from_what_is_in_it() {
    let components = components();
    let scope = |name: &str| {
        let begin = format!("pkg:cargo/{name}@");
        let found = components.iter().filter(|(purl, _)| purl.starts_with(&begin));
        found
            .map(|(_, component)| component["scope"].as_str().unwrap())
            .collect::<BTreeSet<_>>()
    };
    for name in ["sluice", "edge-api", "rdkafka-sys", "rustls", "argon2", "openssl-sys"] {
        assert!(scope(name).contains("required"), "{name}");
    }
    for name in ["simulation", "e2e", "rcgen", "benchmark", "proptest"] {
        assert_eq!(scope(name), BTreeSet::from(["excluded"]), "{name}");
    }
}

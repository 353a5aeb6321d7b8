//! The rules of the house that the compiler does not enforce by itself: which crate may depend on what, and what stands at the top.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Crates that are pure: no I/O, no clock, no randomness, no threads.
const PURE: [&str; 3] = ["streams", "commerce", "schemas"];

/// Dependencies that a pure crate must never have, directly or through another crate of the workspace.
const IMPURE: [&str; 12] = [
    "tokio",
    "rdkafka",
    "rocksdb",
    "axum",
    "redis",
    "reqwest",
    "hyper",
    "runtime",
    "state-stores",
    "edge-api",
    "getrandom",
    "schema_registry_converter",
];

/// What may stand at the top of the repository besides dotfiles.
const TOP_LEVEL: [&str; 16] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "LICENSE",
    "dev",
    "deny.toml",
    "rustfmt.toml",
    "rust-toolchain.toml",
    "topologies",
    "schemas",
    "state-stores",
    "edge-api",
    "compose",
    "target",
];

fn root() -> &'static Path {
    Path::new("../..")
}

/// For each crate of the workspace, the names of its normal and build dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn package(package: &Value) -> (String, BTreeSet<String>) {
    let name = package["name"].as_str().unwrap().to_owned();
    let shipped = package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|dependency| dependency["kind"] != "dev");
    (
        name,
        shipped
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect(),
    )
}

#[test]
fn pure_crates_depend_on_nothing_that_does_io_reads_clocks_or_spawns() {
    let dependencies = dependencies();
    for name in PURE {
        let own = dependencies.get(name).expect("the crate exists");
        let found: Vec<_> = own
            .iter()
            .filter(|dependency| IMPURE.contains(&dependency.as_str()))
            .collect();
        assert!(found.is_empty(), "{name} must stay pure but depends on {found:?}");
    }
}

#[test]
fn the_engine_knows_nothing_of_the_shop() {
    let dependencies = dependencies();
    for name in ["streams", "state-stores", "runtime"] {
        assert!(
            !dependencies[name].contains("commerce"),
            "{name} must not depend on commerce"
        );
        assert!(
            !dependencies[name].contains("edge-api"),
            "{name} must not depend on edge-api"
        );
    }
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate_but_the_one_that_calls_the_c_client() {
    let manifest = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    assert!(manifest("Cargo.toml").contains("unsafe_code = \"forbid\""));
    for path in [
        "topologies/streams",
        "topologies/commerce",
        "topologies/cli",
        "schemas",
        "state-stores",
        "edge-api",
    ] {
        let text = manifest(&format!("{path}/Cargo.toml"));
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{path} must take the workspace's lints"
        );
    }
    assert!(manifest("topologies/runtime/Cargo.toml").contains("unsafe_code = \"deny\""));
}

#[test]
fn nothing_stands_at_the_top_that_the_architecture_does_not_name() {
    let entries = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let unknown: Vec<_> = entries
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?} have no room in ARCHITECTURE.md");
}

//! compose.yaml and the Kubernetes manifests, read with a parser and held against what they speak of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use e2e::{binary, workspace};
use schemas::SchemaTable;
use serde::Deserialize;
use serde_yaml_ng::Value;

/// The parts that `./dev stack` takes from the file.
const PARTS: [&str; 3] = ["kafka", "registry", "redis"];

fn compose_file() -> PathBuf {
    workspace().join("compose/compose.yaml")
}

/// The pinned versions.
fn versions() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(workspace().join("compose/versions.env")).unwrap();
    let pairs = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Fills `${NAME:?...}` and `${NAME:-default}` in as Docker Compose does; `$$` is a dollar sign.
fn interpolate(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (inside, after) = rest.strip_prefix('{').unwrap().split_once('}').unwrap();
        let (name, default) = inside.split_once(':').unwrap_or((inside, "?"));
        let value = variables.get(name).cloned();
        out.push_str(
            &value
                .or_else(|| default.strip_prefix('-').map(str::to_owned))
                .unwrap_or_else(|| panic!("{name} is not set")),
        );
        rest = after;
    }
    out + rest
}

/// The services, with variables and merge keys resolved.
fn compose() -> (Value, BTreeMap<String, Value>) {
    let text = interpolate(&std::fs::read_to_string(compose_file()).unwrap(), &versions());
    let mut whole: Value = serde_yaml_ng::from_str(&text).unwrap();
    whole.apply_merge().unwrap();
    let services = whole["services"].as_mapping().unwrap();
    let named = services
        .iter()
        .map(|(name, service)| (name.as_str().unwrap().to_owned(), service.clone()));
    let named = named.collect();
    (whole, named)
}

fn names(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Mapping(map) => map.keys().map(|name| name.as_str().unwrap().to_owned()).collect(),
        Value::Sequence(list) => list.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn the_compose_file_names_only_what_it_has() {
    let (whole, services) = compose();
    let known: BTreeSet<String> = services.keys().cloned().collect();
    let volumes = names(&whole["volumes"]);
    let mut mounted = BTreeSet::new();
    for (name, service) in &services {
        assert!(service["image"].is_string(), "{name} has no image");
        assert!(names(&service["depends_on"]).is_subset(&known), "{name}");
        for mount in names(&service["volumes"]) {
            let source = mount.split(':').next().unwrap();
            if source.starts_with("./") {
                assert!(
                    workspace().join("compose").join(source).exists(),
                    "{name} mounts {source}"
                );
            } else {
                mounted.insert(source.to_owned());
            }
        }
        for port in names(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port} to everybody");
        }
        let healthy = service["depends_on"].as_mapping().into_iter().flatten();
        for (other, condition) in healthy {
            let condition = condition["condition"].as_str().unwrap();
            let health = &services[other.as_str().unwrap()]["healthcheck"];
            assert_eq!(
                condition == "service_healthy",
                health["test"].is_sequence() && health["disable"].is_null(),
                "{name}: {other:?}"
            );
        }
    }
    assert_eq!(mounted, volumes, "every volume is declared and mounted");
    assert!(PARTS.iter().all(|part| known.contains(*part)));
}

#[test]
fn the_compose_file_takes_every_version_from_the_one_place() {
    let (_, services) = compose();
    let versions = versions();
    for (part, version) in [
        ("kafka", "KAFKA_VERSION"),
        ("registry", "APICURIO_VERSION"),
        ("redis", "REDIS_VERSION"),
        ("prometheus", "PROMETHEUS_VERSION"),
        ("grafana", "GRAFANA_VERSION"),
        ("jaeger", "JAEGER_VERSION"),
    ] {
        let image = services[part]["image"].as_str().unwrap();
        assert!(image.ends_with(&format!(":{}", versions[version])), "{image}");
    }
}

#[test]
fn every_topology_has_a_service_and_every_command_is_one_of_sluice() {
    let (_, services) = compose();
    let topologies = commerce::topologies::all(&Arc::new(SchemaTable::new())).unwrap();
    for topology in &topologies {
        let command = names_in_order(&services[topology.name()]["command"]);
        assert_eq!(command, ["run", topology.name()]);
    }
    let commands = services
        .values()
        .filter(|service| service["image"] == "sluice:latest")
        .map(|service| &service["command"]);
    let manifests = manifests();
    let containers = manifests.iter().flat_map(containers);
    let commands: Vec<Vec<String>> = commands
        .chain(containers.map(|container| &container["args"]))
        .map(names_in_order)
        .collect();
    assert!(commands.len() > topologies.len() + 2, "{commands:?}");
    for command in commands.iter().filter(|command| !command.is_empty()) {
        let help = Command::new(binary().unwrap())
            .args(command)
            .arg("--help")
            .output()
            .unwrap();
        assert!(
            help.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&help.stderr)
        );
    }
}

/// What the container says of the broker is what the processes' `server.properties` say.
#[test]
fn the_broker_has_the_same_settings_in_a_container_and_as_a_process() {
    let (_, services) = compose();
    let environment = services["kafka"]["environment"].as_mapping().unwrap();
    let text = std::fs::read_to_string(workspace().join("compose/kafka/server.properties")).unwrap();
    let own: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect();
    let mut compared = 0;
    for (name, value) in environment {
        let name = name
            .as_str()
            .unwrap()
            .strip_prefix("KAFKA_")
            .unwrap()
            .to_lowercase()
            .replace('_', ".");
        let value = value
            .as_str()
            .map(str::to_owned)
            .or_else(|| value.as_i64().map(|number| number.to_string()))
            .unwrap();
        let places = [
            "listeners",
            "voters",
            "listener",
            "protocol",
            "dirs",
            "heap",
            "jvm",
            "node.id",
            "process.roles",
        ];
        if places.iter().any(|place| name.contains(place)) {
            continue;
        }
        assert_eq!(own.get(name.as_str()), Some(&value.as_str()), "{name}");
        compared += 1;
    }
    assert!(compared >= 10, "{compared}");
}

#[test]
fn the_broker_has_the_same_java_options_in_a_container_and_as_a_process() {
    let (_, services) = compose();
    let contained = services["kafka"]["environment"]["KAFKA_JVM_PERFORMANCE_OPTS"]
        .as_str()
        .unwrap();
    let text = std::fs::read_to_string(workspace().join("compose/kafka/jvm.options")).unwrap();
    let own: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(!own.is_empty());
    assert_eq!(contained.split_whitespace().collect::<Vec<_>>(), own);
}

#[test]
fn the_kubernetes_manifests_parse_and_fit_together() {
    let manifests = manifests();
    let kinds: BTreeSet<&str> = manifests
        .iter()
        .map(|manifest| manifest["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains("StatefulSet") && kinds.contains("Service"), "{kinds:?}");
    for manifest in &manifests {
        assert!(
            manifest["apiVersion"].is_string() && manifest["metadata"]["name"].is_string(),
            "{manifest:?}"
        );
        let labels = &manifest["spec"]["template"]["metadata"]["labels"];
        let selector = &manifest["spec"]["selector"]["matchLabels"];
        if let Some(selector) = selector.as_mapping() {
            let chosen = selector
                .iter()
                .all(|(name, value)| labels.get(name) == Some(value) || labels.is_null());
            assert!(chosen, "{manifest:?}");
        }
        for container in containers(manifest) {
            let volumes = names_of(&manifest["spec"]["template"]["spec"]["volumes"])
                .chain(names_of_claims(manifest))
                .collect::<BTreeSet<_>>();
            for mount in names_of(&container["volumeMounts"]) {
                assert!(volumes.contains(&mount), "{mount} is not declared");
            }
        }
    }
}

/// Every document of every file that the kustomization lists.
fn manifests() -> Vec<Value> {
    let folder = workspace().join("compose/kubernetes");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let list: Value = serde_yaml_ng::from_str(&read("kustomization.yaml")).unwrap();
    let files = names_in_order(&list["resources"]);
    assert!(!files.is_empty());
    let documents = |file: &String| {
        let text = read(file);
        let documents = serde_yaml_ng::Deserializer::from_str(&text);
        documents
            .map(|document| Value::deserialize(document).unwrap())
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(documents).collect()
}

fn containers(manifest: &Value) -> impl Iterator<Item = &Value> {
    let pod = &manifest["spec"]["template"]["spec"];
    let lists = ["containers", "initContainers"].map(|list| pod[list].as_sequence());
    lists.into_iter().flatten().flatten()
}

fn names_of(list: &Value) -> impl Iterator<Item = String> {
    let list = list.as_sequence().cloned().unwrap_or_default();
    list.into_iter().map(|entry| entry["name"].as_str().unwrap().to_owned())
}

fn names_of_claims(manifest: &Value) -> impl Iterator<Item = String> {
    let claims = manifest["spec"]["volumeClaimTemplates"]
        .as_sequence()
        .cloned()
        .unwrap_or_default();
    claims
        .into_iter()
        .map(|claim| claim["metadata"]["name"].as_str().unwrap().to_owned())
}

fn names_in_order(list: &Value) -> Vec<String> {
    let list = list.as_sequence().cloned().unwrap_or_default();
    list.into_iter()
        .map(|entry| entry.as_str().unwrap().to_owned())
        .collect()
}

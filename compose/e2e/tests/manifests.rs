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
    let ours = |container: &&Value| container["image"] == "sluice";
    let containers = manifests.iter().flat_map(containers).filter(ours);
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

/// Settings that every process has, from `sluice.env`.
fn settings() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(workspace().join("compose/kubernetes/sluice.env")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The manifest of this kind and name.
fn manifest(kind: &str, name: &str) -> Value {
    let found = manifests()
        .into_iter()
        .find(|manifest| manifest["kind"] == kind && manifest["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// The variables of the only container.
fn variables(workload: &Value) -> BTreeMap<String, String> {
    let list = workload["spec"]["template"]["spec"]["containers"][0]["env"].as_sequence();
    let named = list.into_iter().flatten().filter_map(|entry| {
        let (name, value) = (entry["name"].as_str()?, entry["value"].as_str()?);
        Some((name.to_owned(), value.to_owned()))
    });
    named.collect()
}

#[test]
fn nothing_in_the_cluster_is_spoken_to_in_the_clear() {
    let settings = settings();
    let manifests = manifests();
    let workloads = ["StatefulSet", "Deployment", "Job"];
    let pods = manifests
        .iter()
        .filter(|manifest| workloads.iter().any(|kind| manifest["kind"] == *kind));
    let own = pods.map(variables);
    let all: Vec<(String, String)> = own.flatten().chain(settings.clone()).collect();
    assert!(all.iter().all(|(name, _)| name != "SLUICE_ALLOW_PLAINTEXT"), "{all:?}");
    assert!(settings["SLUICE_REGISTRY"].starts_with("https://"));
    assert!(settings["SLUICE_REDIS"].starts_with("rediss://"));
    // The program itself refuses to start on them without TLS: topologies/cli/tests/cli/protection.rs.
    for name in [
        "SLUICE_INTERNAL_CA_FILE",
        "SLUICE_INTERNAL_CERTIFICATE_FILE",
        "SLUICE_SERVICE_CA_FILE",
    ] {
        assert!(settings[name].starts_with("/etc/sluice/"), "{name}");
    }
    for manifest in &manifests {
        for container in containers(manifest) {
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                let asked = &container[probe]["httpGet"];
                assert!(asked.is_null() || asked["scheme"] == "HTTPS", "{manifest:?}: {probe}");
            }
        }
    }
}

#[test]
fn clients_get_a_certificate_that_browsers_trust_and_no_port_in_the_clear() {
    let edge = manifest("Deployment", "sluice-edge");
    let file = variables(&edge)["SLUICE_TLS_CERTIFICATE_FILE"].clone();
    let (folder, _) = file.rsplit_once('/').unwrap();
    let container = &edge["spec"]["template"]["spec"]["containers"][0];
    let mounts = container["volumeMounts"].as_sequence().unwrap();
    let mount = mounts.iter().find(|mount| mount["mountPath"] == folder).unwrap();
    let volumes = edge["spec"]["template"]["spec"]["volumes"].as_sequence().unwrap();
    let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
    let public = manifest("Certificate", "sluice-public");
    assert_eq!(volume["secret"]["secretName"], public["spec"]["secretName"]);
    // Of a public authority, not of our own.
    assert_eq!(public["spec"]["issuerRef"]["kind"], "ClusterIssuer");
    let service = manifest("Service", "sluice-edge");
    let ports = service["spec"]["ports"].as_sequence().unwrap();
    assert_eq!(ports.len(), 1);
    assert_eq!(
        (&ports[0]["port"], &ports[0]["targetPort"]),
        (&Value::from(443), &Value::from("https"))
    );
}

#[test]
fn instances_are_asked_by_the_names_that_their_certificate_has() {
    let set = manifest("StatefulSet", "sluice-topologies");
    let advertised = variables(&set)["SLUICE_ADVERTISE"].clone();
    let (_, rest) = advertised.split_once(')').unwrap();
    let (name, port) = rest.rsplit_once(':').unwrap();
    let certificate = manifest("Certificate", "sluice-topologies");
    assert_eq!(certificate["spec"]["dnsNames"][0], Value::from(format!("*{name}")));
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        container["ports"][0]["containerPort"].as_u64().unwrap().to_string(),
        port
    );
    let authority = &manifest("Certificate", "sluice-authority")["spec"];
    assert_eq!(authority["isCA"], true);
    let inside = ["sluice-topologies", "sluice-edge", "sluice-operator"];
    for name in inside {
        let issuer = &manifest("Certificate", name)["spec"]["issuerRef"];
        assert_eq!(
            (&issuer["kind"], &issuer["name"]),
            (&Value::from("Issuer"), &Value::from("sluice-authority")),
            "{name}"
        );
    }
    // Nobody else has a certificate that lets in to the operators' side.
    let others = manifests().into_iter().filter(|manifest| {
        let ours = manifest["spec"]["issuerRef"]["name"] == "sluice-authority";
        manifest["kind"] == "Certificate" && ours && !inside.iter().any(|name| manifest["metadata"]["name"] == *name)
    });
    assert_eq!(others.count(), 0);
}

/// One direction of one policy.
fn rules(policy: &Value, direction: &str) -> Vec<Value> {
    policy["spec"][direction].as_sequence().cloned().unwrap_or_default()
}

fn policies() -> Vec<Value> {
    let of_kind = |manifest: &Value| manifest["kind"] == "NetworkPolicy";
    manifests().into_iter().filter(of_kind).collect()
}

/// Where pods of this name may go, as `namespace or pod:port`.
fn destinations(pod: &str) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for policy in policies() {
        let chosen = &policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"];
        if !(chosen.is_null() || chosen == pod) {
            continue;
        }
        for rule in rules(&policy, "egress") {
            for (place, port) in places_of(&rule, "to") {
                places.insert(format!("{place}:{port}"));
            }
        }
    }
    places
}

fn places_of(rule: &Value, side: &str) -> Vec<(String, u64)> {
    let ports = rule["ports"].as_sequence().expect("a rule names its ports").clone();
    let peers = rule[side].as_sequence().expect("a rule names its peers").clone();
    let name = |peer: &Value| {
        let namespace = &peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"];
        let pod = &peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"];
        namespace.as_str().or(pod.as_str()).expect("a peer is named").to_owned()
    };
    let pairs = peers.iter().flat_map(|peer| ports.iter().map(move |port| (peer, port)));
    pairs
        .map(|(peer, port)| (name(peer), port["port"].as_u64().unwrap()))
        .collect()
}

#[test]
fn pods_go_where_their_settings_send_them_and_nowhere_else() {
    let nothing = manifest("NetworkPolicy", "sluice-nothing-else");
    assert!(nothing["spec"]["podSelector"].as_mapping().unwrap().is_empty());
    assert_eq!(names_in_order(&nothing["spec"]["policyTypes"]), ["Ingress", "Egress"]);
    assert!(nothing["spec"]["egress"].is_null() && nothing["spec"]["ingress"].is_null());
    let settings = settings();
    let place = |name: &str| {
        let address = settings[name]
            .rsplit("://")
            .next()
            .unwrap()
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        let (host, port) = address.rsplit_once(':').unwrap();
        format!("{}:{port}", host.split('.').nth(1).unwrap())
    };
    let set = |places: &[&str]| places.iter().map(|place| (*place).to_owned()).collect::<BTreeSet<_>>();
    let everybody = [&place("SLUICE_KAFKA"), &place("SLUICE_REGISTRY"), "kube-system:53"];
    let topologies = "sluice-topologies:9464";
    assert_eq!(destinations("sluice-prepare"), set(&everybody));
    assert_eq!(
        destinations("sluice-topologies"),
        set(&[&everybody[..], &[topologies]].concat())
    );
    assert_eq!(
        destinations("sluice-edge"),
        set(&[&everybody[..], &[topologies, &place("SLUICE_REDIS")]].concat())
    );
}

#[test]
fn only_the_api_is_open_to_everybody() {
    let mut open = Vec::new();
    for policy in policies() {
        for rule in rules(&policy, "ingress") {
            if rule["from"].is_null() {
                open.push((
                    policy["metadata"]["name"].clone(),
                    rule["ports"][0]["port"].as_u64().unwrap(),
                ));
                continue;
            }
            let may = ["sluice-edge", "sluice-topologies", "monitoring"];
            for (peer, port) in places_of(&rule, "from") {
                assert!(may.contains(&peer.as_str()) && port == 9464, "{peer}:{port}");
            }
        }
    }
    assert_eq!(open, [(Value::from("sluice-edge"), 8080)]);
}

#[test]
fn logs_leave_every_machine_over_tls_for_a_place_that_the_pods_cannot_reach() {
    assert_eq!(settings()["SLUICE_LOG_FORMAT"], "json");
    let text = manifest("ConfigMap", "sluice-logs")["data"]["fluent-bit.yaml"]
        .as_str()
        .unwrap()
        .to_owned();
    let pipeline: Value = serde_yaml_ng::from_str(&text).unwrap();
    let pipeline = &pipeline["pipeline"];
    assert_eq!(pipeline["inputs"][0]["path"], "/var/log/containers/*_sluice_*.log");
    let outputs = pipeline["outputs"].as_sequence().unwrap();
    let output = &outputs[0];
    assert_eq!(outputs.len(), 1);
    for switch in ["tls", "tls.verify"] {
        assert_eq!(output[switch], "on", "{switch}");
    }
    for file in ["tls.ca_file", "tls.crt_file", "tls.key_file"] {
        assert!(output[file].as_str().unwrap().starts_with("/etc/sluice/"), "{file}");
    }
    assert_eq!(output["require_ack_response"], true);
    let host = output["host"].as_str().unwrap().split('.').nth(1).unwrap();
    let place = format!("{host}:{}", output["port"].as_u64().unwrap());
    assert!(destinations("sluice-logs").contains(&place), "{place}");
    for pod in ["sluice-edge", "sluice-topologies", "sluice-prepare"] {
        assert!(!destinations(pod).contains(&place), "{pod} reaches {place}");
    }
    // Who reads what everybody writes can change none of it, and is nobody else for the inside.
    let set = manifest("DaemonSet", "sluice-logs");
    for mount in set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        .as_sequence()
        .unwrap()
    {
        let is_own = mount["name"] == "kept";
        assert_eq!(mount["readOnly"] == true, !is_own, "{mount:?}");
    }
}

#[test]
fn secrets_are_files_and_stand_in_no_manifest() {
    let known = [
        "SLUICE_SIGNING_KEY_FILE",
        "SLUICE_SEALING_KEY_FILE",
        "SLUICE_REDIS_PASSWORD_FILE",
        "SLUICE_TLS_KEY_FILE",
    ];
    let edge = variables(&manifest("Deployment", "sluice-edge"));
    for name in known {
        assert!(edge[name].starts_with("/etc/sluice/"), "{name}");
    }
    assert!(settings()["SLUICE_KAFKA_PROPERTY_FILE"].starts_with("/etc/sluice/"));
    let manifests = manifests();
    assert!(manifests.iter().all(|manifest| manifest["kind"] != "Secret"));
    let principals = ["sluice-edge-kafka", "sluice-topologies-kafka", "sluice-prepare-kafka"];
    for principal in principals {
        let has_it = |manifest: &&Value| {
            serde_yaml_ng::to_string(manifest)
                .unwrap()
                .contains(&format!("secretName: {principal}\n"))
        };
        assert_eq!(manifests.iter().filter(has_it).count(), 1, "{principal}");
    }
    for url in [&settings()["SLUICE_REDIS"], &settings()["SLUICE_REGISTRY"]] {
        assert!(!url.contains('@'), "{url}");
    }
}

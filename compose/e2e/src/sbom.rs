//! A bill of materials in `CycloneDX` 1.6: every crate of the lock file, the C libraries that are compiled in or linked, the parts in Java
//! and the images, each with where it is from.
//!
//! `required` is what is in the shipped program or beside it; `excluded` is what builds and tests it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::Context;
use serde_json::{Value, json};

use crate::workspace;

/// The program that is shipped.
const SHIPPED: &str = "sluice";
/// Of the workspace, but not in what is shipped: the image is built without it.
const LEFT_OUT: &str = "simulation";
/// Libraries whose source is inside a crate: its version says behind the plus sign which.
const COMPILED_IN: [(&str, &str); 2] = [
    ("rdkafka-sys", "pkg:github/confluentinc/librdkafka@v"),
    ("librocksdb-sys", "pkg:github/facebook/rocksdb@v"),
];
/// Libraries that are linked, from the distribution of the image.
const LINKED: [&str; 4] = ["libssl3", "libstdc++6", "zlib1g", "ca-certificates"];
/// Parts in `compose/versions.env`, as packages.
const PARTS: [(&str, &str); 8] = [
    ("KAFKA_VERSION", "pkg:docker/apache/kafka"),
    ("APICURIO_VERSION", "pkg:docker/apicurio/apicurio-registry"),
    ("APICURIO_JAVA17_VERSION", "pkg:maven/io.apicurio/apicurio-registry-app"),
    ("LOG4J2_VERSION", "pkg:maven/org.apache.logging.log4j/log4j-core"),
    ("REDIS_VERSION", "pkg:docker/redis"),
    ("PROMETHEUS_VERSION", "pkg:docker/prom/prometheus"),
    ("GRAFANA_VERSION", "pkg:docker/grafana/grafana"),
    ("JAEGER_VERSION", "pkg:docker/jaegertracing/jaeger"),
];
/// Parts of the deployment beside those.
const DEPLOYED: [(&str, &str); 1] = [("FLUENT_BIT_VERSION", "pkg:docker/fluent/fluent-bit")];

/// The whole bill. It asks cargo, which needs the crates to have been fetched, and reads files of the repository.
pub fn bill() -> anyhow::Result<Value> {
    let metadata = metadata()?;
    let packages = list(&metadata, "packages")?;
    let shipped = shipped(&metadata, packages)?;
    let checksums = checksums()?;
    let mut components = Vec::new();
    for package in packages {
        components.push(of_crate(package, &shipped, &checksums)?);
        components.extend(compiled_in(package)?);
    }
    components.extend(
        LINKED
            .iter()
            .map(|name| part(name, "", &format!("pkg:deb/debian/{name}"))),
    );
    let versions = versions()?;
    for (name, purl) in PARTS.iter().chain(&DEPLOYED) {
        let version = versions
            .get(*name)
            .with_context(|| format!("{name} is not in versions.env"))?;
        let short = purl.rsplit('/').next().unwrap_or(purl);
        components.push(part(short, version, &format!("{purl}@{version}")));
    }
    components.extend(images()?);
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": { "type": "application", "bom-ref": SHIPPED, "name": SHIPPED, "version": env!("CARGO_PKG_VERSION") } },
        "components": components,
        "dependencies": dependencies(&metadata)?,
    }))
}

fn metadata() -> anyhow::Result<Value> {
    let asked = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(workspace())
        .output()
        .context("cargo cannot be started")?;
    anyhow::ensure!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    Ok(serde_json::from_slice(&asked.stdout)?)
}

/// Ids of the packages in the shipped program: what it leads to by dependencies that are neither for tests nor for building.
fn shipped(metadata: &Value, packages: &[Value]) -> anyhow::Result<BTreeSet<String>> {
    let name_of: BTreeMap<&str, &str> = packages
        .iter()
        .filter_map(|package| Some((package.get("id")?.as_str()?, package.get("name")?.as_str()?)))
        .collect();
    let mut leads_to: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in nodes(metadata)? {
        let normal = list(node, "deps")?.iter().filter(|dependency| is_normal(dependency));
        let ids = normal.filter_map(|dependency| dependency.get("pkg")?.as_str());
        leads_to.insert(text(node, "id")?, ids.collect());
    }
    let mut found = BTreeSet::new();
    let mut next: Vec<&str> = name_of
        .iter()
        .filter(|(_, name)| **name == SHIPPED)
        .map(|(id, _)| *id)
        .collect();
    while let Some(id) = next.pop() {
        if name_of.get(id) != Some(&LEFT_OUT) && found.insert(id.to_owned()) {
            next.extend(leads_to.get(id).into_iter().flatten());
        }
    }
    Ok(found)
}

fn is_normal(dependency: &Value) -> bool {
    let kinds = dependency.get("dep_kinds").and_then(Value::as_array);
    kinds
        .into_iter()
        .flatten()
        .any(|kind| kind.get("kind").is_none_or(Value::is_null))
}

fn of_crate(
    package: &Value,
    shipped: &BTreeSet<String>,
    checksums: &BTreeMap<(String, String), String>,
) -> anyhow::Result<Value> {
    let (name, version) = (text(package, "name")?, text(package, "version")?);
    let purl = format!("pkg:cargo/{name}@{version}");
    let is_shipped = shipped.contains(text(package, "id")?);
    let mut component = json!({
        "type": "library",
        "bom-ref": text(package, "id")?,
        "name": name,
        "version": version,
        "purl": purl,
        "scope": if is_shipped { "required" } else { "excluded" },
    });
    if let Some(license) = package.get("license").and_then(Value::as_str) {
        insert(
            &mut component,
            "licenses",
            json!([{ "expression": license.replace('/', " OR ") }]),
        );
    }
    if let Some(checksum) = checksums.get(&(name.to_owned(), version.to_owned())) {
        insert(
            &mut component,
            "hashes",
            json!([{ "alg": "SHA-256", "content": checksum }]),
        );
    }
    Ok(component)
}

fn compiled_in(package: &Value) -> anyhow::Result<Option<Value>> {
    let (name, version) = (text(package, "name")?, text(package, "version")?);
    let library = COMPILED_IN.iter().find(|(carrier, _)| *carrier == name);
    Ok(library.map(|(_, purl)| {
        let version = version.rsplit('+').next().unwrap_or(version);
        let short = purl.trim_end_matches("@v").rsplit('/').next().unwrap_or(purl);
        part(short, version, &format!("{purl}{version}"))
    }))
}

/// Something that is no crate, and is there where the program runs.
fn part(name: &str, version: &str, purl: &str) -> Value {
    let kind = if purl.starts_with("pkg:docker/") {
        "container"
    } else {
        "library"
    };
    let mut part = json!({ "type": kind, "bom-ref": purl, "name": name, "purl": purl, "scope": "required" });
    if !version.is_empty() {
        insert(&mut part, "version", json!(version));
    }
    part
}

/// The images that ours is made from.
fn images() -> anyhow::Result<Vec<Value>> {
    let file = std::fs::read_to_string(workspace().join("compose/Dockerfile"))?;
    let named = file
        .lines()
        .filter_map(|line| line.strip_prefix("FROM ")?.split(' ').next());
    let image = |name: &str| {
        let (image, tag) = name.split_once(':').unwrap_or((name, "latest"));
        part(image, tag, &format!("pkg:docker/{image}@{tag}"))
    };
    Ok(named.map(image).collect())
}

fn dependencies(metadata: &Value) -> anyhow::Result<Vec<Value>> {
    let of_node = |node: &Value| {
        let on = list(node, "dependencies")?;
        Ok(json!({ "ref": text(node, "id")?, "dependsOn": on }))
    };
    nodes(metadata)?.iter().map(of_node).collect()
}

fn nodes(metadata: &Value) -> anyhow::Result<&Vec<Value>> {
    list(
        metadata.get("resolve").context("cargo says nothing of dependencies")?,
        "nodes",
    )
}

/// What the lock file says of each crate that was fetched.
fn checksums() -> anyhow::Result<BTreeMap<(String, String), String>> {
    let lock = std::fs::read_to_string(workspace().join("Cargo.lock"))?;
    let field = |package: &str, name: &str| {
        let line = package
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        line.map(|value| value.trim_end_matches('"').to_owned())
    };
    let of_package = |package: &str| {
        let place = (field(package, "name")?, field(package, "version")?);
        Some((place, field(package, "checksum")?))
    };
    Ok(lock.split("[[package]]").filter_map(of_package).collect())
}

fn versions() -> anyhow::Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(workspace().join("compose/versions.env"))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn insert(component: &mut Value, field: &str, value: Value) {
    if let Some(component) = component.as_object_mut() {
        component.insert(field.to_owned(), value);
    }
}

fn text<'v>(value: &'v Value, field: &str) -> anyhow::Result<&'v str> {
    value
        .get(field)
        .and_then(Value::as_str)
        .with_context(|| format!("there is no {field}"))
}

fn list<'v>(value: &'v Value, field: &str) -> anyhow::Result<&'v Vec<Value>> {
    value
        .get(field)
        .and_then(Value::as_array)
        .with_context(|| format!("there is no {field}"))
}

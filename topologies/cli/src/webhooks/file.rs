//! The file of endpoints.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use reqwest::Url;
use schemas::topics::ORDER_EVENTS;
use serde::Deserialize;
use serde_json::Value;

use super::addresses::Reach;
use super::endpoint::{Endpoint, Wish};
use super::signing::Secret;
use crate::times::datetime;

/// Endpoints of a file, at most: an event is offered to each.
const ENDPOINTS_MAX: usize = 64;
/// Secrets of an endpoint: one, or two while they are exchanged.
const SECRETS_MAX: usize = 2;
/// Bytes of a name. It is a label of metrics.
const NAME_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    endpoints: Vec<Written>,
}

/// An endpoint as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    url: String,
    secret_files: Vec<PathBuf>,
    #[serde(default)]
    types: Option<BTreeSet<String>>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    private_addresses: bool,
}

/// Reads the endpoints of a file, and the secrets that it names; relative paths begin at the file's directory.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Endpoint>> {
    let read = || -> anyhow::Result<Vec<Endpoint>> {
        let text = std::fs::read_to_string(path)?;
        let file: File = serde_json::from_str(&text)?;
        ensure!(
            (1..=ENDPOINTS_MAX).contains(&file.endpoints.len()),
            "it names {} endpoints; there may be 1 to {ENDPOINTS_MAX}",
            file.endpoints.len()
        );
        let mut names = BTreeSet::new();
        for written in &file.endpoints {
            ensure!(
                names.insert(&written.name),
                "two endpoints have the name {:?}",
                written.name
            );
        }
        let directory = path.parent().unwrap_or(Path::new("."));
        let endpoint = |written: Written| {
            let name = written.name.clone();
            endpoint(written, directory).with_context(|| format!("endpoint {name:?}"))
        };
        file.endpoints.into_iter().map(endpoint).collect()
    };
    read().with_context(|| format!("--webhooks-file {}", path.display()))
}

fn endpoint(written: Written, directory: &Path) -> anyhow::Result<Endpoint> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ensure!(
        (1..=NAME_MAX).contains(&written.name.len()) && written.name.bytes().all(is_plain),
        "a name has 1 to {NAME_MAX} lower-case letters, digits and hyphens"
    );
    ensure!(
        (1..=SECRETS_MAX).contains(&written.secret_files.len()),
        "secret_files names one file, or the new one and the old one while they are exchanged"
    );
    let secret = |file: &PathBuf| {
        let file = directory.join(file);
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Secret::parse(&text).with_context(|| file.display().to_string())
    };
    let secrets = written.secret_files.iter().map(secret).collect::<anyhow::Result<_>>()?;
    if let Some(types) = &written.types {
        let known = event_types()?;
        if let Some(unknown) = types.iter().find(|wanted| !known.contains(*wanted)) {
            let known: Vec<_> = known.into_iter().collect();
            bail!("there is no event type {unknown:?}; there are {}", known.join(", "));
        }
    }
    let since = written.since.as_deref().map(datetime).transpose();
    let since = since.map_err(anyhow::Error::msg).context("since")?;
    let wish = Wish {
        types: written.types,
        since_ms: since,
    };
    let (url, reach) = url(&written.url, written.private_addresses)?;
    Endpoint::new(written.name, url, reach, secrets, wish)
}

/// The address of an endpoint, and how far requests to it may go.
fn url(text: &str, private_addresses: bool) -> anyhow::Result<(Url, Reach)> {
    let url = Url::parse(text).context("url")?;
    ensure!(
        url.username().is_empty() && url.password().is_none(),
        "a url has no user and no password: they would be shown to whoever reads the file"
    );
    let reach = match url.scheme() {
        "https" if private_addresses => Reach::Anywhere,
        "https" => Reach::Public,
        "http" => Reach::Loopback,
        other => bail!("a url is https, or http to this machine, and not {other}"),
    };
    let host = url.host_str().context("a url has a host")?;
    // An address needs no looking up, so it is judged here. IPv6 stands in brackets.
    match host.trim_matches(['[', ']']).parse() {
        Ok(address) => ensure!(reach.allows(address), "{address}: {}", reach.refusal()),
        Err(_) => ensure!(
            reach != Reach::Loopback || host == "localhost",
            "{host}: {}",
            reach.refusal()
        ),
    }
    Ok((url, reach))
}

/// The names of all events, as the schema has them.
fn event_types() -> anyhow::Result<BTreeSet<String>> {
    let schema: Value = serde_json::from_str(ORDER_EVENTS.schema)?;
    let fields = schema.get("fields").and_then(Value::as_array).into_iter().flatten();
    let payload = fields.filter(|field| field.get("name").is_some_and(|name| name == "payload"));
    let variants = payload.filter_map(|field| field.get("type")?.as_array()).flatten();
    let names = variants.filter_map(|variant| variant.get("name")?.as_str());
    Ok(names.map(str::to_owned).collect())
}

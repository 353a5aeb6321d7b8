//! TLS of this process as its settings want it, and the refusal to do without.

mod plaintext;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use edge_api::Listening;
use runtime::tls::{Authority, ClientTls, Identity, IdentityFiles, inside_server, public_server};
use tokio::net::TcpListener;

pub(crate) use self::plaintext::{refuse_plaintext_listeners, refuse_plaintext_services};
use crate::exit::Refusal;
use crate::settings::{Serving, Settings};

/// Setting of Kafka's client that says whether it speaks TLS.
const SECURITY_PROTOCOL: &str = "security.protocol";

/// What was made of the files.
pub(crate) struct Transport {
    inside: Option<Inside>,
    services: Option<ClientTls>,
}

/// What instances need among each other.
struct Inside {
    authority: Authority,
    identity: Arc<Identity>,
    client: ClientTls,
}

impl Transport {
    /// Reads the files.
    pub(crate) fn load(settings: &Settings) -> anyhow::Result<Self> {
        let protection = &settings.protection;
        let authority = |path: Option<&PathBuf>| path.map(|path| Authority::load(path)).transpose();
        let own = authority(protection.internal_ca_file.as_ref()).context("--internal-ca-file")?;
        let of_services = authority(protection.service_ca_file.as_ref()).context("--service-ca-file")?;
        let identity = identity(
            protection.internal_certificate_file.as_ref(),
            protection.internal_key_file.as_ref(),
            "internal",
        )?;
        let services = of_services.or_else(|| own.clone());
        let services = services.map(|authority| ClientTls::new(authority, identity.clone()));
        let inside = own.zip(identity).map(|(authority, identity)| {
            let client = ClientTls::new(authority.clone(), Some(Arc::clone(&identity)))?;
            Ok::<_, anyhow::Error>(Inside {
                authority,
                identity,
                client,
            })
        });
        Ok(Self {
            inside: inside.transpose()?,
            services: services.transpose()?,
        })
    }

    /// How services are reached; `None` for what the machine trusts.
    pub(crate) fn services(&self) -> Option<&ClientTls> {
        self.services.as_ref()
    }

    /// How other instances are reached; `None` in the clear.
    pub(crate) fn instances(&self) -> Option<&ClientTls> {
        self.inside.as_ref().map(|inside| &inside.client)
    }

    /// The operators' side on this listener.
    pub(crate) fn admin(&self, listener: TcpListener) -> anyhow::Result<Listening> {
        match &self.inside {
            Some(inside) => {
                let tls = inside_server(Arc::clone(&inside.identity), &inside.authority)?;
                Ok(Listening::over_tls(listener, tls))
            }
            None => Ok(listener.into()),
        }
    }
}

/// The API on this listener.
pub(crate) fn api(listener: TcpListener, serving: &Serving) -> anyhow::Result<Listening> {
    match identity(
        serving.tls_certificate_file.as_ref(),
        serving.tls_key_file.as_ref(),
        "tls",
    )? {
        Some(identity) => Ok(Listening::over_tls(listener, public_server(identity)?)),
        None if serving.proxies > 0 => Ok(Listening::behind_proxies(listener)),
        None => Ok(listener.into()),
    }
}

/// The files of this process's own certificates, by what they are for.
pub(crate) fn certificates(settings: &Settings, serving: &Serving) -> Vec<(&'static str, PathBuf)> {
    let files = [
        ("api", &serving.tls_certificate_file),
        ("internal", &settings.protection.internal_certificate_file),
    ];
    let given = files.into_iter().filter_map(|(name, path)| Some((name, path.clone()?)));
    given.collect()
}

fn identity(
    certificate: Option<&PathBuf>,
    key: Option<&PathBuf>,
    flags: &str,
) -> anyhow::Result<Option<Arc<Identity>>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (certificate.clone(), key.clone());
            let identity = Identity::load(IdentityFiles { certificate, key });
            Ok(Some(identity.with_context(|| {
                format!("--{flags}-certificate-file, --{flags}-key-file")
            })?))
        }
        (None, None) => Ok(None),
        _ => Err(Refusal::refused(format!(
            "--{flags}-certificate-file and --{flags}-key-file belong together: give both"
        ))),
    }
}

/// What Kafka's client is told beyond what the engine decides: the files of this process where it speaks TLS, then the properties of
/// files, then those of the command line; the later ones win.
pub(crate) fn kafka_properties(settings: &Settings) -> anyhow::Result<BTreeMap<String, String>> {
    let mut given = BTreeMap::new();
    for path in &settings.kafka_property_files {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("--kafka-property-file: cannot read {}", path.display()))?;
        given.extend(properties(&text).with_context(|| format!("--kafka-property-file {}", path.display()))?);
    }
    given.extend(settings.kafka_properties.iter().cloned());
    let protection = &settings.protection;
    let speaks_tls = speaks_tls(&given);
    let authority = protection
        .service_ca_file
        .as_ref()
        .or(protection.internal_ca_file.as_ref());
    let files = [
        ("ssl.ca.location", authority),
        (
            "ssl.certificate.location",
            protection.internal_certificate_file.as_ref(),
        ),
        ("ssl.key.location", protection.internal_key_file.as_ref()),
    ];
    for (name, path) in files.into_iter().filter(|_| speaks_tls) {
        if let Some(path) = path {
            given
                .entry(name.to_owned())
                .or_insert_with(|| path.display().to_string());
        }
    }
    Ok(given)
}

fn speaks_tls(properties: &BTreeMap<String, String>) -> bool {
    let protocol = properties
        .get(SECURITY_PROTOCOL)
        .map(|protocol| protocol.to_lowercase());
    protocol.is_some_and(|protocol| ["ssl", "sasl_ssl"].contains(&protocol.as_str()))
}

/// `NAME=VALUE` a line, as in Java's simple property files; `#` begins a comment.
fn properties(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let lines = text.lines().map(str::trim);
    let said = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| {
        // The line may be a secret, so it is not repeated.
        let (name, value) = line.split_once('=').context("a line is not NAME=VALUE")?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    said.map(pair).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_file_of_properties_has_a_name_and_a_value_a_line_and_its_secrets_are_in_no_message() {
        let text = "# of the broker\nsasl.username = edge\n\nsasl.password=a=b \n";
        let pairs = [("sasl.username", "edge"), ("sasl.password", "a=b")];
        assert_eq!(
            properties(text).unwrap(),
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        let error = format!("{:#}", properties("hunter2").unwrap_err());
        assert!(!error.contains("hunter2"), "{error}");
    }
}

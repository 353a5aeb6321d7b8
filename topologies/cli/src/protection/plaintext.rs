//! Nothing leaves the machine in the clear by accident.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use reqwest::Url;

use super::speaks_tls;
use crate::exit::Refusal;
use crate::settings::{Connection, Serving, Settings};

/// Refuses Kafka and a registry elsewhere without TLS, unless the settings say that this is meant.
pub(crate) fn refuse_plaintext_services(settings: &Settings, kafka: &BTreeMap<String, String>) -> anyhow::Result<()> {
    if let Some(bootstrap) = settings.kafka.as_deref().filter(|_| !speaks_tls(kafka)) {
        let far = bootstrap.split(',').find(|broker| !is_loopback(host(broker)));
        let remedy = "say --kafka-property security.protocol=ssl (or sasl_ssl)";
        refuse_if(settings, far, Connection::Kafka, remedy)?;
    }
    let registry = settings.registry.as_deref().and_then(|url| far_and_clear(url, "http"));
    refuse_if(
        settings,
        registry.as_deref(),
        Connection::Registry,
        "give an https URL to --registry",
    )
}

/// The same for what a serving process has beside them: its listeners, Redis and the collector.
pub(crate) fn refuse_plaintext_listeners(
    settings: &Settings,
    serving: &Serving,
    with_edge: bool,
) -> anyhow::Result<()> {
    let far = |address: SocketAddr| (!address.ip().is_loopback()).then(|| address.to_string());
    let api = far(serving.listen).filter(|_| with_edge && serving.tls_certificate_file.is_none());
    let remedy = "give --tls-certificate-file and --tls-key-file";
    refuse_if(settings, api.as_deref(), Connection::Listen, remedy)?;
    let protection = &settings.protection;
    let has_identity = protection.internal_ca_file.is_some() && protection.internal_certificate_file.is_some();
    let admin = far(serving.admin_listen).filter(|_| !has_identity);
    let remedy = "give --internal-ca-file, --internal-certificate-file and --internal-key-file";
    refuse_if(settings, admin.as_deref(), Connection::Admin, remedy)?;
    let redis = settings.redis.as_deref().filter(|_| with_edge);
    let redis = redis.and_then(|url| far_and_clear(url, "redis"));
    refuse_if(
        settings,
        redis.as_deref(),
        Connection::Redis,
        "give a rediss URL to --redis",
    )?;
    let collector = serving
        .otlp_endpoint
        .as_deref()
        .and_then(|url| far_and_clear(url, "http"));
    let remedy = "give an https URL to --otlp-endpoint";
    refuse_if(settings, collector.as_deref(), Connection::Collector, remedy)
}

fn refuse_if(settings: &Settings, place: Option<&str>, connection: Connection, remedy: &str) -> anyhow::Result<()> {
    let Some(place) = place.filter(|_| !settings.protection.allows(connection)) else {
        return Ok(());
    };
    let name = format!("{connection:?}").to_lowercase();
    Err(Refusal::refused(format!(
        "{place} is not on this machine and would be spoken to in the clear: {remedy}, or say that this is meant with \
         --allow-plaintext {name}"
    )))
}

/// The host of this URL, without the secrets that may stand before it, if it is elsewhere and `clear` is its scheme. Of what is no URL
/// whoever uses it says what is wrong.
fn far_and_clear(url: &str, clear: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == clear)?;
    let host = url.host_str().filter(|host| !is_loopback(host))?;
    Some(
        url.port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
    )
}

/// Of `host:port`, perhaps with a protocol before it.
fn host(broker: &str) -> &str {
    let broker = broker.rsplit_once("://").map_or(broker, |(_, broker)| broker).trim();
    broker.rsplit_once(':').map_or(broker, |(host, _)| host)
}

fn is_loopback(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for broker in [
            "127.0.0.1:9092",
            "localhost:9092",
            "[::1]:9092",
            "PLAINTEXT://127.0.0.2:1",
        ] {
            assert!(is_loopback(host(broker)), "{broker}");
        }
        for broker in [
            "kafka:9092",
            "10.0.0.1:9092",
            "localhost.example:9092",
            "127.0.0.1.example:1",
            "[::]:1",
        ] {
            assert!(!is_loopback(host(broker)), "{broker}");
        }
    }

    #[test]
    fn an_address_in_the_clear_is_one_without_the_s_and_is_told_without_its_secrets() {
        let told = |url| far_and_clear(url, "redis");
        assert_eq!(told("redis://:secret@redis:6379/0").as_deref(), Some("redis:6379"));
        assert_eq!(told("rediss://redis:6379"), None);
        assert_eq!(told("redis://127.0.0.1:6379"), None);
    }
}

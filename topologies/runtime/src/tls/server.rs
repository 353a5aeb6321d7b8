//! How listeners speak TLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;

use super::{Authority, Identity, VERSIONS, provider};

/// HTTP/1.1 is all that is spoken behind it (RFC 7301).
const PROTOCOL: &[u8] = b"http/1.1";

/// For a listener that anybody may reach: it shows who it is and asks for no certificate.
pub fn public_server(identity: Arc<Identity>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&VERSIONS)?;
    Ok(finished(config.with_no_client_auth().with_cert_resolver(identity)))
}

/// For a listener of the inside: whoever shows a certificate has it from this authority, or the handshake fails. Whoever shows none is
/// let in as a stranger, so that probes, which have none, are answered; what strangers may ask is decided behind it.
pub fn inside_server(identity: Arc<Identity>, authority: &Authority) -> Result<Arc<ServerConfig>, rustls::Error> {
    let strict = WebPkiClientVerifier::builder_with_provider(Arc::clone(&authority.roots), provider());
    let verifier = strict
        .allow_unauthenticated()
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&VERSIONS)?;
    Ok(finished(
        config.with_client_cert_verifier(verifier).with_cert_resolver(identity),
    ))
}

fn finished(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Arc::new(config)
}

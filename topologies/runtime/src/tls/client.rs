//! How clients speak TLS.

use std::sync::Arc;

use rustls::ClientConfig;

use super::{Authority, Identity, VERSIONS, provider};

/// Whom a client believes and what it shows of itself.
#[derive(Debug, Clone)]
pub struct ClientTls {
    authority: Authority,
    identity: Option<Arc<Identity>>,
    config: ClientConfig,
}

impl ClientTls {
    /// Believes servers whose certificate is of this authority, is valid now and names the host that was called. Shows `identity` to
    /// those that ask for a certificate.
    pub fn new(authority: Authority, identity: Option<Arc<Identity>>) -> Result<Self, rustls::Error> {
        let config = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&VERSIONS)?;
        let config = config.with_root_certificates(Arc::clone(&authority.roots));
        let config = match &identity {
            Some(identity) => config.with_client_cert_resolver(Arc::clone(identity) as _),
            None => config.with_no_client_auth(),
        };
        Ok(Self {
            authority,
            identity,
            config,
        })
    }

    /// Whom it believes.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What it shows.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }
}

/// The beginning of an HTTP client: with these authorities, or with those that the machine trusts where there are none. What the
/// environment says about the way to the web does not apply: all that is called stands beside this process. Nor is anybody followed to
/// another address.
pub fn http_client(tls: Option<&ClientTls>) -> reqwest::ClientBuilder {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    match tls {
        Some(tls) => client.tls_backend_preconfigured(tls.config.clone()),
        None => client.min_tls_version(reqwest::tls::Version::TLS_1_2),
    }
}

/// The scheme of the addresses of other instances, which all have TLS or all have none.
#[must_use]
pub fn scheme(tls: Option<&ClientTls>) -> &'static str {
    match tls {
        Some(_) => "https",
        None => "http",
    }
}

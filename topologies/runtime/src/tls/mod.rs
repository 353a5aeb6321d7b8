//! TLS of this process: versions 1.2 and 1.3 alone, with AWS-LC and its suites, all of which have forward secrecy and authenticate
//! what they encrypt (RFC 9325). Kafka's client has a TLS of its own and is told the same files.
//!
//! What a process shows of itself ([`Identity`]) is read again when its files change, so that a certificate is renewed without a
//! restart. Whom it trusts ([`Authority`]) is fixed when it starts: the file may hold the old authority and the new one.

mod authority;
mod client;
mod identity;
mod server;
mod validity;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;

pub use authority::Authority;
pub use client::{ClientTls, http_client, scheme};
pub use identity::{Identity, IdentityFiles};
pub use server::{inside_server, public_server};
pub use validity::certificate_end;

/// Nothing older is spoken by a listener or a client of ours.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// Files that do not make a certificate, a key or an authority.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is not there, or may not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file has something else in it.
    #[error("{} holds no usable {what}: {cause}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it was to hold.
        what: &'static str,
        /// Why it cannot be used.
        cause: String,
    },
}

impl TlsError {
    fn unusable(path: &Path, what: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            what,
            cause: cause.to_string(),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|cause| TlsError::Unreadable {
        path: path.to_owned(),
        cause,
    })
}

/// Named, so that no other crate's choice of features changes it.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

//! Whose signature on a certificate counts.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{TlsError, read};

/// The authorities of a file, and no others: what the machine trusts does not count beside them.
#[derive(Debug, Clone)]
pub struct Authority {
    pub(super) roots: Arc<RootCertStore>,
    pem: Arc<[u8]>,
}

impl Authority {
    /// Reads a file with one or more certificates in PEM. To replace an authority, give every process both, then issue by the new one,
    /// then leave the old one out.
    pub fn load(path: &Path) -> Result<Self, TlsError> {
        let unusable = |cause: &dyn std::fmt::Display| TlsError::unusable(path, "authority", cause);
        let pem = read(path)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|cause| unusable(&cause))?;
            roots.add(certificate).map_err(|cause| unusable(&cause))?;
        }
        if roots.is_empty() {
            return Err(unusable(&"it has no certificate in PEM"));
        }
        Ok(Self {
            roots: Arc::new(roots),
            pem: pem.into(),
        })
    }

    /// The file as it was read, for clients that want it themselves.
    #[must_use]
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }
}

//! Until when a certificate is good.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::{TlsError, read};

/// When the first certificate of this file ends, as the time since the epoch.
pub fn certificate_end(path: &Path) -> Result<Duration, TlsError> {
    let unusable = |cause: &dyn std::fmt::Display| TlsError::unusable(path, "certificate", cause);
    let first = CertificateDer::from_pem_slice(&read(path)?).map_err(|cause| unusable(&cause))?;
    let certificate = Certificate::from_der(&first).map_err(|cause| unusable(&cause))?;
    Ok(certificate.tbs_certificate.validity.not_after.to_unix_duration())
}

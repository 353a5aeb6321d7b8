//! What a process shows of itself: a certificate chain with its key, as it is in the files now.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{TlsError, provider, read};

/// A handshake looks at the files again if the last look was so long ago. What changes in them is shown from then on.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificate, and behind it those that lead to its authority; PEM.
    pub certificate: PathBuf,
    /// The private key of the first certificate; PEM.
    pub key: PathBuf,
}

/// A certificate with its key, renewed from its files while it is used.
#[derive(Debug)]
pub struct Identity {
    files: IdentityFiles,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    contents: Contents,
    key: Arc<CertifiedKey>,
    looked_at: Instant,
}

/// Both files, byte for byte.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Identity {
    /// Reads the files; the key has to be that of the certificate.
    pub fn load(files: IdentityFiles) -> Result<Arc<Self>, TlsError> {
        let contents = Contents::read(&files)?;
        let key = Arc::new(contents.certified_key(&files)?);
        let shown = Mutex::new(Shown {
            contents,
            key,
            looked_at: Instant::now(),
        });
        Ok(Arc::new(Self { files, shown }))
    }

    /// The certificate and its key as they were last read, in PEM, for clients that want them themselves.
    #[must_use]
    pub fn pem(&self) -> (Vec<u8>, Vec<u8>) {
        let shown = self.shown();
        (shown.contents.certificate.clone(), shown.contents.key.clone())
    }

    /// Reads the files again, now. What cannot be used, because it is half written or gone, leaves what was shown before.
    pub fn renew(&self) -> Result<(), TlsError> {
        self.shown().renew(&self.files)
    }

    /// What a handshake shows.
    fn current(&self) -> Arc<CertifiedKey> {
        let mut shown = self.shown();
        if shown.looked_at.elapsed() >= LOOK_INTERVAL
            && let Err(error) = shown.renew(&self.files)
        {
            tracing::warn!(%error, "the certificate is not renewed: the one from before goes on being shown");
        }
        Arc::clone(&shown.key)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // It is whole at every moment, so a panicking holder leaves it usable.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    fn renew(&mut self, files: &IdentityFiles) -> Result<(), TlsError> {
        self.looked_at = Instant::now();
        let contents = Contents::read(files)?;
        if contents != self.contents {
            self.key = Arc::new(contents.certified_key(files)?);
            self.contents = contents;
            tracing::info!(certificate = %files.certificate.display(), "another certificate is shown from now on");
        }
        Ok(())
    }
}

impl Contents {
    fn read(files: &IdentityFiles) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
        })
    }

    fn certified_key(&self, files: &IdentityFiles) -> Result<CertifiedKey, TlsError> {
        let of_certificate =
            |cause: &dyn std::fmt::Display| TlsError::unusable(&files.certificate, "certificate", cause);
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|cause| of_certificate(&cause))?;
        if chain.is_empty() {
            return Err(of_certificate(&"it has no certificate in PEM"));
        }
        let of_key = |cause: &dyn std::fmt::Display| TlsError::unusable(&files.key, "private key", cause);
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|cause| of_key(&cause))?;
        CertifiedKey::from_der(chain, key, &provider()).map_err(|cause| of_key(&cause))
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

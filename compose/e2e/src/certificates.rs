//! Certificates for tests: an authority of their own, and what it issues, as files.

use std::path::{Path, PathBuf};

use anyhow::Context;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

/// An authority, with its certificate in a file.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: PathBuf,
    name: String,
}

/// A certificate and its key, each in a file.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    Valid,
    /// Until an hour ago.
    Expired,
    /// From an hour from now on.
    NotYet,
}

impl Authority {
    /// A new authority, whose files are in `directory`.
    pub fn new(directory: &Path, name: &str) -> anyhow::Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
        let authority = Self {
            issuer,
            directory: directory.to_owned(),
            name: name.to_owned(),
        };
        std::fs::write(authority.file(), authority.issuer.pem())
            .with_context(|| authority.file().display().to_string())?;
        Ok(authority)
    }

    /// Its own certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.directory.join(format!("{}.pem", self.name))
    }

    /// A certificate for `name` as its subject that is good for `hosts`, as a server and as a client, valid now.
    pub fn issue(&self, name: &str, hosts: &[&str]) -> anyhow::Result<Issued> {
        self.issue_valid(name, hosts, Validity::Valid)
    }

    /// [`issue`](Self::issue), valid then.
    pub fn issue_valid(&self, name: &str, hosts: &[&str], validity: Validity) -> anyhow::Result<Issued> {
        let key = KeyPair::generate()?;
        let certificate = self.sign(&key, name, hosts, validity)?;
        let of = |ending: &str| self.directory.join(format!("{}-{name}.{ending}", self.name));
        let issued = Issued {
            certificate: of("crt"),
            key: of("key"),
        };
        std::fs::write(&issued.certificate, certificate.pem())?;
        std::fs::write(&issued.key, key.serialize_pem())?;
        Ok(issued)
    }

    fn sign(&self, key: &KeyPair, name: &str, hosts: &[&str], validity: Validity) -> anyhow::Result<Certificate> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut parameters = CertificateParams::new(hosts)?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let (now, hour) = (OffsetDateTime::now_utc(), Duration::hours(1));
        (parameters.not_before, parameters.not_after) = match validity {
            Validity::Valid => (now - hour, now + hour * 24),
            Validity::Expired => (now - hour * 2, now - hour),
            Validity::NotYet => (now + hour, now + hour * 2),
        };
        Ok(parameters.signed_by(key, &*self.issuer)?)
    }
}

//! The keys that sign access tokens.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use edge_api::clock::{SystemEntropy, hex, random_bytes};
use edge_api::{TokenKey, TokenKeys};

use crate::settings::{Serving, Settings};

/// The keys from the given files, the first of which signs; or the one in the state directory, which is made on first use and readable
/// by its owner only.
pub(super) fn signing_keys(settings: &Settings, serving: &Serving) -> anyhow::Result<TokenKeys> {
    let mut given = serving.signing_key_files.iter();
    if let Some(newest) = given.next() {
        let older = given.map(|path| read(path)).collect::<anyhow::Result<_>>()?;
        return Ok(TokenKeys::new(read(newest)?, older));
    }
    let path = settings.state_dir().join("signing.key");
    if !path.exists() {
        make(&path)?;
    }
    Ok(read(&path)?.into())
}

fn read(path: &Path) -> anyhow::Result<TokenKey> {
    let contents = std::fs::read(path).with_context(|| format!("cannot read the signing key {}", path.display()))?;
    TokenKey::from_file_contents(&contents).with_context(|| format!("{} holds no usable signing key", path.display()))
}

fn make(path: &Path) -> anyhow::Result<()> {
    let seed: [u8; 32] = random_bytes(&SystemEntropy)?;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(hex(&seed).as_bytes())?;
    file.sync_all()?;
    tracing::info!(path = %path.display(), "made a key that signs access tokens");
    Ok(())
}

//! What gateways read from files: the keys that sign access tokens, those that seal the secrets of second factors, and the passwords
//! that nobody may choose.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use edge_api::auth::passwords::BreachedPasswords;
use edge_api::clock::{SystemEntropy, hex, random_bytes};
use edge_api::{KeyError, SealingKey, SealingKeys, TokenKey, TokenKeys};

use crate::settings::{Serving, Settings};

/// The keys from the given files, the first of which signs; or the one in the state directory, which is made on first use and readable
/// by its owner only.
pub(super) fn signing_keys(settings: &Settings, serving: &Serving) -> anyhow::Result<TokenKeys> {
    let (newest, older) = keys(
        settings,
        &serving.signing_key_files,
        "signing",
        TokenKey::from_file_contents,
    )?;
    Ok(TokenKeys::new(newest, older))
}

/// The keys from the given files, the first of which seals; or the one in the state directory, as with those that sign.
pub(super) fn sealing_keys(settings: &Settings, serving: &Serving) -> anyhow::Result<SealingKeys> {
    let (newest, older) = keys(
        settings,
        &serving.sealing_key_files,
        "sealing",
        SealingKey::from_file_contents,
    )?;
    Ok(SealingKeys::new(newest, older))
}

fn keys<K>(
    settings: &Settings,
    files: &[PathBuf],
    purpose: &str,
    of_contents: fn(&[u8]) -> Result<K, KeyError>,
) -> anyhow::Result<(K, Vec<K>)> {
    let read = |path: &Path| read(path, purpose, of_contents);
    if let Some((newest, older)) = files.split_first() {
        let older = older.iter().map(|path| read(path)).collect::<anyhow::Result<_>>()?;
        return Ok((read(newest)?, older));
    }
    let path = settings.state_dir().join(format!("{purpose}.key"));
    if !path.exists() {
        make(&path, purpose)?;
    }
    Ok((read(&path)?, Vec::new()))
}

fn read<K>(path: &Path, purpose: &str, of_contents: fn(&[u8]) -> Result<K, KeyError>) -> anyhow::Result<K> {
    let contents = std::fs::read(path).with_context(|| format!("cannot read the {purpose} key {}", path.display()))?;
    of_contents(&contents).with_context(|| format!("{} holds no usable {purpose} key", path.display()))
}

fn make(path: &Path, purpose: &str) -> anyhow::Result<()> {
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
    tracing::info!(path = %path.display(), purpose, "made a key");
    Ok(())
}

/// The passwords that nobody may choose any more, where there is a file of them.
pub(super) fn breached_passwords(serving: &Serving) -> anyhow::Result<Option<Arc<BreachedPasswords>>> {
    let Some(path) = &serving.breached_passwords_file else {
        return Ok(None);
    };
    let breached = BreachedPasswords::open(path);
    let breached = breached.with_context(|| format!("--breached-passwords-file {} is not usable", path.display()))?;
    Ok(Some(Arc::new(breached)))
}

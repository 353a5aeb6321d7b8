//! An account in the topic of credentials.

use std::ops::ControlFlow;

use ::schemas::topics::CREDENTIALS;
use ::schemas::wire::account::Credential;
use anyhow::Context;
use streams::log::{LogReader, StoredRecord};
use streams::partition::partition_for_key;

use crate::commands::consume::decode::Decoder;
use crate::exit::Refusal;
use crate::platform::Platform;

/// Which account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The one with this key.
    LoginKey(String),
    /// The one with this key or this id.
    Any(String),
}

/// A credential, and where to look for its next version.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) credential: Credential,
    pub(super) partition: i32,
    pub(super) next: i64,
}

/// The topic of credentials.
pub(super) struct Credentials<'a> {
    reader: Box<dyn LogReader>,
    decoder: Decoder<'a>,
    partitions: i32,
}

impl From<&str> for Wanted {
    fn from(text: &str) -> Self {
        if text.contains('@') {
            Self::LoginKey(commerce::ids::login_key(text).to_string())
        } else {
            Self::Any(text.to_owned())
        }
    }
}

impl Wanted {
    /// Whether a record with this key has to be decoded.
    fn may_have(&self, key: Option<&[u8]>) -> bool {
        match self {
            Self::LoginKey(wanted) => key == Some(wanted.as_bytes()),
            Self::Any(_) => true,
        }
    }

    fn is(&self, credential: &Credential) -> bool {
        match self {
            Self::LoginKey(key) => credential.login_key == *key,
            Self::Any(text) => credential.login_key == *text || credential.account_id == *text,
        }
    }
}

impl<'a> Credentials<'a> {
    pub(super) fn open(platform: &'a dyn Platform) -> anyhow::Result<Self> {
        let mut reader = platform.reader()?;
        let Some(partitions) = reader.partitions(CREDENTIALS.name)? else {
            let reason = format!(
                "{} has no topic {}; see `sluice topics plan`",
                platform.describe(),
                CREDENTIALS.name
            );
            return Err(Refusal::refused(reason));
        };
        Ok(Self {
            reader,
            decoder: Decoder::new(platform),
            partitions,
        })
    }

    /// The account's credential as it is now.
    pub(super) fn find(&mut self, wanted: &Wanted) -> anyhow::Result<Option<Found>> {
        let partitions = match wanted {
            Wanted::LoginKey(key) => {
                let partition = partition_for_key(key.as_bytes(), self.partitions);
                partition..partition + 1
            }
            Wanted::Any(_) => 0..self.partitions,
        };
        for partition in partitions {
            let (first, _) = self.reader.readable(CREDENTIALS.name, partition)?;
            if let (Some(credential), next) = self.last(wanted, partition, first)? {
                return Ok(Some(Found {
                    credential,
                    partition,
                    next,
                }));
            }
        }
        Ok(None)
    }

    /// Reads on to the end of the partition, and takes over what has become of the account.
    pub(super) fn follow(&mut self, found: &mut Found) -> anyhow::Result<()> {
        let wanted = Wanted::LoginKey(found.credential.login_key.clone());
        let (credential, next) = self.last(&wanted, found.partition, found.next)?;
        found.next = next;
        if let Some(credential) = credential {
            found.credential = credential;
        }
        Ok(())
    }

    /// The account's last credential from an offset on, and the offset after what was read.
    fn last(&mut self, wanted: &Wanted, partition: i32, from: i64) -> anyhow::Result<(Option<Credential>, i64)> {
        let (_, end) = self.reader.readable(CREDENTIALS.name, partition)?;
        if from >= end {
            return Ok((None, from));
        }
        let (mut last, mut failure) = (None, None);
        let decoder = &mut self.decoder;
        let next = self
            .reader
            .read(CREDENTIALS.name, partition, from, end, &mut |record| {
                if !wanted.may_have(record.key) {
                    return ControlFlow::Continue(());
                }
                match read(decoder, &record) {
                    Ok(Some(credential)) if wanted.is(&credential) => last = Some(credential),
                    Ok(_) => {}
                    Err(error) => {
                        failure = Some(error.context(format!("{} {partition}/{}", CREDENTIALS.name, record.offset)));
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })?;
        failure.map_or(Ok((last, next)), Err)
    }
}

fn read(decoder: &mut Decoder<'_>, record: &StoredRecord<'_>) -> anyhow::Result<Option<Credential>> {
    let value = decoder.decode(record.value)?.value;
    if value.is_null() {
        return Ok(None);
    }
    let credential = serde_json::from_value(value).context("this is no credential")?;
    Ok(Some(credential))
}

//! The file of accepted orders, for a checker that trusts nobody.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::drive::Outcome;

/// A file of JSON lines, one for each order in the order in which they ended.
#[derive(Debug)]
pub(super) struct Ledger(BufWriter<File>);

#[derive(Debug, Serialize)]
struct Entry<'a> {
    idempotency_key: &'a str,
    buyer: &'a str,
    order_id: Option<&'a str>,
    status: Option<&'a str>,
    cancel_reason: Option<&'a str>,
    /// Whether `status` was seen to be final.
    settled: bool,
    /// Milliseconds from the POST until that.
    settled_after_ms: Option<f64>,
}

impl Ledger {
    /// An empty file at `path`, which is replaced.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(BufWriter::new(file)))
    }

    /// Adds an order. One whose POST was not answered is there without an id: it may have been accepted.
    pub(super) fn write(&mut self, outcome: &Outcome) -> anyhow::Result<()> {
        let entry = Entry {
            idempotency_key: &outcome.key,
            buyer: &outcome.buyer,
            order_id: outcome.order_id.as_deref(),
            status: outcome.status.as_deref(),
            cancel_reason: outcome.cancel_reason.as_deref(),
            settled: outcome.settled_after.is_some(),
            settled_after_ms: outcome.settled_after.map(|after| after.as_secs_f64() * 1e3),
        };
        serde_json::to_writer(&mut self.0, &entry)?;
        Ok(self.0.write_all(b"\n")?)
    }

    /// Puts everything into the file.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        Ok(self.0.flush()?)
    }
}

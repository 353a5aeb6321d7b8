//! What an audit found, for people and for programs.

use std::collections::BTreeMap;

use commerce::audit::{Finding, Place};
use serde::Serialize;

use crate::settings::Settings;
use crate::terminal;

/// Findings of one check that are listed; of more only the number is told.
const FINDINGS_LISTED_MAX: u64 = 100;

/// What was found, and how much was looked at. Fields may be added.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    findings: Vec<Line>,
    /// All findings by check, listed or not.
    found: BTreeMap<String, u64>,
    /// Records of the books.
    pub(super) records: u64,
    pub(super) orders: u64,
    pub(super) products: u64,
    pub(super) wallets: u64,
    /// Payouts that have neither arrived nor come back.
    pub(super) payouts_on_their_way: u64,
    /// Records that a task has numbered, in whatever topic.
    pub(super) outputs: u64,
    /// Partitions of changelogs.
    pub(super) changelogs: u64,
    /// Stores of this machine.
    pub(super) stores: u64,
    /// What could not be judged, in words.
    unchecked: BTreeMap<String, u64>,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Line {
    check: String,
    subject: String,
    topic: String,
    partition: i32,
    offset: i64,
    found: String,
}

impl Report {
    /// Whether nothing is wrong.
    pub(super) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// Notes findings of the business.
    pub(super) fn note(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            let violation = finding.violation;
            self.add(
                violation.invariant,
                &violation.subject,
                finding.topic,
                finding.place,
                violation.found,
            );
        }
    }

    /// Notes a record of the books that cannot be read.
    pub(super) fn unreadable(&mut self, topic: &str, place: Place, key: Option<&[u8]>, cause: &str) {
        let key = String::from_utf8_lossy(key.unwrap_or_default());
        self.add("unreadable", &key, topic, place, cause.to_owned());
    }

    /// Notes a finding.
    pub(super) fn add(&mut self, check: &str, subject: &str, topic: &str, place: Place, found: String) {
        let count = self.found.entry(check.to_owned()).or_default();
        *count += 1;
        if *count <= FINDINGS_LISTED_MAX {
            self.findings.push(Line {
                check: check.to_owned(),
                subject: subject.to_owned(),
                topic: topic.to_owned(),
                partition: place.partition,
                offset: place.offset,
                found,
            });
        }
    }

    /// Notes something that could not be judged, and why.
    pub(super) fn unchecked(&mut self, why: impl Into<String>) {
        *self.unchecked.entry(why.into()).or_default() += 1;
    }

    pub(super) fn print(&self, settings: &Settings) -> anyhow::Result<()> {
        if settings.json() {
            return terminal::json(self);
        }
        if !self.is_clean() {
            let row = |line: &Line| {
                let place = format!("{}/{}/{}", line.topic, line.partition, line.offset);
                vec![line.check.clone(), line.subject.clone(), place, line.found.clone()]
            };
            let rows: Vec<_> = self.findings.iter().map(row).collect();
            terminal::table(&["CHECK", "SUBJECT", "RECORD", "FOUND"], &rows)?;
            for (check, count) in self.found.iter().filter(|(_, count)| **count > FINDINGS_LISTED_MAX) {
                terminal::line(format!(
                    "{check}: {count} findings, the first {FINDINGS_LISTED_MAX} are listed"
                ))?;
            }
        }
        for (why, count) in &self.unchecked {
            terminal::line(format!("not checked ({count}): {why}"))?;
        }
        let verdict = match self.found.values().sum::<u64>() {
            0 => "the books are right".to_owned(),
            count => format!("{count} findings"),
        };
        if self.payouts_on_their_way > 0 {
            terminal::line(format!(
                "{} payouts are on their way: their wallets are right, and the payment provider has to answer",
                self.payouts_on_their_way
            ))?;
        }
        terminal::line(format!(
            "{verdict}: {} records, {} orders, {} products, {} wallets, {} outputs, {} changelogs, {} stores",
            self.records, self.orders, self.products, self.wallets, self.outputs, self.changelogs, self.stores
        ))
    }
}

//! The commands to one wallet, and the moments at which it may have heard that its holder is disabled.

use std::collections::BTreeMap;

use commerce::audit::Place;
use schemas::topics::ACCOUNTS;
use schemas::wire::account::{Account, AccountStatus};
use schemas::wire::payment::{LedgerEntryKind, PaymentCommandPayload, PaymentEventPayload};

use super::till::{self, Till};
use crate::cluster::PartitionId;
use crate::workload::Stage;

/// Everything that a wallet was asked, and what was told of its holder.
#[derive(Debug, Default)]
pub(super) struct Wallet {
    pub(super) commands: Vec<(String, PaymentCommandPayload)>,
    disabled: Option<Disabled>,
}

/// The record that says that an account is disabled.
#[derive(Debug)]
struct Disabled {
    place: Place,
    /// Commands that stood in the topic when the wallet's task had read this for good. Each later one is refused.
    before: Option<usize>,
}

/// What commands have to lead to, by command.
pub(super) struct Expected {
    pub(super) paid: BTreeMap<String, Vec<PaymentEventPayload>>,
    pub(super) booked: BTreeMap<String, Vec<(LedgerEntryKind, i64)>>,
    pub(super) free: i64,
    pub(super) held: i64,
}

impl Wallet {
    pub(super) fn hear_account(&mut self, place: Place, account: &Account) {
        if account.status == AccountStatus::Disabled && self.disabled.is_none() {
            self.disabled = Some(Disabled { place, before: None });
        }
    }

    /// Looks whether the wallet's task knows by now. It is called when all commands are heard that are in the topic.
    pub(super) fn note_the_disabled(&mut self, stage: &Stage) {
        let asked = self.commands.len();
        if let Some(disabled) = self.disabled.as_mut().filter(|disabled| disabled.before.is_none())
            && has_read(stage, disabled.place)
        {
            disabled.before = Some(asked);
        }
    }

    /// What the commands have to lead to, with the moment of the disabling that explains what was published, if one does.
    pub(super) fn expected(
        &self,
        account: &str,
        published: &BTreeMap<String, Vec<PaymentEventPayload>>,
        is_by_card: &dyn Fn(&str) -> bool,
    ) -> Expected {
        let asked = self.commands.len();
        let Some(disabled) = &self.disabled else {
            return self.told(account, asked, is_by_card);
        };
        let last = disabled.before.unwrap_or(asked);
        let mut moments = (0..=last).rev().map(|moment| self.told(account, moment, is_by_card));
        let explains = |expected: &Expected| {
            let nothing = Vec::new();
            let mut paid = expected.paid.iter();
            paid.all(|(id, events)| published.get(id).unwrap_or(&nothing) == events)
        };
        moments
            .find(explains)
            .unwrap_or_else(|| self.told(account, last, is_by_card))
    }

    /// What comes of the commands when the holder is disabled after so many of them. Those about cards wait for the provider.
    fn told(&self, account: &str, active: usize, is_by_card: &dyn Fn(&str) -> bool) -> Expected {
        let mut till = Till::of(account);
        let (mut paid, mut booked) = (BTreeMap::new(), BTreeMap::new());
        for (place, (id, command)) in self.commands.iter().enumerate() {
            if place >= active {
                till.bar();
            }
            if till::order_of(command).is_some_and(is_by_card) {
                continue;
            }
            let (event, entry) = till.take(command);
            paid.entry(id.clone()).or_insert_with(Vec::new).extend(event);
            booked.entry(id.clone()).or_insert_with(Vec::new).extend(entry);
        }
        Expected {
            paid,
            booked,
            free: till.free,
            held: till.held,
        }
    }
}

/// Whether the payments topology has committed that it has read the record of `accounts` at this place.
fn has_read(stage: &Stage, place: Place) -> bool {
    let mut placed = stage.deployment.placed().iter();
    let Some(payments) = placed.find(|placed| placed.topology.name() == PAYMENTS) else {
        return false;
    };
    stage.kafka.look(|cluster| {
        let committed = cluster.topic(ACCOUNTS.name).and_then(|topic| {
            let partition = place.partition;
            cluster.committed_offset(&payments.layout.application_id, PartitionId { topic, partition })
        });
        committed.is_some_and(|next| next > place.offset)
    })
}

/// The topology that keeps the wallets.
const PAYMENTS: &str = "payments";

//! `accounts`: who may sign in, and as what.

use std::sync::Arc;

use schemas::SchemaTable;
use schemas::wire::account as wire_types;
use schemas::wire::revocation::Revocation;
use streams::serde::StringSerde;
use streams::{
    ProcessError, Processor, ProcessorContext, ProcessorSpec, Record, SinkRef, StoreRef, Topology, TopologyBuilder,
    TopologyError,
};

use crate::account::{Account, AccountEvent, step};
use crate::authority::Actor;
use crate::ids::{LoginKey, RecordId, event_id};
use crate::state_serde::StateSerde;
use crate::topologies::{Cause, admit, topic};
use crate::views;
use crate::wire::{Meta, account};

/// The topology's name.
pub const NAME: &str = "accounts";

/// account-commands in; account-events, accounts, credentials and revocations out.
pub fn topology(schemas: &Arc<SchemaTable>) -> Result<Topology, TopologyError> {
    let builder = TopologyBuilder::new(NAME);
    let registry = Registry {
        accounts: builder.store(views::CREDENTIALS.store, StringSerde, StateSerde::new()),
        events: builder.sink(&topic(schemas)),
        snapshots: builder.sink(&topic(schemas)),
        credentials: builder.sink(&topic(schemas)),
        revocations: builder.sink(&topic(schemas)),
    };
    let spec = ProcessorSpec::new("account-registry")
        .store(&registry.accounts)
        .sink(&registry.events)
        .sink(&registry.snapshots)
        .sink(&registry.credentials)
        .sink(&registry.revocations);
    builder
        .stream(&topic::<wire_types::AccountCommand>(schemas))
        .process::<_, (), ()>(spec, move || registry.clone());
    builder.build()
}

#[derive(Clone)]
struct Registry {
    accounts: StoreRef<String, Account>,
    events: SinkRef<String, wire_types::AccountEvent>,
    snapshots: SinkRef<String, wire_types::Account>,
    credentials: SinkRef<String, wire_types::Credential>,
    revocations: SinkRef<String, Revocation>,
}

impl Processor<String, wire_types::AccountCommand> for Registry {
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, (), ()>,
        record: Record<String, wire_types::AccountCommand>,
    ) -> Result<(), ProcessError> {
        let (key, envelope) = (record.key, record.value);
        let (actor, cause) = (admit(&key, &envelope)?, Cause::of(&envelope));
        let command = account::command(envelope.payload).map_err(ProcessError::refused)?;
        let before = context.store(&self.accounts)?.get(&key)?;
        let known = before.clone();
        let login_key = LoginKey(key.clone());
        let now = context.now_ms();
        let next = step(&login_key, before, command, &actor, now).map_err(ProcessError::refused)?;
        if let Some(event) = next.event {
            self.publish_event(context, event, actor, cause)?;
        }
        let Some(account) = next.account.filter(|account| Some(account) != known.as_ref()) else {
            return Ok(());
        };
        if let Some(reason) = next.revocation {
            let revocation = account::revocation(&account, reason);
            let key = revocation.account_id.clone();
            context.send(&self.revocations, &Record::new(key, revocation, now))?;
        }
        let is_new_version = known.is_none_or(|known| known.version != account.version);
        self.keep(context, &key, account, is_new_version)
    }
}

impl Registry {
    fn keep(
        &self,
        context: &mut ProcessorContext<'_, '_, (), ()>,
        key: &String,
        account: Account,
        is_new_version: bool,
    ) -> Result<(), ProcessError> {
        let now = context.now_ms();
        let credential = Record::new(key.clone(), account::credential(&account), now);
        context.send(&self.credentials, &credential)?;
        // That a code was used up is nobody's business but the gateways'.
        if is_new_version {
            let snapshot = account::snapshot(&account);
            let snapshot = Record::new(snapshot.account_id.clone(), snapshot, now);
            context.send(&self.snapshots, &snapshot)?;
        }
        context.store(&self.accounts)?.put(key, account)
    }

    fn publish_event(
        &self,
        context: &mut ProcessorContext<'_, '_, (), ()>,
        event: AccountEvent,
        actor: Actor,
        cause: Cause,
    ) -> Result<(), ProcessError> {
        let at = context.now_ms();
        // A refused registration has no number under the account, so its command names it.
        let id = match event.seq {
            0 => RecordId(format!("{}.refused", cause.id)),
            seq => event_id(event.account_id.as_str(), seq),
        };
        let meta = Meta {
            id,
            seq: event.seq,
            at,
            actor,
            causation: cause.id,
            correlation: cause.correlation,
        };
        let key = event.account_id.0.clone();
        let value = meta.envelope(account::event_to_wire(event.account_id, event.kind));
        context.send(&self.events, &Record::new(key, value, at))
    }
}

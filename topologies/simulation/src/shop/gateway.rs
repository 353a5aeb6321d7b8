//! The gateway's way of a command, in a process that may die with it.

use std::sync::Arc;
use std::time::Duration;

use edge_api::CommandSerdes;
use edge_api::commands::{Command, append};
use schemas::SchemaTable;

use crate::client::{SimClient, SimCommandLog};
use crate::future::now;
use crate::service::Service;
use crate::sometimes::Moment;
use crate::workload::Stage;

/// Wait before a client asks again that was told to.
const CLIENT_BACKOFF: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(2);

/// The gateway. Clones are the same.
#[derive(Clone)]
pub(super) struct Gateway {
    stage: Stage,
    serdes: CommandSerdes,
    service: Service,
}

impl Gateway {
    /// A gateway that will be killed now and then.
    pub(super) fn open(stage: &Stage, schemas: &Arc<SchemaTable>) -> Self {
        Self {
            stage: stage.clone(),
            serdes: CommandSerdes::avro(schemas),
            service: Service::open(stage),
        }
    }

    /// Has a command stored, whatever it takes. What it says is the same each time, its id too.
    pub(super) fn store<C: Command + Clone + 'static>(&self, key: &str, command: &C) {
        let world = &self.stage.kafka.world;
        while !self.ask(key, command) {
            world.reached(Moment::CommandRepeated);
            let pause = world.draw(|random| random.time(CLIENT_BACKOFF));
            world.sleep(pause);
        }
    }

    /// One request. Answers whether the gateway says that the command is stored.
    pub(super) fn ask<C: Command + Clone + 'static>(&self, key: &str, command: &C) -> bool {
        let (kafka, serdes) = (self.stage.kafka.clone(), self.serdes.clone());
        let (key, command) = (key.to_owned(), command.clone());
        let handle = move |process| {
            let log = SimCommandLog::new(SimClient { kafka, process });
            now(append(&log, &serdes, &key, &command)).is_some_and(|receipt| receipt.is_ok())
        };
        self.service.ask(handle).unwrap_or(false)
    }
}

//! The log as a gateway reaches it: any number of requests append at the same time, each waits for its own answer.

use std::future::Future;
use std::pin::Pin;

use runtime::commands::{Acknowledged, Append, CommandError, CommandLog, CommandRecord};
use tokio::sync::oneshot;

use crate::client::{SimClient, SimCommandLog};

/// Appends each record with a producer and on a simulated thread of its own, so that a request waits outside the call.
pub(super) struct GatewayLog(pub(super) SimClient);

impl GatewayLog {
    async fn append_aside(&self, record: CommandRecord) -> Result<Acknowledged, CommandError> {
        let (sender, answer) = oneshot::channel();
        let (client, process) = (self.0.clone(), self.0.process);
        let work = move || {
            let appended = SimCommandLog::new(client).append_now(record);
            // A request that has been given up hears nothing.
            drop(sender.send(appended));
        };
        self.0.kafka.world.spawn(process, Box::new(work));
        let killed = |_| CommandError::Unavailable("the process was killed".to_owned());
        answer.await.map_err(killed)?
    }
}

impl CommandLog for GatewayLog {
    fn append(&self, record: CommandRecord) -> Append<'_> {
        Box::pin(self.append_aside(record))
    }

    /// Nothing that a session needs is read from the topologies.
    fn end_offset(&self, topic: &str, _: i32) -> Pin<Box<dyn Future<Output = Result<i64, CommandError>> + Send + '_>> {
        let refused = CommandError::Refused(format!("{topic} is not asked for its end"));
        Box::pin(async move { Err(refused) })
    }

    fn partitions(&self, topic: &str) -> Result<i32, CommandError> {
        SimCommandLog::new(self.0.clone()).partitions(topic)
    }
}

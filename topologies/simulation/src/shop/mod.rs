//! The shop in the simulation: its five topologies, a gateway that is killed, sellers and buyers who do not give up, and a payment
//! provider that does not hear everything.

mod books;
mod customers;
mod gateway;
mod provider;
mod reference;
mod topic;
mod waits;

use std::sync::Arc;

use commerce::topologies;
use runtime::NoSchemas;
use schemas::SchemaTable;
use schemas::wire::payment::{PaymentEvent, PaymentEventPayload, PaymentRefusal};

use crate::simulation::{Impossible, Simulation};
use crate::sometimes::Moment;
use crate::workload::{Progress, Stage, Workload};
use books::Books;
use customers::Customers;
use provider::Provider;
use reference::Reference;
use topic::Topics;
use waits::Waits;

/// Orders of a run, unless said otherwise.
pub const ORDERS_DEFAULT: usize = 24;

impl Simulation {
    /// The shop with all its topologies and this many orders, checked by the invariants I1 to I10, and
    /// told again by a model that shares nothing with it.
    pub fn shop(orders: usize) -> Result<Self, Impossible> {
        let schemas = Arc::new(SchemaTable::with_current_schemas());
        let topologies = topologies::all(&schemas)?;
        let workload = Arc::new(Shop { schemas, orders });
        Ok(Self::of(topologies, Arc::new(NoSchemas), Some(workload)).instances(3))
    }
}

struct Shop {
    schemas: Arc<SchemaTable>,
    orders: usize,
}

impl Workload for Shop {
    fn begin(&self, stage: &Stage) -> Box<dyn Progress> {
        let provider = Provider::open(stage, &self.schemas);
        let customers = Customers::begin(stage, &self.schemas, self.orders);
        Box::new(Trading {
            customers,
            provider,
            topics: Topics::new(&self.schemas),
            books: Books::default(),
            reference: Reference::default(),
            waits: Waits::default(),
        })
    }
}

struct Trading {
    customers: Customers,
    provider: Provider,
    topics: Topics,
    books: Books,
    reference: Reference,
    waits: Waits,
}

impl Progress for Trading {
    fn is_done(&mut self, _: &Stage) -> bool {
        self.customers.are_done() && self.books.is_settled(&self.customers.accepted())
    }

    fn observe(&mut self, stage: &Stage) -> Vec<String> {
        let mut news = self.topics.news(stage);
        let mut found = std::mem::take(&mut news.unreadable);
        found.extend(self.books.observe(&news));
        if news
            .payment_events
            .iter()
            .any(|heard| is_of_a_disabled_account(&heard.value))
        {
            stage.kafka.world.reached(Moment::PaymentOfDisabledDeclined);
        }
        self.reference.observe(stage, news);
        found.extend(self.waits.observe(stage));
        found.extend(self.provider.observe());
        found
    }

    fn judge(&mut self, stage: &Stage) -> Vec<String> {
        let mut found = self.observe(stage);
        let accepted = self.customers.accepted();
        found.extend(self.books.judge(stage, &accepted));
        let carried_out = self.provider.carried_out();
        found.extend(self.reference.judge(stage, &accepted, &carried_out));
        found
    }
}

fn is_of_a_disabled_account(event: &PaymentEvent) -> bool {
    let PaymentEventPayload::PaymentDeclined(declined) = &event.payload else {
        return false;
    };
    declined.reason == PaymentRefusal::AccountDisabled
}

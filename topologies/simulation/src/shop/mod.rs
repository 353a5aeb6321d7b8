//! The shop in the simulation: its five topologies, a gateway that is killed, sellers and buyers who do not give up.

mod books;
mod customers;
mod gateway;

use std::sync::Arc;

use commerce::topologies;
use runtime::NoSchemas;
use schemas::SchemaTable;

use crate::simulation::{Impossible, Simulation};
use crate::workload::{Progress, Stage, Workload};
use books::Books;
use customers::Customers;

/// Orders of a run, unless said otherwise.
pub const ORDERS_DEFAULT: usize = 24;

impl Simulation {
    /// The shop with all its topologies and this many orders, checked by the invariants I1 to I10.
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
        let customers = Customers::begin(stage, &self.schemas, self.orders);
        Box::new(Trading {
            customers,
            books: Books::new(&self.schemas),
        })
    }
}

struct Trading {
    customers: Customers,
    books: Books,
}

impl Progress for Trading {
    fn is_done(&mut self, stage: &Stage) -> bool {
        self.customers.are_done() && self.books.is_settled(stage, &self.customers.accepted())
    }

    fn observe(&mut self, stage: &Stage) -> Vec<String> {
        self.books.observe(stage)
    }

    fn judge(&mut self, stage: &Stage) -> Vec<String> {
        self.books.judge(stage, &self.customers.accepted())
    }
}

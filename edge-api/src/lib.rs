//! The gateway: HTTP API, accounts and sessions, idempotency and read-your-writes.
//!
//! It holds nothing that would be lost with it: commands go into the log before anything is claimed, state is read
//! from the topologies, sessions live in their store. In reading order:
//! * [`app`], [`admin`], [`serve`]: the routers and how they are served; [`EdgeState`]: what handlers share;
//! * [`auth`]: the table of who may do what, the gate before every route, tokens, passwords and second factors;
//! * [`sessions`]: sessions in Redis or in this process;
//! * [`routes`]: one file per resource; [`model`]: their JSON;
//! * [`commands`] and [`reading`]: into the log, and out of the state;
//! * [`console`]: the pages for people, as files inside the program;
//! * [`problem`] and [`http`]: what every answer has in common; [`security`]: what is logged of it; [`limits`]: every bound.

pub mod app;
pub mod auth;
pub mod clock;
pub mod commands;
pub mod console;
pub mod http;
pub mod idempotency;
mod lately;
pub mod limits;
pub mod metrics;
pub mod model;
pub mod problem;
pub mod reading;
pub mod routes;
pub mod security;
pub mod serve;
pub mod sessions;
pub mod state;
pub mod views;

pub use app::{admin, app};
pub use auth::{KeyError, SealingKey, SealingKeys, TokenKey, TokenKeys};
pub use commands::CommandSerdes;
pub use serve::{Entrance, Listening};
pub use sessions::{MemorySessions, RedisAccess, RedisSessions, SessionStore, SessionTimes};
pub use state::{EdgeParts, EdgeState, RenderMetrics};
pub use views::Views;

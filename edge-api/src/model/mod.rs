//! The JSON shapes of the API. They are stable: fields are added, never renamed.

pub mod account;
pub mod checks;
pub mod fulfilment;
pub mod key;
pub mod money;
pub mod order;
pub mod product;
pub mod second_factor;
pub mod seller;
mod shown;
pub mod time;
pub mod timeline;
pub mod wallet;
mod whole;

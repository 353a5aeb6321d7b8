//! What every route needs from HTTP: strict inputs on the way in, problems and headers on the way out.

pub mod body;
pub mod consistency;
pub mod cursor;
pub mod headers;
pub mod layers;
mod objects;
pub mod parameters;
pub mod peer;
pub mod quota;
pub mod trace;

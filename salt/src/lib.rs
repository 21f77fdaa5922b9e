//! What Salt itself defines: values, msgpack, YAML, arguments and the contract of a function. No sockets.

pub mod value;

pub use value::{Map, Value};

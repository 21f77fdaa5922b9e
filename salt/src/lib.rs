//! What Salt itself defines: values, msgpack, YAML, arguments and the contract of a function. No sockets.

// The macros name this crate by its own name, in its own tests too.
#[cfg(test)]
extern crate self as salt;

pub mod args;
pub mod beacon;
pub mod connection;
pub mod context;
pub mod error;
mod file_name;
pub mod function;
pub mod msgpack;
pub mod plan;
pub mod registry;
pub mod repr;
pub mod schedule;
pub mod target;
pub mod value;
mod vsphere;
pub mod yaml;
pub mod yamlify;

pub use args::{Args, Words};
pub use context::Context;
pub use error::{Error, Result};
pub use file_name::file_name;
pub use function::{BoxFuture, Function, Param};
pub use plan::{Applied, Changes, Outcome, Plan, StateRet};
pub use registry::Registry;
pub use salt_macros::{salt_fn, salt_state};
pub use value::{Map, Value};

/// The release of Salt whose behaviour is served: `test.version`, the grain `saltversion`, and every point in which
/// the lines differ.
pub const SALT_VERSION: &str = "3007.17";

//! Salt's own configuration files for vsalt, typed and checked.
//!
//! A proxy minion reads `proxy`, then `proxy.d/*.conf`, then `proxy.d/<id>/*.conf`, then what `include:` names. The result
//! is the map of options that templates and `config.get` see, complete with the defaults of Salt 3007.

mod error;
mod files;
pub mod id;
mod kept;
mod kind;
mod load;
mod mask;
pub mod options;
mod paths;
pub mod proxy;
mod wrap;

pub use error::Error;
pub use kind::Kind;
pub use load::{Config, Request, Role, load, process_env};
pub use mask::mask;

#[cfg(test)]
mod tests;

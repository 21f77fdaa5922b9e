//! The daemon: the only crate that knows a Salt master.

pub mod channel;
pub mod crypt;
pub mod transport;
pub mod log;
pub mod output;

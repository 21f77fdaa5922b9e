//! The daemon: the only crate that knows a Salt master.

pub mod crypt;
pub mod transport;

//! The daemon: the only crate that knows a Salt master.

pub mod beacon;
pub mod caller;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod connection;
#[cfg(test)]
mod corpus;
pub mod crypt;
pub mod doctor;
pub mod files;
pub mod grains;
pub mod job;
pub mod link;
pub mod local;
pub mod log;
pub mod master;
pub mod minion;
pub mod output;
pub mod pillar;
pub mod proxy;
pub mod refresh;
pub mod schedule;
#[cfg(test)]
mod scripted;
pub mod settings;
pub mod spool;
pub mod transport;

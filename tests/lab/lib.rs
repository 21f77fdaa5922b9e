//! The lab: the real parts an end-to-end test runs against, and how they start.
//!
//! A real `salt-master` in a temporary root ([`Master`]), a vCenter simulator ([`Vcsim`]), our own binary
//! ([`Proxy`]), and a wire between minion and master that can be cut and soiled ([`Wire`]). Every one of them is a
//! value that ends its processes when it is dropped, and whose processes end by themselves when the program that holds it dies.

pub mod bus;
pub mod demo;
pub mod endure;
pub mod error;
pub mod http;
pub mod machine;
pub mod master;
pub mod memory;
pub mod process;
pub mod provision;
pub mod proxy;
pub mod soak;
pub mod stress;
pub mod vcsim;
pub mod wire;

pub use bus::{Bus, Event, Job, Return};
pub use error::{Error, Result};
pub use master::{Master, Output};
pub use process::{Process, Root, eventually, free_port};
pub use provision::{RELEASES, Release, Tools};
pub use proxy::{Proxy, Settings, vsalt};
pub use vcsim::Vcsim;
pub use wire::{Way, Wire};

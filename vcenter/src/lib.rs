//! A vSphere client: one session, schema-driven SOAP, and the data objects of the vSphere API as values.
//!
//! | room | what it knows |
//! |---|---|
//! | [`schema`] | every data object, managed object, method and enumeration of the vSphere APIs, as a table |
//! | [`vim`] | values, data objects and references, by vSphere's names |
//! | [`soap`] | envelopes: requests out of the schema, answers back into values, faults |
//! | [`transport`] | HTTPS, trust and timeouts: the only place that opens a connection |
//! | [`session`] | one login shared by everybody, renewed once when the server has forgotten it |
//! | [`error`] | what can go wrong, and what to do about it |
//! | [`collector`] | the property collector: reading once, and waiting for changes |
//! | [`inventory`] | every managed entity, kept current, read without asking |
//! | [`rest`] | the Automation API: what SOAP does not have, such as tags |
//! | [`task`] | waiting for the ends of tasks, and finding lost ones |
//! | [`work`] | on whose behalf the vCenter is asked, and who must hear of it |
//! | [`tree`] | plain trees (JSON) for values, both ways, by the schema |
//! | [`client`] | all of that for one vCenter |
//! | [`pool`] | several vCenters: a client for each, closed when nobody needs it |
//! | [`ops`] | the verbs: what is done to datacenters, folders, virtual machines … |

pub mod client;
pub mod collector;
pub mod error;
pub mod inventory;
pub mod ops;
pub mod pool;
pub mod rest;
pub mod schema;
pub mod session;
pub mod soap;
pub mod task;
pub mod transport;
pub mod tree;
pub mod vim;
pub mod work;

#[cfg(test)]
mod double;

pub use client::Client;
pub use error::{Error, Recovery, Result};
pub use pool::Pool;
pub use session::{Config, Credentials, Secret, Session, State};
pub use soap::Fault;
pub use vim::{Args, MoRef, Object, Value};
pub use work::Work;

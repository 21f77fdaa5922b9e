//! The verbs: what is done to the objects of a vCenter, by subject.
//!
//! Each takes the object by reference, calls, waits for the task if there is one, and returns when the inventory shows what
//! it has done. Which object a name means is the inventory's to say ([`crate::inventory::Inventory::find`]).

pub mod automation;
pub mod datacenter;
pub mod datastore;
pub mod entity;
pub mod folder;
pub mod generic;
pub mod host;
pub mod service;
pub mod tag;
pub mod vm;

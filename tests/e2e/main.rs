//! End-to-end tests: our binary against a real master and a simulated vCenter, over real sockets.
//!
//! Without the lab (`./test` makes it) those that need it say so and are left out; `VSALT_LAB=must` makes them fail instead.

mod bulk;
mod call;
mod conformance;
mod daemon;
mod doctor;
mod endurance;
mod errors;
mod faults;
mod functions;
mod generic;
mod inventory;
mod keys;
mod lifetime;
mod proxytypes;
mod reconnect;
mod reference;
mod sessions;
mod stage;
mod states;
mod stress;
mod tags;
mod tidy;
mod vcenters;
mod wire;
mod writes;

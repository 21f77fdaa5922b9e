//! The list of faults: what a vCenter, or what lies before it, can do to its client, each done to it by the simulator or a
//! wire, through real sockets.
//!
//! Every one must end in a success or an error that a person understands, without a panic, and all must be well once
//! the fault is over: the inventory follows, one session, none after the end, all counted by the simulator.

mod answers;
mod large;
mod machine;
mod rights;
mod scene;
mod silence;
mod tasks;
mod trust;
mod updates;

//! SOAP 1.1 as vSphere speaks it: requests out of the schema, answers back into values.
//!
//! Nothing here opens a connection; bytes go in and come out.

mod fault;

pub use fault::Fault;

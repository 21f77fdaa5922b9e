//! The vsalt command.
fn main() {}

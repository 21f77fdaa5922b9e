//! Any bytes as what a peer writes on a ZMTP connection.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| minion::transport::zmtp::fuzz(bytes));

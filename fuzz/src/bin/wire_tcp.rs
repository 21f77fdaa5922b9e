//! Any bytes as what a peer writes on a connection of Salt's transport `tcp`. A WebSocket brings whole messages, which are
//! read by the same function.

#![no_main]

use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| block_on(minion::transport::tcp::fuzz(bytes)));

//! Any bytes as msgpack, by each of the three ways to read it: what can be read can be packed, and is then the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use salt::msgpack::{pack, pack_modern, unpack, unpack_bytes, unpack_modern};

fuzz_target!(|bytes: &[u8]| {
    for (value, again) in [(unpack(bytes), unpack as fn(&[u8]) -> _), (unpack_bytes(bytes), unpack_bytes)] {
        let Ok(value) = value else { continue };
        let _ = (value.to_string(), value.repr(), value.truthy());
        // What Python can't pack we need not.
        let Ok(packed) = pack(&value) else { continue };
        let read = again(&packed);
        assert!(read.is_ok(), "{packed:?}");
        assert_eq!(read.and_then(|value| pack(&value)), Ok(packed));
    }
    if let Ok(value) = unpack_modern(bytes)
        && let Ok(packed) = pack_modern(&value)
    {
        assert_eq!(unpack_modern(&packed).and_then(|value| pack_modern(&value)), Ok(packed));
    }
});

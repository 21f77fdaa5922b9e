//! Any text as a file of the pki directory: a private key, a public one, a fingerprint.

#![no_main]

use libfuzzer_sys::fuzz_target;
use minion::crypt::{
    EncryptionAlgorithm, HashType, MinionKeys, PublicKey, SigningAlgorithm, clean, fingerprint,
};

fuzz_target!(|text: &str| {
    let cleaned = clean(text);
    assert_eq!(clean(&cleaned), cleaned);
    let _ = fingerprint(text, HashType::default());
    if let Ok(key) = PublicKey::from_pem(text) {
        let _ = key.verify(SigningAlgorithm::default(), b"x", b"y");
        let _ = key.verify_x931(b"x", b"y");
        let _ = key.encrypt(EncryptionAlgorithm::default(), b"x");
    }
    // A key may be too short for what is to be signed.
    if let Ok(keys) = MinionKeys::from_pem(text)
        && let Ok(signed) = keys.sign(SigningAlgorithm::default(), b"x")
    {
        assert!(keys.public().verify(SigningAlgorithm::default(), b"x", &signed));
    }
});

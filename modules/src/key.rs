//! Fingerprints of the minion's and the master's key.
//!
//! Facts: `salt/modules/key.py` and `salt/utils/crypt.py` (`pem_finger`) of Salt 3007.17.

use std::path::Path;

use salt::{Context, Error, Result, functions, salt_fn};

use crate::digest::Hash;

functions![finger, finger_master];

/// Gives the fingerprint of the minion's public key, as `salt-key -f` shows it on the master.
///
/// CLI Example:
///
/// ```bash
/// salt '*' key.finger
/// ```
#[salt_fn]
async fn finger(
    cx: &Context,
    /// The kind of hash; the option `hash_type` decides if there is none.
    hash_type: Option<String>,
) -> Result<String> {
    fingerprint(cx, "minion.pub", hash_type)
}

/// Gives the fingerprint of the master's public key as the minion knows it, as `salt-key -F master` shows it there.
///
/// CLI Example:
///
/// ```bash
/// salt '*' key.finger_master
/// ```
#[salt_fn]
async fn finger_master(
    cx: &Context,
    /// The kind of hash; the option `hash_type` decides if there is none.
    hash_type: Option<String>,
) -> Result<String> {
    fingerprint(cx, "minion_master.pub", hash_type)
}

/// The hash of a PEM file without its first and last line, in pairs. A missing file has an empty one.
fn fingerprint(cx: &Context, file: &str, hash_type: Option<String>) -> Result<String> {
    let opts = cx.opts();
    let Some(dir) = opts.get_str("pki_dir") else {
        return Err(Error::execution("The option pki_dir is not set"));
    };
    let kind = Hash::named(&hash_type.unwrap_or_else(|| Hash::configured(cx)))?;
    let path = Path::new(dir).join(file);
    if !path.is_file() {
        return Ok(String::new());
    }
    let pem = std::fs::read_to_string(&path).map_err(Error::execution)?;
    Ok(pem_finger(&pem, kind))
}

fn pem_finger(pem: &str, kind: Hash) -> String {
    let lines: Vec<&str> = pem.split_inclusive('\n').filter(|line| !line.trim().is_empty()).collect();
    let inner = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default().concat();
    let hex = kind.hex(inner.as_bytes());
    hex.as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_of_the_key_does_not_count() {
        let finger = pem_finger("-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n", Hash::Md5);
        // md5 of "abc\n", by md5sum.
        assert_eq!(finger, "0b:ee:89:b0:7a:24:8e:27:c8:3f:c3:d5:95:12:13:c1");
        assert_eq!(pem_finger("", Hash::Md5).len(), 47);
    }
}

//! ANSI X9.31 signatures as OpenSSL makes them with padding 5 and no hash identifier: the master's `sig` of the
//! publish key and the minion's `tok` (`salt/utils/rsax931.py`). No crate offers them.

use rsa::hazmat::{rsa_decrypt_and_check, rsa_encrypt};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey};

use super::Error;

/// Signs a short message as it is, without hashing it. Deterministic.
pub(super) fn sign(key: &RsaPrivateKey, message: &[u8]) -> Result<Vec<u8>, Error> {
    let size = key.size();
    let block = block(message, size).ok_or(Error::Rsa)?;
    let signature =
        rsa_decrypt_and_check(key, Some(&mut rand::rngs::OsRng), &block).map_err(|_| Error::Rsa)?;
    let other = key.n() - &signature;
    let bytes = signature.min(other).to_bytes_be();
    Ok([vec![0; size.saturating_sub(bytes.len())], bytes].concat())
}

/// True if `signature` is one of `message`.
pub(super) fn verify(key: &RsaPublicKey, message: &[u8], signature: &[u8]) -> bool {
    let size = key.size();
    let Some(block) = block(message, size) else { return false };
    let signature_number = BigUint::from_bytes_be(signature);
    if signature.len() != size || signature_number >= *key.n() {
        return false;
    }
    // The signer chose the smaller of s and n - s, so either root may come out.
    match rsa_encrypt(key, &signature_number) {
        Ok(root) => root == block || key.n() - &root == block,
        Err(_) => false,
    }
}

/// The padded block: `6A M CC`, or `6B BB… BA M CC` where there is room. None if the message is too long.
fn block(message: &[u8], size: usize) -> Option<BigUint> {
    let room = size.checked_sub(message.len() + 2)?;
    let mut block = Vec::with_capacity(size);
    if room == 0 {
        block.push(0x6a);
    } else {
        block.push(0x6b);
        block.resize(room, 0xbb);
        block.push(0xba);
    }
    block.extend_from_slice(message);
    block.push(0xcc);
    Some(BigUint::from_bytes_be(&block))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_padded_by_the_rule() {
        let hex = |message: &[u8], size| block(message, size).map(|b| format!("{b:x}"));
        assert_eq!(hex(b"salt", 9).as_deref(), Some("6bbbbbba73616c74cc"));
        assert_eq!(hex(b"salt", 7).as_deref(), Some("6bba73616c74cc"));
        assert_eq!(hex(b"salt", 6).as_deref(), Some("6a73616c74cc"));
        assert_eq!(hex(b"salt", 5), None);
    }
}

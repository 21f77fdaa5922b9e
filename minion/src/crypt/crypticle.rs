//! Salt's symmetric envelope: AES-192-CBC, then HMAC-SHA-256 over IV and cipher text.

use aes::Aes192;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use hmac::{Hmac, Mac};
use rand::RngCore;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Error, Secret};

const AES_KEY: usize = 24;
const MAC: usize = 32;
const IV: usize = 16;
/// What every plain text begins with. It has not been a pickle for a long time.
const PREFIX: &[u8] = b"pickle::";
/// The length of a nonce in a reply: 32 hexadecimal digits.
const NONCE: usize = 32;

/// A symmetric key of a master.
#[derive(Debug, Clone)]
pub struct Crypticle {
    keys: Secret<[u8; AES_KEY + MAC]>,
}

/// Why a cipher text could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was not made with this key, or it was changed.
    #[error("message authentication failed")]
    Mac,
    /// It was made with this key, but holds no plain text of Salt's.
    #[error("the decrypted message has no prefix")]
    Format,
    /// It answers another request.
    #[error("the nonce is another one")]
    Nonce,
}

impl Crypticle {
    /// The key of its text on the wire: base64 of 24 bytes for AES and 32 for the HMAC.
    pub fn from_text(text: &[u8]) -> Result<Crypticle, Error> {
        let bytes =
            STANDARD.decode(text.trim_ascii()).map_err(|_| Error::Key("a session key is not base64"))?;
        let keys = <[u8; AES_KEY + MAC]>::try_from(bytes.as_slice())
            .map_err(|_| Error::Key("a session key is not of 56 bytes"))?;
        Ok(Crypticle { keys: Secret::new(keys) })
    }

    /// A new key and its text, as a master makes them.
    pub fn generate() -> (Crypticle, Secret<String>) {
        let mut keys = [0; AES_KEY + MAC];
        rand::rngs::OsRng.fill_bytes(&mut keys);
        (Crypticle { keys: Secret::new(keys) }, Secret::new(STANDARD.encode(keys)))
    }

    /// True if both are the same key.
    pub fn same(&self, other: &Crypticle) -> bool {
        self.keys.expose().ct_eq(other.keys.expose()).into()
    }

    /// Encrypts msgpack: with a nonce in front for what answers a request with one.
    pub fn seal(&self, nonce: Option<&str>, msgpack: &[u8]) -> Vec<u8> {
        let plain = [PREFIX, nonce.unwrap_or_default().as_bytes(), msgpack].concat();
        let mut iv = [0; IV];
        rand::rngs::OsRng.fill_bytes(&mut iv);
        self.seal_with(iv, &plain)
    }

    /// Decrypts to msgpack, and checks the nonce of a reply.
    pub fn open(&self, nonce: Option<&str>, data: &[u8]) -> Result<Vec<u8>, OpenError> {
        let plain = self.decrypt(data)?;
        let rest = plain.strip_prefix(PREFIX).ok_or(OpenError::Format)?;
        let Some(nonce) = nonce else { return Ok(rest.to_vec()) };
        let (seen, rest) = rest.split_at_checked(NONCE).ok_or(OpenError::Nonce)?;
        if bool::from(seen.ct_eq(nonce.as_bytes())) { Ok(rest.to_vec()) } else { Err(OpenError::Nonce) }
    }

    fn seal_with(&self, iv: [u8; IV], plain: &[u8]) -> Vec<u8> {
        let (aes, _) = self.split();
        let body =
            cbc::Encryptor::<Aes192>::new(aes.into(), &iv.into()).encrypt_padded_vec_mut::<Pkcs7>(plain);
        let mut out = Vec::with_capacity(IV + body.len() + MAC);
        out.extend_from_slice(&iv);
        out.extend_from_slice(&body);
        let mac = self.mac(&out).finalize().into_bytes();
        out.extend_from_slice(&mac);
        out
    }

    fn decrypt(&self, data: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (signed, mac) = data.split_last_chunk::<MAC>().ok_or(OpenError::Mac)?;
        // The comparison takes the same time for any difference.
        self.mac(signed).verify_slice(mac).map_err(|_| OpenError::Mac)?;
        let (iv, body) = signed.split_first_chunk::<IV>().ok_or(OpenError::Format)?;
        let (aes, _) = self.split();
        cbc::Decryptor::<Aes192>::new(aes.into(), iv.into())
            .decrypt_padded_vec_mut::<Pkcs7>(body)
            .map_err(|_| OpenError::Format)
    }

    fn mac(&self, data: &[u8]) -> Hmac<Sha256> {
        let (_, key) = self.split();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(data);
        mac
    }

    fn split(&self) -> (&[u8; AES_KEY], &[u8; MAC]) {
        let keys = self.keys.expose();
        let (aes, mac) = keys.split_first_chunk().expect("56 bytes have 24");
        (aes, mac.first_chunk().expect("56 bytes less 24 are 32"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_nonce_only() {
        let (key, text) = Crypticle::generate();
        assert_eq!(text.expose().len(), 76);
        assert!(Crypticle::from_text(format!("{}\n", text.expose()).as_bytes()).unwrap().same(&key));
        let nonce = "0123456789abcdef0123456789abcdef";
        let sealed = key.seal(Some(nonce), b"\xc0");
        assert_eq!(key.open(Some(nonce), &sealed), Ok(vec![0xc0]));
        assert_eq!(key.open(Some(&nonce.replace('0', "1")), &sealed), Err(OpenError::Nonce));
        assert_eq!(key.open(Some(nonce), &key.seal(None, b"\xc0")), Err(OpenError::Nonce));
        let other = Crypticle::generate().0;
        assert!(!other.same(&key));
        assert_eq!(other.open(Some(nonce), &sealed), Err(OpenError::Mac));
        assert_eq!(key.open(None, &key.seal_with([0; IV], b"no prefix")), Err(OpenError::Format));
        assert_eq!(key.open(None, b"bad load"), Err(OpenError::Mac));
        assert_eq!(key.open(None, b""), Err(OpenError::Mac));
    }

    #[test]
    fn texts_that_are_no_keys_are_refused() {
        for text in [&b""[..], b"!!!", b"AAAA", &[0xff; 76]] {
            assert!(Crypticle::from_text(text).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_plain_text_survives_and_any_flip_is_noticed(
            plain in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            flip in 1u8..=255,
        ) {
            let (key, _) = Crypticle::generate();
            let mut sealed = key.seal(None, &plain);
            prop_assert_eq!(key.open(None, &sealed), Ok(plain));
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert_eq!(key.open(None, &sealed), Err(OpenError::Mac));
        }
    }
}

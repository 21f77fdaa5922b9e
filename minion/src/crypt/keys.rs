//! The minion's RSA key pair and public keys of masters.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::RngCore;
use rand::rngs::OsRng;
use rsa::pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey, EncodeRsaPrivateKey};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey, LineEnding};
use rsa::{Oaep, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha224};
use tracing::info;

use super::{EncryptionAlgorithm, Error, Secret, SigningAlgorithm, clean, pem, x931};

/// The key pair of the minion: `minion.pem` and `minion.pub`.
#[derive(Clone)]
pub struct MinionKeys {
    private: RsaPrivateKey,
    public_text: String,
}

impl fmt::Debug for MinionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MinionKeys").field("public_text", &self.public_text).finish_non_exhaustive()
    }
}

impl MinionKeys {
    /// Reads the pair of a pki directory, or makes one of `keysize` bits if there is none. Slow, and therefore run
    /// beside the async threads.
    pub async fn load_or_generate(pki_dir: &Path, keysize: usize) -> Result<MinionKeys, Error> {
        let pki_dir = pki_dir.to_owned();
        match tokio::task::spawn_blocking(move || load_or_generate(&pki_dir, keysize)).await {
            Ok(result) => result,
            // A panic in the library that makes keys, or the end of the runtime.
            Err(_) => Err(Error::Key("the key pair could not be made")),
        }
    }

    /// Puts a new pair of `keysize` bits in the place of that in a pki directory, whose other files stay. Slow, too.
    pub async fn replace(pki_dir: &Path, keysize: usize) -> Result<MinionKeys, Error> {
        let pki_dir = pki_dir.to_owned();
        let made = tokio::task::spawn_blocking(move || {
            let keys = MinionKeys::generate(keysize)?;
            write_file(&pki_dir.join("minion.pem"), keys.private_text()?.expose(), 0o400)?;
            write_file(&pki_dir.join("minion.pub"), &format!("{}\n", keys.public_text()), 0o644)?;
            Ok(keys)
        });
        made.await.unwrap_or(Err(Error::Key("the key pair could not be made")))
    }

    /// What tells one private key file from the next in the same place; none if there is none.
    pub fn version(pki_dir: &Path) -> Option<Version> {
        let metadata = fs::metadata(pki_dir.join("minion.pem")).ok()?;
        Some(Version { inode: metadata.ino(), modified: metadata.modified().ok() })
    }

    /// The pair of a private key in PEM, PKCS#1 or PKCS#8.
    pub fn from_pem(text: &str) -> Result<MinionKeys, Error> {
        let (label, der) = pem::decode(text)?;
        let key = match label.as_str() {
            "RSA PRIVATE KEY" => RsaPrivateKey::from_pkcs1_der(&der).ok(),
            "PRIVATE KEY" => RsaPrivateKey::from_pkcs8_der(&der).ok(),
            "ENCRYPTED PRIVATE KEY" => return Err(Error::Key("it is encrypted with a passphrase")),
            _ => return Err(Error::Key("it is no private key")),
        };
        MinionKeys::of(key.ok_or(Error::Key("it does not decode"))?)
    }

    /// A new pair.
    pub fn generate(keysize: usize) -> Result<MinionKeys, Error> {
        if !(2048..=RsaPublicKey::MAX_SIZE).contains(&keysize) {
            return Err(Error::Keysize(keysize));
        }
        MinionKeys::of(RsaPrivateKey::new(&mut OsRng, keysize).map_err(|_| Error::Rsa)?)
    }

    fn of(private: RsaPrivateKey) -> Result<MinionKeys, Error> {
        private.validate().map_err(|_| Error::Key("it is not consistent"))?;
        let text = private.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|_| Error::Rsa)?;
        Ok(MinionKeys { private, public_text: clean(&text) })
    }

    /// The public key as it is sent to the master: SubjectPublicKeyInfo in PEM without a line feed at the end.
    pub fn public_text(&self) -> &str {
        &self.public_text
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey { key: self.private.to_public_key() }
    }

    /// Unwraps what was encrypted for us. Blinded, and with one error for all failures.
    pub fn decrypt(&self, algorithm: EncryptionAlgorithm, data: &[u8]) -> Result<Secret<Vec<u8>>, Error> {
        let padding = oaep(algorithm);
        let plain = self.private.decrypt_blinded(&mut OsRng, padding, data).map_err(|_| Error::Rsa)?;
        Ok(Secret::new(plain))
    }

    /// Signs a message.
    pub fn sign(&self, algorithm: SigningAlgorithm, message: &[u8]) -> Result<Vec<u8>, Error> {
        let (padding, digest) = pkcs1v15(algorithm, message);
        self.private.sign_with_rng(&mut OsRng, padding, &digest).map_err(|_| Error::Rsa)
    }

    /// Signs a short message by X9.31, as `tok` is signed.
    pub fn sign_x931(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        x931::sign(&self.private, message)
    }

    fn private_text(&self) -> Result<Secret<String>, Error> {
        let text = self.private.to_pkcs1_pem(LineEnding::LF).map_err(|_| Error::Rsa)?;
        Ok(Secret::new(text.to_string()))
    }
}

/// What tells one private key file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    inode: u64,
    modified: Option<std::time::SystemTime>,
}

/// A public key: the master's, or that which signs the master's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: RsaPublicKey,
}

impl PublicKey {
    /// The key of a PEM text, SubjectPublicKeyInfo or PKCS#1.
    pub fn from_pem(text: &str) -> Result<PublicKey, Error> {
        let (label, der) = pem::decode(text)?;
        let key = match label.as_str() {
            "PUBLIC KEY" => RsaPublicKey::from_public_key_der(&der).ok(),
            "RSA PUBLIC KEY" => RsaPublicKey::from_pkcs1_der(&der).ok(),
            _ => return Err(Error::Key("it is no public key")),
        };
        key.map(|key| PublicKey { key }).ok_or(Error::Key("it does not decode"))
    }

    /// Reads a PEM file. None if there is no such file.
    pub fn read(path: &Path) -> Result<Option<(PublicKey, String)>, Error> {
        let Some(text) = read(path)? else { return Ok(None) };
        match PublicKey::from_pem(&text) {
            Ok(key) => Ok(Some((key, text))),
            Err(Error::Key(why)) => Err(Error::KeyFile { path: path.to_owned(), why }),
            Err(e) => Err(e),
        }
    }

    /// Wraps something for the owner of the key.
    pub fn encrypt(&self, algorithm: EncryptionAlgorithm, data: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.encrypt(&mut OsRng, oaep(algorithm), data).map_err(|_| Error::Rsa)
    }

    /// True if the owner of the key signed exactly these bytes.
    pub fn verify(&self, algorithm: SigningAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        let (padding, digest) = pkcs1v15(algorithm, message);
        self.key.verify(padding, &digest, signature).is_ok()
    }

    /// True if the owner of the key signed exactly this short message by X9.31.
    pub fn verify_x931(&self, message: &[u8], signature: &[u8]) -> bool {
        x931::verify(&self.key, message, signature)
    }
}

/// Writes a file of the pki directory so that it is there in full or not at all.
pub(crate) fn write_file(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let result = temporary(path, text, mode).and_then(|temporary| fs::rename(temporary, path));
    result.map_err(|e| file_error(path, &e))
}

fn load_or_generate(pki_dir: &Path, keysize: usize) -> Result<MinionKeys, Error> {
    let private_file = pki_dir.join("minion.pem");
    let public_file = pki_dir.join("minion.pub");
    let keys = match read_private(&private_file)? {
        Some(keys) => keys,
        None => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(pki_dir)
                .map_err(|e| file_error(pki_dir, &e))?;
            info!(file = %private_file.display(), keysize, "generating the key pair of the minion");
            let keys = MinionKeys::generate(keysize)?;
            // Several proxies share a pki directory and may start at once: the first to finish wins, and the others
            // take its key.
            if create_new(&private_file, keys.private_text()?.expose(), 0o400)? {
                keys
            } else {
                read_private(&private_file)?
                    .ok_or(Error::KeyFile { path: private_file, why: "it came and went" })?
            }
        }
    };
    if !public_file.exists() {
        write_file(&public_file, &format!("{}\n", keys.public_text()), 0o644)?;
    }
    Ok(keys)
}

fn read_private(path: &Path) -> Result<Option<MinionKeys>, Error> {
    let Some(text) = read(path)? else { return Ok(None) };
    match MinionKeys::from_pem(&text) {
        Ok(keys) => Ok(Some(keys)),
        Err(Error::Key(why)) => Err(Error::KeyFile { path: path.to_owned(), why }),
        Err(e) => Err(e),
    }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read(path) {
        // A key is ASCII; what is not will not decode.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(file_error(path, &e)),
    }
}

/// Creates a file with its content at once; false if there is one already.
fn create_new(path: &Path, text: &str, mode: u32) -> Result<bool, Error> {
    let linked = temporary(path, text, mode).and_then(|temporary| {
        let linked = fs::hard_link(&temporary, path);
        fs::remove_file(&temporary)?;
        linked
    });
    match linked {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(file_error(path, &e)),
    }
}

/// Writes a file of a random name beside `path`.
fn temporary(path: &Path, text: &str, mode: u32) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{:016x}", OsRng.next_u64()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if let Err(e) = written {
        fs::remove_file(&temporary)?;
        return Err(e);
    }
    Ok(temporary)
}

fn file_error(path: &Path, e: &io::Error) -> Error {
    Error::File { path: path.to_owned(), why: e.to_string() }
}

fn oaep(algorithm: EncryptionAlgorithm) -> Oaep {
    match algorithm {
        EncryptionAlgorithm::OaepSha1 => Oaep::new::<Sha1>(),
        EncryptionAlgorithm::OaepSha224 => Oaep::new::<Sha224>(),
    }
}

fn pkcs1v15(algorithm: SigningAlgorithm, message: &[u8]) -> (Pkcs1v15Sign, Vec<u8>) {
    match algorithm {
        SigningAlgorithm::Pkcs1v15Sha1 => (Pkcs1v15Sign::new::<Sha1>(), Sha1::digest(message).to_vec()),
        SigningAlgorithm::Pkcs1v15Sha224 => (Pkcs1v15Sign::new::<Sha224>(), Sha224::digest(message).to_vec()),
    }
}

#[cfg(test)]
mod tests;

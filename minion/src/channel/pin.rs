//! The master's key as it was at the first meeting: `minion_master.pub`.

use std::path::{Path, PathBuf};

use super::Error;
use crate::crypt::{PublicKey, clean, write_file};

/// The pinned key of a master.
#[derive(Debug, Clone)]
pub(super) struct Pin {
    pub(super) key: PublicKey,
    /// In cleaned form.
    pub(super) text: String,
}

/// The file of the pin.
pub(super) fn path(pki_dir: &Path) -> PathBuf {
    pki_dir.join("minion_master.pub")
}

/// Reads the pin. A file that holds no key is an error: to take it for none would let any master in.
pub(super) fn read(pki_dir: &Path) -> Result<Option<Pin>, Error> {
    let found = PublicKey::read(&path(pki_dir))?;
    Ok(found.map(|(key, text)| Pin { key, text: clean(&text) }))
}

/// Writes the pin.
pub(super) fn write(pki_dir: &Path, text: &str) -> Result<(), Error> {
    Ok(write_file(&path(pki_dir), text, 0o644)?)
}

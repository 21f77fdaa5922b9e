//! Temporary files and directories on the minion's host. Who asks for one removes it.
//!
//! Facts: `salt/modules/temp.py` of Salt 3007.17, and Python's `tempfile`.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::Rng;
use salt::{Context, Error, Result, functions, salt_fn};

functions![dir, file];

/// How many names are tried.
const TRIES: usize = 1000;

/// Makes a directory that nobody else can read, and gives its place.
///
/// CLI Example:
///
/// ```bash
/// salt '*' temp.dir
/// salt '*' temp.dir prefix='mytemp-' parent='/var/run/'
/// ```
#[salt_fn]
async fn dir(
    _cx: &Context,
    /// How the name ends.
    #[default("")]
    suffix: String,
    /// How the name begins.
    #[default("tmp")]
    prefix: String,
    /// The directory that it is made in; that of the system without it.
    parent: Option<String>,
) -> Result<String> {
    let parent = parent.map_or_else(std::env::temp_dir, PathBuf::from);
    let made = unused(&parent, &prefix, &suffix, |place| DirBuilder::new().mode(0o700).create(place))?;
    Ok(made.1.to_string_lossy().into_owned())
}

/// Makes an empty file that nobody else can read, and gives its place.
///
/// CLI Example:
///
/// ```bash
/// salt '*' temp.file
/// salt '*' temp.file prefix='mytemp-' parent='/var/run/'
/// ```
#[salt_fn]
async fn file(
    _cx: &Context,
    /// How the name ends.
    #[default("")]
    suffix: String,
    /// How the name begins.
    #[default("tmp")]
    prefix: String,
    /// The directory that it is made in; that of the system without it.
    parent: Option<String>,
) -> Result<String> {
    let parent = parent.map_or_else(std::env::temp_dir, PathBuf::from);
    Ok(new_file(&parent, &prefix, &suffix)?.1.to_string_lossy().into_owned())
}

/// A new file in a directory, open for writing.
///
/// # Errors
/// It can't be made.
pub fn new_file(parent: &Path, prefix: &str, suffix: &str) -> Result<(File, PathBuf)> {
    unused(parent, prefix, suffix, |place| {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(place)
    })
}

/// Tries names until one is free.
fn unused<T>(
    parent: &Path,
    prefix: &str,
    suffix: &str,
    make: impl Fn(&Path) -> io::Result<T>,
) -> Result<(T, PathBuf)> {
    if prefix.contains('/') || suffix.contains('/') {
        return Err(Error::invocation("A slash can stand neither in the prefix nor in the suffix"));
    }
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789_";
    for _ in 0..TRIES {
        let mut rng = rand::thread_rng();
        let middle: String = (0..8).map(|_| char::from(letters[rng.gen_range(0..letters.len())])).collect();
        let place = parent.join(format!("{prefix}{middle}{suffix}"));
        match make(&place) {
            Ok(made) => return Ok((made, place)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::execution(format!("{}: {e}", place.display()))),
        }
    }
    Err(Error::execution(format!("No usable temporary name found in {}", parent.display())))
}

//! The files of states: from the master's file server, or from directories of this machine.

pub mod local;
pub mod remote;

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use salt::context::FileHash;
use salt::{Error, Result, file_name};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

pub use local::LocalFiles;
pub use remote::RemoteFiles;

/// A path below a directory. What comes over the wire or out of an SLS must not lead anywhere else.
///
/// # Errors
/// [`Error::Execution`] for anything but plain names.
pub fn below(directory: &Path, saltenv: &str, path: &str) -> Result<PathBuf> {
    let one_name = |name: &str| plain(name).is_some_and(|p| p.components().count() == 1);
    match plain(path) {
        Some(path) if one_name(saltenv) => Ok(directory.join(saltenv).join(path)),
        _ => {
            Err(Error::Execution(format!("the path '{path}' of the environment '{saltenv}' is not allowed")))
        }
    }
}

/// A relative path of plain names.
fn plain(path: &str) -> Option<&Path> {
    let is_name = |c: Component| match c {
        Component::Normal(name) => name.to_str().and_then(file_name).is_some(),
        _ => false,
    };
    let path = Path::new(path);
    (path.components().next().is_some() && path.components().all(is_name)).then_some(path)
}

/// The hash of a file on disk, as lower-case hex; none for a kind of hash that is not known here or a file that can't
/// be read.
pub async fn hash_file(path: PathBuf, hash_type: &str) -> Option<FileHash> {
    let kind = hash_type.to_string();
    let hashed = tokio::task::spawn_blocking(move || {
        let hsum = match kind.as_str() {
            "sha1" => digest::<sha1::Sha1>(&path),
            "sha224" => digest::<Sha224>(&path),
            "sha256" => digest::<Sha256>(&path),
            "sha384" => digest::<Sha384>(&path),
            "sha512" => digest::<Sha512>(&path),
            _ => return None,
        };
        Some(FileHash { hash_type: kind, hsum: hsum.ok()? })
    });
    hashed.await.ok()?
}

fn digest<D: Digest>(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = D::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut chunk)?;
        if n == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&chunk[..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_its_directory() {
        let good = |saltenv, path| below(Path::new("/c"), saltenv, path).ok();
        assert_eq!(good("base", "a/b.sls"), Some("/c/base/a/b.sls".into()));
        assert_eq!(good("base", "a//b"), Some("/c/base/a//b".into()));
        for (saltenv, path) in [
            ("base", "../x"),
            ("base", "/etc/x"),
            ("..", "x"),
            ("", "x"),
            ("base", ""),
            ("a/b", "x"),
            ("base", "a\0"),
            ("base", "a/../../b"),
        ] {
            assert_eq!(good(saltenv, path), None, "{saltenv} {path}");
        }
    }

    #[tokio::test]
    async fn a_hash_is_lower_case_hex() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, "abc").unwrap();
        let hash = hash_file(path.clone(), "sha256").await.unwrap();
        assert_eq!(hash.hsum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash_file(path, "md6").await, None);
    }
}

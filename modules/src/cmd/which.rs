//! Programs of the host.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use salt::{Context, Result, functions, salt_fn};

functions![has_exec, which_, which_bin];

/// Gives the place of a program, or `None`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cmd.which cat
/// ```
#[salt_fn]
async fn which_(
    _cx: &Context,
    /// The name, or a path.
    #[required]
    cmd: Option<String>,
) -> Result<Option<String>> {
    Ok(cmd.and_then(|cmd| which(&cmd)).map(|place| place.to_string_lossy().into_owned()))
}

/// Gives the place of the first program of a list that is there, or `None`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cmd.which_bin '[pip2, pip, pip-python]'
/// ```
#[salt_fn]
async fn which_bin(
    _cx: &Context,
    /// The names.
    cmds: Vec<String>,
) -> Result<Option<String>> {
    Ok(cmds.iter().find_map(|cmd| which(cmd)).map(|place| place.to_string_lossy().into_owned()))
}

/// Says whether there is a program.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cmd.has_exec cat
/// ```
#[salt_fn]
async fn has_exec(
    _cx: &Context,
    /// The name, or a path.
    cmd: String,
) -> Result<bool> {
    Ok(which(&cmd).is_some())
}

/// The place of a program: in `PATH`, and in the directories that a service may lack there.
pub fn which(cmd: &str) -> Option<PathBuf> {
    if cmd.is_empty() {
        return None;
    }
    if cmd.contains('/') {
        return Some(PathBuf::from(cmd)).filter(|path| is_executable(path));
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let further = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];
    let dirs = path.split(':').filter(|dir| !dir.is_empty()).chain(further);
    dirs.map(|dir| Path::new(dir).join(cmd)).find(|place| is_executable(place))
}

/// A file that may be run.
pub fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

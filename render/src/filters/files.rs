//! Files of this machine (`salt/utils/files.py`, `salt/utils/path.py`, `salt/utils/user.py`).

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jinja::python::Bound;
use jinja::{Environment, Error, State, Value};

/// Most paths that `list_files` gives.
const MOST: usize = 1_000_000;

/// Registers them.
pub(super) fn register(env: &mut Environment) {
    env.add_filter("is_empty", |_, value, args| {
        Bound::new("is_empty", 1, args, &[], 0)?;
        Ok(Value::Bool(fs::metadata(jinja::to_str(&value)?).is_ok_and(|file| file.len() == 0)))
    });
    env.add_filter("is_text_file", |_, value, args| {
        let b = Bound::new("is_text", 1, args, &["blocksize"], 0)?;
        let size = usize::try_from(b.int(0, 512)?).unwrap_or(usize::MAX);
        Ok(Value::Bool(start(&jinja::to_str(&value)?, size).is_some_and(|block| !is_binary(&block))))
    });
    env.add_filter("is_bin_file", |_, value, args| {
        Bound::new("is_binary", 1, args, &[], 0)?;
        let path = jinja::to_str(&value)?;
        let block = if Path::new(&path).is_file() { start(&path, 2048) } else { None };
        Ok(Value::Bool(block.is_some_and(|block| is_binary(&block))))
    });
    env.add_filter("list_files", |state, value, args| {
        Bound::new("list_files", 1, args, &[], 0)?;
        let top = jinja::to_str(&value)?;
        let mut paths = vec![top.clone()];
        walk(state, &top, &mut paths)?;
        paths.sort();
        Ok(Value::list(paths.into_iter().map(Value::from).collect()))
    });
    env.add_filter("which", |_, value, args| {
        Bound::new("which", 1, args, &[], 0)?;
        let name = if value.truth()? { jinja::to_str(&value)? } else { return Ok(Value::None) };
        Ok(which(&name).map_or(Value::None, Value::from))
    });
    env.add_filter("get_uid", |_, value, args| {
        Bound::new("get_uid", 1, args, &[], 0)?;
        if matches!(value, Value::None) {
            return Ok(Value::from(i64::from(rustix::process::geteuid().as_raw())));
        }
        let name = jinja::to_str(&value)?;
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let uid = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name.as_str())).then(|| fields.nth(1)?.parse::<i64>().ok())?
        });
        Ok(uid.map_or(Value::None, Value::from))
    });
}

/// `OSError` as Python prints it.
pub(super) fn os_error(error: &std::io::Error, path: &str) -> Error {
    let class = match error.kind() {
        std::io::ErrorKind::NotFound => "FileNotFoundError",
        std::io::ErrorKind::PermissionDenied => "PermissionError",
        std::io::ErrorKind::IsADirectory => "IsADirectoryError",
        _ => "OSError",
    };
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let number = error.raw_os_error().unwrap_or_default();
    Error::python(class, format!("[Errno {number}] {text}: {}", jinja::python::repr_str(path)))
}

fn start(path: &str, size: usize) -> Option<Vec<u8>> {
    let mut block = Vec::new();
    fs::File::open(path).ok()?.take(size as u64).read_to_end(&mut block).ok()?;
    Some(block)
}

/// `salt.utils.stringutils.is_binary`: a NUL, or more than 30 % of characters that are no text.
fn is_binary(data: &[u8]) -> bool {
    if data.is_empty() {
        return false;
    }
    let wide = match std::str::from_utf8(data) {
        Ok(_) => true,
        // The block may end within a character.
        Err(error) => error.error_len().is_none(),
    };
    let text =
        |b: &u8| (32..127).contains(b) || b"\n\r\t\x0c\x08".contains(b) || (wide && (128..255).contains(b));
    data.contains(&0) || data.iter().filter(|b| !text(b)).count() * 10 > data.len() * 3
}

fn walk(state: &State<'_>, dir: &str, paths: &mut Vec<String>) -> jinja::Result<()> {
    let mut open = vec![dir.to_string()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            state.step()?;
            if paths.len() > MOST {
                return Err(Error::python("MemoryError", ""));
            }
            let path = Path::new(&dir).join(entry.file_name()).to_string_lossy().into_owned();
            // Links to directories are not followed: one that leads up would never end.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path.clone());
            }
            paths.push(path);
        }
    }
    Ok(())
}

fn which(name: &str) -> Option<String> {
    let executable = |path: &str| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if name.starts_with('/') {
        return executable(name).then(|| name.to_string());
    }
    let search = std::env::var("PATH").unwrap_or_default();
    let mut found = search
        .split(':')
        .filter(|dir| !dir.is_empty())
        .map(|dir| format!("{}/{name}", dir.trim_end_matches('/')));
    found.find(|path| executable(path))
}

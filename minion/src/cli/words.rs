//! What stands for further words of a command line: a Saltfile, and standard input.

use std::ffi::OsString;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use salt::{Map, Value, yaml};

/// The words with those of the Saltfile behind the name of the command, and those of standard input at the end
/// (`salt/utils/parsers.py`, `SaltfileMixIn`, `ArgsStdinMixIn`). What the user says comes later, and so wins.
///
/// # Errors
/// The Saltfile is none.
pub fn completed(mut words: Vec<OsString>, command: &str) -> Result<Vec<OsString>, String> {
    let at = |words: &[OsString], flag: &str| words.iter().position(|word| word == flag);
    if let Some(place) = at(&words, "--args-stdin") {
        words.remove(place);
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        words.extend(
            lines.map(|line| line.trim().to_string()).filter(|line| !line.is_empty()).map(OsString::from),
        );
    }
    let Some((file, stated)) = saltfile(&mut words) else { return Ok(words) };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(_) if !stated => return Ok(words),
        Err(error) => return Err(format!("the Saltfile {} can't be read: {error}", file.display())),
    };
    let content = yaml::load(&text).map_err(|error| format!("the Saltfile {}: {error}", file.display()))?;
    let section = content.get(command).and_then(Value::as_map).cloned().unwrap_or_default();
    let place = 2.min(words.len());
    words.splice(place..place, flags(&section));
    Ok(words)
}

/// The Saltfile, and whether the user named it: by `--saltfile`, by `SALT_SALTFILE`, here, or at home.
fn saltfile(words: &mut Vec<OsString>) -> Option<(PathBuf, bool)> {
    for n in 0..words.len() {
        let text = words[n].to_string_lossy().into_owned();
        if let Some(file) = text.strip_prefix("--saltfile=") {
            words.remove(n);
            return Some((file.into(), true));
        }
        if text == "--saltfile" && n + 1 < words.len() {
            words.remove(n);
            return Some((words.remove(n).into(), true));
        }
    }
    if let Some(file) = std::env::var_os("SALT_SALTFILE").filter(|file| !file.is_empty()) {
        return Some((file.into(), true));
    }
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".salt/Saltfile"));
    let found = [Some(PathBuf::from("Saltfile")), home].into_iter().flatten().find(|file| file.is_file());
    found.map(|file| (file, false))
}

/// The options of a section as flags: `config_dir: /x` is `--config-dir=/x`.
fn flags(section: &Map) -> Vec<OsString> {
    let flag = |(name, value): (&Value, &Value)| {
        let name = name.to_string().replace('_', "-");
        match value {
            Value::Bool(false) | Value::None => None,
            Value::Bool(true) => Some(format!("--{name}").into()),
            value => Some(format!("--{name}={value}").into()),
        }
    };
    section.iter().filter_map(flag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Vec<String>, String> {
        let words = words.iter().map(OsString::from).collect();
        let completed = completed(words, "salt-call")?;
        Ok(completed.iter().map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn a_saltfile_stands_for_words() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("Saltfile");
        std::fs::write(
            &file,
            "salt-call:\n  config_dir: /etc/other\n  local: true\n  metadata: false\nsalt: {x: y}\n",
        )
        .unwrap();
        let named = format!("--saltfile={}", file.display());
        let words = of(&["vsalt", "call", &named, "test.ping"]).unwrap();
        assert_eq!(words, ["vsalt", "call", "--config-dir=/etc/other", "--local", "test.ping"]);
        let words = of(&["vsalt", "call", "--saltfile", &file.display().to_string(), "-c", "/mine"]).unwrap();
        assert_eq!(words, ["vsalt", "call", "--config-dir=/etc/other", "--local", "-c", "/mine"]);
        assert!(of(&["vsalt", "call", "--saltfile=/nosuch"]).unwrap_err().contains("/nosuch"));
        std::fs::write(&file, "a: [").unwrap();
        assert!(of(&["vsalt", "call", &named]).is_err());
    }
}

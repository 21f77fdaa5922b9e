//! Which Salt the minion serves, and what it runs on.

use std::fmt::Write;

use salt::{Context, Map, Result, SALT_VERSION, Value, functions, map, salt_fn};

functions![version, versions, versions_information, versions_report];

/// Gives the version of Salt that the minion behaves as.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.version
/// ```
#[salt_fn]
async fn version(_cx: &Context) -> Result<&'static str> {
    Ok(SALT_VERSION)
}

/// Gives the versions of the minion and of the system below it, by section.
///
/// There is no Python in this minion and none of Python's packages, so these sections say so.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.versions_information
/// ```
#[salt_fn]
async fn versions_information(_cx: &Context) -> Result<Map> {
    Ok(information())
}

/// Gives the versions of the minion and of the system below it, as text.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.versions_report
/// ```
#[salt_fn]
async fn versions_report(_cx: &Context) -> Result<String> {
    Ok(report(&information()))
}

/// Gives the versions of the minion and of the system below it, as text: another name of `test.versions_report`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.versions
/// ```
#[salt_fn]
async fn versions(_cx: &Context) -> Result<String> {
    Ok(report(&information()))
}

/// The text of `test.versions_report`.
pub fn text() -> String {
    report(&information())
}

fn information() -> Map {
    let line = |path| std::fs::read_to_string(path).unwrap_or_default().trim().to_string();
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let of = |key: &str| {
        let value = release.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_default().trim_matches('"').to_string()
    };
    let words =
        |words: [String; 3]| words.iter().filter(|w| !w.is_empty()).cloned().collect::<Vec<_>>().join(" ");
    map! {
        "Salt Version" => map! { "Salt" => SALT_VERSION, "vsalt" => env!("CARGO_PKG_VERSION") },
        "Python Version" => map! { "Python" => Value::None },
        "Dependency Versions" => Map::new(),
        "Salt Package Information" => map! { "Package Type" => "native" },
        "System Versions" => map! {
            "dist" => words([of("ID"), of("VERSION_ID"), of("VERSION_CODENAME")]),
            "locale" => "utf-8",
            "machine" => std::env::consts::ARCH,
            "release" => line("/proc/sys/kernel/osrelease"),
            "system" => line("/proc/sys/kernel/ostype"),
            "version" => words([of("NAME"), of("VERSION_ID"), of("VERSION_CODENAME")]),
        },
    }
}

/// The report as Salt lays it out: a heading a section, names flush right, a blank between sections
/// (`salt/version.py`, `versions_report`).
fn report(information: &Map) -> String {
    let sections = information.iter().filter_map(|(k, v)| Some((k, v.as_map()?)));
    let width = sections.clone().flat_map(|(_, m)| m.keys()).filter_map(Value::as_str).map(str::len).max();
    let width = width.unwrap_or(0) + 2;
    let mut text = String::new();
    for (heading, entries) in sections.filter(|(_, m)| !m.is_empty()) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{heading}:");
        for (name, value) in entries {
            let value = if value.is_none() { "Not Installed".into() } else { value.clone() };
            let _ = writeln!(text, "{:>width$}: {value}", name.to_string());
        }
        text.push_str(" \n");
    }
    text.truncate(text.trim_end_matches('\n').len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_laid_out_as_salt_does() {
        let information = map! {
            "Salt Version" => map! { "Salt" => "3007.17" },
            "Python Version" => map! { "Python" => Value::None },
            "Dependency Versions" => Map::new(),
        };
        assert_eq!(
            report(&information),
            "Salt Version:\n    Salt: 3007.17\n \nPython Version:\n  Python: Not Installed\n "
        );
    }
}

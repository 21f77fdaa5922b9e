//! Minion ids: names that become parts of paths and of event tags.

use salt::Map;

use crate::Error;

/// Checks an id. Nothing that passes can leave a directory that it is put into.
///
/// # Errors
/// [`Error::Id`].
pub fn check(id: &str) -> Result<(), Error> {
    /// The longest name that common file systems take.
    const MAX: usize = 255;
    let problem = match id {
        "" => "it is empty",
        "." | ".." => "it is a directory",
        _ if id.contains(['/', '\\']) => "it has a slash in it",
        _ if id.contains(char::is_control) => "it has a control character in it",
        _ if id.len() > MAX => "it is longer than 255 bytes",
        _ if id.trim() != id => "it starts or ends with a blank",
        _ => return Ok(()),
    };
    Err(Error::Id { id: id.into(), problem })
}

/// The id of the machine, for a minion that was given none.
pub(crate) fn guess(dir: &std::path::Path, opts: &Map) -> String {
    let first_line = |path: &std::path::Path| {
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().next()?.trim_start_matches('\u{feff}').trim().to_string();
        (!line.is_empty() && line != "localhost").then_some(line)
    };
    if let Some(id) = first_line(&dir.join("minion_id")) {
        return id;
    }
    let name = ["/etc/hostname", "/proc/sys/kernel/hostname"].iter().find_map(|p| first_line(p.as_ref()));
    let mut id = name.unwrap_or_else(|| "localhost".into());
    if opts.get("minion_id_lowercase").is_some_and(salt::Value::truthy) {
        id = id.to_lowercase();
    }
    id
}

/// The id with `append_domain` behind it, unless it is there already.
pub(crate) fn with_domain(id: &str, domain: Option<&str>) -> String {
    match domain {
        Some(domain) if !domain.is_empty() && !id.ends_with(domain) && !id.ends_with('.') => {
            format!("{id}.{domain}")
        }
        _ => id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_leaves_its_directory() {
        for id in ["px1", "vc01.example.com", "a b", "é", "..a", "a:b"] {
            assert_eq!(check(id), Ok(()), "{id}");
        }
        for id in ["", ".", "..", "a/b", "../x", "/x", "a\\b", "a\0b", "a\nb", " a", "a ", &"x".repeat(256)] {
            assert!(check(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_domain_is_appended_once() {
        assert_eq!(with_domain("px1", Some("example.com")), "px1.example.com");
        assert_eq!(with_domain("px1.example.com", Some("example.com")), "px1.example.com");
        assert_eq!(with_domain("px1.", Some("example.com")), "px1.");
        assert_eq!(with_domain("px1", None), "px1");
    }
}

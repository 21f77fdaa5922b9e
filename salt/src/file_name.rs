//! Names from elsewhere that become names of files.

/// The longest name that file systems take, in bytes.
const LONGEST: usize = 255;

/// The name itself, if it can be that of a file in some directory and leads nowhere else: job ids, environments and
/// parts of paths come over the wire or from users, and all of them go through here.
pub fn file_name(name: &str) -> Option<&str> {
    let odd = |c: char| matches!(c, '/' | '\\') || c.is_control();
    (!matches!(name, "" | "." | "..") && name.len() <= LONGEST && !name.contains(odd)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_its_directory() {
        for good in ["20261122145412635126", "base", "..a", ".hidden", "a b", "é"] {
            assert_eq!(file_name(good), Some(good));
        }
        for bad in ["", ".", "..", "a/b", "/", "a\\b", "a\0", "a\n", "../x", &"x".repeat(256)] {
            assert_eq!(file_name(bad), None, "{bad:?}");
        }
    }
}

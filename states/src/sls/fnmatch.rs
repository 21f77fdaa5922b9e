//! Shell patterns over lists of names.

pub use salt::target::fnmatch;

/// The names that the pattern describes, in their order.
pub fn filter<'a>(names: &'a [String], pattern: &str) -> Vec<&'a str> {
    names.iter().map(String::as_str).filter(|name| fnmatch(name, pattern)).collect()
}

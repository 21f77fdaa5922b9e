use std::fmt;

/// A password or cookie: prints as asterisks, and is read on purpose only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("**********")
    }
}

#[cfg(test)]
mod tests {
    use crate::session::{Config, Credentials};

    #[test]
    fn a_secret_is_not_printed() {
        let config = Config::new("vc", Credentials::new("root", "hunter2"));
        let text = format!("{config:?} {config:#?}");
        assert!(!text.contains("hunter2") && text.contains("**********"), "{text}");
    }
}

use std::fmt;

/// A moment, kept as the text the server sent (`2026-11-22T17:00:00.123Z`).
///
/// Text, not a number: what is read and sent back must be the same to the digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(String);

impl DateTime {
    /// A moment out of its `xsd:dateTime` text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as the server sent it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The moment; `None` if the text is no date. A text without an offset is read as UTC, as vSphere means it.
    pub fn timestamp(&self) -> Option<jiff::Timestamp> {
        let text = self.0.trim();
        text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
    }
}

impl From<jiff::Timestamp> for DateTime {
    fn from(moment: jiff::Timestamp) -> Self {
        Self(moment.to_string())
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_names_the_same_moment() {
        let second = |text: &str| DateTime::new(text).timestamp().map(|t| t.as_second());
        assert_eq!(second("2026-11-22T17:00:00Z"), Some(1_795_366_800));
        assert_eq!(second("2026-11-22T18:00:00.5+01:00"), Some(1_795_366_800));
        assert_eq!(second(" 2026-11-22T17:00:00 "), Some(1_795_366_800));
        assert_eq!(second("yesterday"), None);
    }

    #[test]
    fn a_timestamp_survives_as_text() {
        let moment = jiff::Timestamp::from_second(1_795_366_800).unwrap();
        assert_eq!(DateTime::from(moment).timestamp(), Some(moment));
    }
}

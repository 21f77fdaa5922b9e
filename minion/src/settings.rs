//! Reading single options out of the options map, where a wrong type counts as "not given", as Salt treats it.

use std::time::Duration;

use salt::{Map, Value};

/// Typed looks at options.
pub trait Settings {
    /// Text that is not empty.
    fn text(&self, option: &str) -> Option<&str>;
    /// A switch.
    fn flag(&self, option: &str, default: bool) -> bool;
    /// A whole number.
    fn number(&self, option: &str, default: i64) -> i64;
    /// Seconds, whole or not; negative ones count as none.
    fn seconds(&self, option: &str, default: u64) -> Duration;
    /// Minutes, of which 0 means "never".
    fn minutes(&self, option: &str) -> Option<Duration>;
    /// A list of texts; a single text, with or without commas, is one too.
    fn words(&self, option: &str) -> Vec<String>;
}

impl Settings for Map {
    fn text(&self, option: &str) -> Option<&str> {
        self.get_str(option).filter(|s| !s.is_empty())
    }

    fn flag(&self, option: &str, default: bool) -> bool {
        match self.get(option) {
            None | Some(Value::None) => default,
            Some(value) => value.truthy(),
        }
    }

    fn number(&self, option: &str, default: i64) -> i64 {
        match self.get(option) {
            Some(Value::Int(n)) => *n,
            Some(Value::Str(s)) => s.trim().parse().unwrap_or(default),
            _ => default,
        }
    }

    fn seconds(&self, option: &str, default: u64) -> Duration {
        self.get(option)
            .and_then(Value::as_f64)
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
            .unwrap_or(Duration::from_secs(default))
    }

    fn minutes(&self, option: &str) -> Option<Duration> {
        let minutes = self.get(option).and_then(Value::as_f64).filter(|m| *m > 0.0)?;
        Duration::try_from_secs_f64(minutes * 60.0).ok()
    }

    fn words(&self, option: &str) -> Vec<String> {
        match self.get(option) {
            Some(Value::List(items)) => items.iter().map(Value::to_string).collect(),
            Some(Value::Str(text)) => {
                text.split(',').map(str::trim).filter(|w| !w.is_empty()).map(str::to_string).collect()
            }
            _ => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    #[test]
    fn a_wrong_type_is_as_good_as_none() {
        let opts = map! {
            "a" => 3, "b" => "4", "c" => list!["x", 1], "d" => "x, y", "e" => 0.5, "f" => -1, "g" => "",
            "h" => Value::None,
        };
        assert_eq!(opts.number("a", 9), 3);
        assert_eq!(opts.number("b", 9), 4);
        assert_eq!(opts.number("c", 9), 9);
        assert_eq!(opts.words("c"), ["x", "1"]);
        assert_eq!(opts.words("d"), ["x", "y"]);
        assert_eq!(opts.seconds("e", 7), Duration::from_millis(500));
        assert_eq!(opts.seconds("f", 7), Duration::from_secs(7));
        assert_eq!(opts.minutes("e"), Some(Duration::from_secs(30)));
        assert_eq!(opts.minutes("f"), None);
        assert_eq!(opts.text("g"), None);
        assert!(opts.flag("h", true) && !opts.flag("g", true));
    }
}

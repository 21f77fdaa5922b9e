//! Outputters: the text that `vsalt call` prints of a return, as Salt's outputters print it (`salt/output/`).

mod color;
mod highstate;
mod json;
mod key;
mod nested;
mod pprint;
mod text;

pub use color::Colors;
use salt::Value;

/// How to print.
#[derive(Clone, Debug)]
pub struct Style {
    /// Terminal colours, or none.
    pub colors: Colors,
    /// `--out-indent`: none for the outputter's own, negative for one line.
    pub indent: Option<i64>,
    /// `state_output`: `full`, `terse`, `mixed`, `changes`, each also with `_id`.
    pub state_output: String,
    /// `state_verbose`: show states that changed nothing too.
    pub state_verbose: bool,
    /// `state_output_diff`: show only states that changed something or failed.
    pub state_output_diff: bool,
    /// `state_output_profile`: show start and duration.
    pub state_output_profile: bool,
    /// The return code of the job: the nested outputter shows failures in red.
    pub retcode: i64,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            colors: Colors::NONE,
            indent: None,
            state_output: "full".into(),
            state_verbose: true,
            state_output_diff: false,
            state_output_profile: true,
            retcode: 0,
        }
    }
}

/// The outputters by Salt's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputter {
    /// Indented keys and values.
    Nested,
    /// State results with a summary.
    Highstate,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// `key: line` for each line.
    Txt,
    /// Names under the states of keys, as `salt-key` prints them.
    Key,
    /// Python's `repr`.
    Raw,
    /// Python's `pprint`.
    Pprint,
    /// Values alone, one a line.
    NewlineValuesOnly,
    /// Nothing.
    Quiet,
}

impl Outputter {
    /// The names that `--out` takes.
    pub const NAMES: &[&str] = &[
        "highstate",
        "json",
        "key",
        "nested",
        "newline_values_only",
        "pprint",
        "quiet",
        "raw",
        "txt",
        "text",
        "yaml",
    ];

    /// The outputter of a name; none if there is no such one.
    pub fn named(name: &str) -> Option<Outputter> {
        Some(match name {
            "nested" | "" | "grains" => Outputter::Nested,
            "highstate" => Outputter::Highstate,
            "json" => Outputter::Json,
            "key" => Outputter::Key,
            "yaml" => Outputter::Yaml,
            "txt" | "text" => Outputter::Txt,
            "raw" => Outputter::Raw,
            "pprint" => Outputter::Pprint,
            "newline_values_only" => Outputter::NewlineValuesOnly,
            "quiet" => Outputter::Quiet,
            _ => return None,
        })
    }

    /// The text of a return, which is a map from minion ids (`local`) to values, without a final newline.
    pub fn text(self, data: &Value, style: &Style) -> String {
        let text = match self {
            Outputter::Nested => nested::text(data, style, 0),
            Outputter::Highstate => {
                highstate::text(data, style).unwrap_or_else(|| nested::text(data, style, 0))
            }
            Outputter::Key => key::text(data, style).unwrap_or_else(|| nested::text(data, style, 0)),
            Outputter::Json => json::text(data, style.indent.unwrap_or(4)),
            Outputter::Yaml => yaml(data),
            Outputter::Txt => text::txt(data),
            Outputter::Raw => data.to_string(),
            Outputter::Pprint => pprint::text(data),
            Outputter::NewlineValuesOnly => text::values(data),
            Outputter::Quiet => String::new(),
        };
        text.trim_end().to_string()
    }
}

fn yaml(data: &Value) -> String {
    salt::yaml::dump(data, salt::yaml::Style::block())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns and what Salt 3007.17 prints of them, recorded by `tests/data/record_output.py`.
    #[test]
    fn texts_are_salts() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("cases.json")).expect("the recorded cases are JSON");
        let cases = cases.as_array().expect("a list of cases");
        assert!(cases.len() > 40);
        for case in cases {
            let name = case["out"].as_str().unwrap_or_default();
            let data = Value::from_json(case["data"].clone());
            let colors = if case["color"] == true { Colors::ANSI } else { Colors::NONE };
            let mut style = Style { colors, ..Style::default() };
            if let Some(mode) = case["state_output"].as_str() {
                style.state_output = mode.into();
            }
            let text = Outputter::named(name).expect("a known outputter").text(&data, &style);
            assert_eq!(text, case["text"].as_str().unwrap_or_default(), "{name} of {data:?}");
        }
    }
}

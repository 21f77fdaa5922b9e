//! The colours of Salt's default theme (`salt/utils/color.py`).

/// Escape sequences by what they mark; all empty without colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colors {
    pub(super) green: &'static str,
    pub(super) light_yellow: &'static str,
    pub(super) cyan: &'static str,
    pub(super) red: &'static str,
    pub(super) light_red: &'static str,
    pub(super) blue: &'static str,
    pub(super) magenta: &'static str,
    pub(super) light_green: &'static str,
    pub(super) light_blue: &'static str,
    pub(super) light_magenta: &'static str,
    pub(super) end: &'static str,
}

impl Colors {
    /// No colours.
    pub const NONE: Colors = Colors {
        green: "",
        light_yellow: "",
        cyan: "",
        red: "",
        light_red: "",
        blue: "",
        magenta: "",
        light_green: "",
        light_blue: "",
        light_magenta: "",
        end: "",
    };

    /// For a terminal.
    pub const ANSI: Colors = Colors {
        green: "\x1b[0;32m",
        light_yellow: "\x1b[0;1;33m",
        cyan: "\x1b[0;36m",
        red: "\x1b[0;31m",
        light_red: "\x1b[0;1;31m",
        blue: "\x1b[0;34m",
        magenta: "\x1b[0;35m",
        light_green: "\x1b[0;1;32m",
        light_blue: "\x1b[0;1;34m",
        light_magenta: "\x1b[0;1;35m",
        end: "\x1b[0;0m",
    };
}

/// Text from a minion must not drive the terminal.
pub(super) fn strip_escapes(text: &str) -> String {
    text.replace('\x1b', "?")
}

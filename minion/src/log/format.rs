//! One line of the log: Python's `%` formats over the fields of a record (`logging.LogRecord`, `salt/_logging/impl.py`).

use jiff::Zoned;
use serde_json::json;
use tracing::{Level, Metadata};

/// A record, with the fields that formats can name.
pub struct Record<'a> {
    /// The level as Salt names it.
    pub level: &'static str,
    number: u32,
    name: String,
    file: &'a str,
    line: u32,
    message: &'a str,
    jid: &'a str,
    id: &'a str,
    now: Zoned,
}

impl<'a> Record<'a> {
    /// The record of an event of this moment.
    pub fn new(metadata: &'a Metadata<'_>, message: &'a str, jid: &'a str, id: &'a str) -> Record<'a> {
        let (level, number) = match *metadata.level() {
            Level::TRACE => ("TRACE", 5),
            Level::DEBUG => ("DEBUG", 10),
            Level::INFO => ("INFO", 20),
            Level::WARN => ("WARNING", 30),
            Level::ERROR if metadata.target() == "critical" => ("CRITICAL", 50),
            Level::ERROR => ("ERROR", 40),
        };
        Record {
            level,
            number,
            name: metadata.target().replace("::", "."),
            file: metadata.file().unwrap_or_default(),
            line: metadata.line().unwrap_or(0),
            message,
            jid,
            id,
            now: Zoned::now(),
        }
    }

    fn color(&self) -> &'static str {
        match self.level {
            "TRACE" => "\x1b[0;36m",
            "DEBUG" => "\x1b[0;32m",
            "INFO" => "\x1b[0;37m",
            "WARNING" => "\x1b[0;33m",
            _ => "\x1b[0;31m",
        }
    }

    /// The priority of syslog.
    pub fn severity(&self) -> u8 {
        match self.level {
            "CRITICAL" => 2,
            "ERROR" => 3,
            "WARNING" => 4,
            "INFO" => 6,
            _ => 7,
        }
    }
}

/// A format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Each record is an object on a line.
    Json,
    /// Text with fields in it, and the format of `%(asctime)s`.
    Text(Vec<Part>, String),
}

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// A field.
    Field {
        /// Its name.
        name: String,
        /// Put the text to the left of its place.
        left: bool,
        /// Fill up with zeros.
        zeros: bool,
        /// The least number of characters.
        width: usize,
        /// The most characters of a text.
        most: Option<usize>,
    },
}

/// The fields that there are.
const FIELDS: &str = "asctime bracketlevel bracketname bracketprocess colorlevel colormsg colorname colorprocess created \
    exc_info exc_text filename funcName jid levelname levelno lineno message minion_id module msecs name pathname process \
    processName relativeCreated thread threadName";

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, date: &str) -> Result<Format, String> {
        if text.trim().eq_ignore_ascii_case("json") {
            return Ok(Format::Json);
        }
        if jiff::fmt::strtime::format(date, &Zoned::now()).is_err() {
            return Err(format!("{date:?} is no format of a time"));
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            plain.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                plain.push('%');
                rest = after;
                continue;
            }
            let (field, after) =
                field(after).ok_or_else(|| format!("{text:?}: what follows %{after} is no field"))?;
            if let Part::Field { name, .. } = &field
                && !FIELDS.split_whitespace().any(|known| known == name)
            {
                return Err(format!("{text:?}: there is no field {name}"));
            }
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(field);
            rest = after;
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Format::Text(parts, date.to_string()))
    }

    /// The line of a record, without its end. `jid` is the text for a job id that has one.
    pub fn line(&self, record: &Record<'_>, jid: &str, color: bool) -> String {
        let (parts, date) = match self {
            Format::Json => return json_line(record),
            Format::Text(parts, date) => (parts, date),
        };
        let mut line = String::new();
        for part in parts {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Field { name, left, zeros, width, most } => {
                    let mut text = value(name, record, date, jid, color);
                    if let Some((at, _)) = most.and_then(|most| text.char_indices().nth(most)) {
                        text.truncate(at);
                    }
                    let fill = width.saturating_sub(text.chars().count());
                    let filler = if *zeros && !left { "0" } else { " " }.repeat(fill);
                    match left {
                        true => line.extend([text, filler]),
                        false => line.extend([filler, text]),
                    }
                }
            }
        }
        line
    }
}

/// `(name)flags width .precision type`, and what follows.
fn field(text: &str) -> Option<(Part, &str)> {
    let (name, rest) = text.strip_prefix('(')?.split_once(')')?;
    let flags = rest.len() - rest.trim_start_matches(['-', '0', '+', ' ', '#']).len();
    let (flags, rest) = rest.split_at(flags);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (width, rest) = rest.split_at(digits);
    let (precision, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            rest.split_at(digits)
        }
        None => ("", rest),
    };
    let kind = rest.chars().next().filter(|kind| "sdifrxge".contains(*kind))?;
    let width = if width.is_empty() { 0 } else { width.parse().ok().filter(|width| *width <= 200)? };
    // The digits behind the point of a number are left as they are.
    let most = if kind == 's' { precision.parse().ok() } else { None };
    let (left, zeros) = (flags.contains('-'), flags.contains('0'));
    Some((Part::Field { name: name.into(), left, zeros, width, most }, &rest[1..]))
}

fn value(name: &str, record: &Record<'_>, date: &str, jid: &str, color: bool) -> String {
    const RESET: &str = "\x1b[0;0m";
    let colored = |text: String| match color {
        true => format!("{}{text}{RESET}", record.color()),
        false => text,
    };
    let file = || record.file.rsplit('/').next().unwrap_or_default();
    match name {
        "asctime" => record.now.strftime(date).to_string(),
        "msecs" => record.now.millisecond().to_string(),
        "created" => format!("{:.6}", record.now.timestamp().as_microsecond() as f64 / 1e6),
        "name" => record.name.clone(),
        // On a terminal the level has its colour, also where the format does not ask for it.
        "levelname" => record.level.to_string(),
        "levelno" => record.number.to_string(),
        "message" => record.message.to_string(),
        "process" => std::process::id().to_string(),
        "processName" => "MainProcess".into(),
        "threadName" => std::thread::current().name().unwrap_or("MainThread").to_string(),
        "lineno" => record.line.to_string(),
        "pathname" => record.file.to_string(),
        "filename" => file().to_string(),
        "module" => file().trim_end_matches(".rs").to_string(),
        "jid" if jid.is_empty() => record.jid.to_string(),
        "jid" => jid.to_string(),
        "minion_id" => record.id.to_string(),
        "bracketlevel" => format!("[{:<8}]", record.level),
        "bracketname" => format!("[{:<17}]", record.name),
        "bracketprocess" => format!("[{:>5}]", std::process::id()),
        "colorlevel" => colored(format!("[{:<8}]", record.level)),
        "colorname" => colored(format!("[{:<17}]", record.name)),
        "colorprocess" => colored(format!("[{:>5}]", std::process::id())),
        "colormsg" => colored(record.message.to_string()),
        // What only Python's frames and threads have.
        _ => String::new(),
    }
}

fn json_line(record: &Record<'_>) -> String {
    let mut line = json!({
        "time": record.now.timestamp().to_string(),
        "level": record.level,
        "name": record.name,
        "line": record.line,
        "process": std::process::id(),
        "minion_id": record.id,
        "message": record.message,
    });
    if !record.jid.is_empty() {
        line["jid"] = record.jid.into();
    }
    line.to_string()
}

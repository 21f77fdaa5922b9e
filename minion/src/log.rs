//! The log in Salt's formats: one to the console, one to a file or to syslog, each with its own level and format.
//!
//! `log_fmt_console` and `log_fmt_logfile` are Python's `%` formats over the fields of a log record; the word `json` in
//! their place makes each record a line of JSON. A console that is the journal of systemd gets the priority of each line.

mod format;
mod sink;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::IsTerminal;
use std::sync::{Arc, PoisonError, RwLock};

use salt::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::settings::Settings;
use format::{Format, Record};
use sink::Sink;

/// Salt's log levels, from all to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Threshold {
    /// `all`, `garbage`, `trace`.
    Trace,
    /// `debug`, `profile`.
    Debug,
    /// `info`.
    Info,
    /// `warning`.
    Warning,
    /// `error`.
    Error,
    /// `critical`: there is nothing between an error and this, so errors are shown.
    Critical,
    /// `quiet`.
    Quiet,
}

impl Threshold {
    /// The level of a name as Salt's `log_level` takes it; none if there is no such one.
    pub fn named(name: &str) -> Option<Threshold> {
        Some(match name.to_ascii_lowercase().as_str() {
            "all" | "garbage" | "trace" => Threshold::Trace,
            "debug" | "profile" => Threshold::Debug,
            "info" => Threshold::Info,
            "warning" | "warn" => Threshold::Warning,
            "error" => Threshold::Error,
            "critical" => Threshold::Critical,
            "quiet" => Threshold::Quiet,
            _ => return None,
        })
    }

    fn lets(self, level: Level) -> bool {
        let rank = match level {
            Level::TRACE => Threshold::Trace,
            Level::DEBUG => Threshold::Debug,
            Level::INFO => Threshold::Info,
            Level::WARN => Threshold::Warning,
            // A critical message is an error of the target "critical"; all errors count as such.
            Level::ERROR => Threshold::Critical,
        };
        rank >= self
    }
}

/// Where the log goes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The minion id, for `%(minion_id)s`.
    pub id: String,
    /// The threshold of the console (`log_level`).
    pub console: Threshold,
    /// `log_fmt_console` and `log_datefmt_console`, else `log_datefmt`.
    pub console_format: (String, String),
    /// The file, or a place of syslog such as `file:///dev/log` or `udp://host:514`, and its threshold (`log_file`,
    /// `log_level_logfile`).
    pub file: Option<(String, Threshold)>,
    /// `log_fmt_logfile` and `log_datefmt_logfile`.
    pub file_format: (String, String),
    /// `log_fmt_jid`: how a job id stands in front of a message, where the format has a place for it.
    pub jid_format: String,
    /// Thresholds of single targets (`log_granular_levels`).
    pub granular: BTreeMap<String, Threshold>,
    /// Escape sequences on the console.
    pub color: bool,
}

/// The lines of the console where nothing else is said.
const CONSOLE: &str = "[%(levelname)-8s] %(message)s";
const FILE: &str =
    "%(asctime)s,%(msecs)03d [%(name)-17s:%(lineno)-4d][%(levelname)-8s][%(process)d] %(message)s";

impl LogConfig {
    /// What the options ask for. `console` is false for a daemon that has none.
    pub fn of(opts: &Map, console: bool) -> LogConfig {
        let threshold = |option: &str| opts.text(option).and_then(Threshold::named);
        let text = |option: &str, default: &str| opts.text(option).unwrap_or(default).to_string();
        let level = threshold("log_level").unwrap_or(Threshold::Warning);
        let console_date = text("log_datefmt_console", &text("log_datefmt", "%H:%M:%S"));
        let granular = opts.get("log_granular_levels").and_then(Value::as_map).into_iter().flatten();
        LogConfig {
            id: text("id", ""),
            console: if console { level } else { Threshold::Quiet },
            console_format: (text("log_fmt_console", CONSOLE), console_date),
            file: opts
                .text("log_file")
                .map(|file| (file.into(), threshold("log_level_logfile").unwrap_or(level))),
            file_format: (text("log_fmt_logfile", FILE), text("log_datefmt_logfile", "%Y-%m-%d %H:%M:%S")),
            jid_format: text("log_fmt_jid", "[JID: %(jid)s]"),
            granular: granular
                .filter_map(|(target, level)| {
                    Some((target.as_str()?.into(), Threshold::named(level.as_str()?)?))
                })
                .collect(),
            color: opts.flag("color", true) && std::io::stderr().is_terminal(),
        }
    }
}

/// The log of the process.
#[derive(Clone)]
pub struct Log(Arc<RwLock<Sinks>>);

impl Log {
    /// Starts it.
    ///
    /// # Errors
    /// The sentence that names the place that can't be opened or the format that is none, or says that a log runs already.
    pub fn start(config: &LogConfig) -> Result<Log, String> {
        let log = Log::new(config)?;
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.clone()))
            .map_err(|_| "the log has been started already".to_string())?;
        Ok(log)
    }

    fn new(config: &LogConfig) -> Result<Log, String> {
        Ok(Log(Arc::new(RwLock::new(Sinks::open(config)?))))
    }

    /// Goes on as another configuration says. Files are opened anew, so that one that was moved away is left alone.
    ///
    /// # Errors
    /// As [`Log::start`]; then everything stays as it was.
    pub fn change(&self, config: &LogConfig) -> Result<(), String> {
        let sinks = Sinks::open(config)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = sinks;
        // What was of no interest to anybody may be now.
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    }
}

struct Sinks {
    sinks: Vec<Sink>,
    granular: BTreeMap<String, Threshold>,
    id: String,
    jid_format: Format,
}

impl Sinks {
    fn open(config: &LogConfig) -> Result<Sinks, String> {
        let named = |option: &str, (text, date): &(String, String)| {
            Format::parse(text, date).map_err(|why| format!("the option '{option}' is wrong: {why}"))
        };
        let mut sinks = vec![Sink::console(
            config.console,
            named("log_fmt_console", &config.console_format)?,
            config.color,
        )];
        if let Some((place, threshold)) =
            config.file.as_ref().filter(|(_, threshold)| *threshold != Threshold::Quiet)
        {
            sinks.push(Sink::open(place, *threshold, named("log_fmt_logfile", &config.file_format)?)?);
        }
        let jid_format = named("log_fmt_jid", &(config.jid_format.clone(), String::new()))?;
        Ok(Sinks { sinks, granular: config.granular.clone(), id: config.id.clone(), jid_format })
    }

    /// The threshold that `log_granular_levels` sets for a target: that of the longest name that it is below.
    fn granular(&self, target: &str) -> Option<Threshold> {
        let target = target.replace("::", ".");
        let fits = |name: &str| {
            let name = ours(name);
            name.is_empty()
                || target == name
                || target.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.'))
        };
        let named = self.granular.iter().filter(|(name, _)| fits(name));
        named.max_by_key(|(name, _)| ours(name).len()).map(|(_, threshold)| *threshold)
    }

    fn wanted(&self, sink: &Sink, metadata: &Metadata<'_>) -> bool {
        let threshold = self.granular(metadata.target()).unwrap_or(sink.threshold);
        // The libraries below speak of every frame and packet: they are heard from warnings up.
        threshold.lets(*metadata.level()) && (is_ours(metadata.target()) || *metadata.level() <= Level::WARN)
    }
}

fn is_ours(target: &str) -> bool {
    let own = ["minion", "vcenter", "states", "modules", "salt", "config", "jinja", "vsalt", "critical"];
    own.iter().any(|krate| target.split("::").next() == Some(krate))
}

/// What the names of Salt's own loggers are here: its modules are `salt.loaded.int.module.test`, and `salt` is all.
fn ours(name: &str) -> String {
    let name = name.replace("::", ".");
    for (theirs, ours) in [
        ("salt.loaded.int.module", "modules"),
        ("salt.modules", "modules"),
        ("salt.states", "states"),
        ("salt.state", "states.sls"),
        ("salt.minion", "minion"),
        ("salt.transport", "minion.transport"),
    ] {
        if let Some(rest) = name.strip_prefix(theirs).filter(|rest| rest.is_empty() || rest.starts_with('.'))
        {
            return format!("{ours}{rest}");
        }
    }
    if name == "salt" { String::new() } else { name }
}

impl<S: Subscriber> Layer<S> for Log {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let log = self.0.read().unwrap_or_else(PoisonError::into_inner);
        log.sinks.iter().any(|sink| log.wanted(sink, metadata))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        let log = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let record = Record::new(event.metadata(), &message.text, &message.jid, &log.id);
        let jid =
            if message.jid.is_empty() { String::new() } else { log.jid_format.line(&record, "", false) };
        for sink in log.sinks.iter().filter(|sink| log.wanted(sink, event.metadata())) {
            sink.write(&record, &jid);
        }
    }
}

/// The message of an event and its fields behind it.
#[derive(Default)]
struct Message {
    text: String,
    jid: String,
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = if field.name() == "message" {
            let fields = std::mem::take(&mut self.text);
            write!(self.text, "{value:?}{fields}")
        } else {
            write!(self.text, " {}={value:?}", field.name())
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "jid" {
            self.jid = value.into();
        }
        self.record_debug(field, &value);
    }
}

#[cfg(test)]
mod tests;

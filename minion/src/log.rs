//! The log in Salt's formats: one to the console, one to a file, each with its own level.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Zoned;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

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

/// Where the log goes.
#[derive(Debug)]
pub struct LogConfig<'a> {
    /// The threshold of the console (`log_level`).
    pub console: Threshold,
    /// The file and its threshold (`log_file`, `log_level_logfile`).
    pub file: Option<(&'a Path, Threshold)>,
    /// Thresholds of single targets (`log_granular_levels`), longest prefix first.
    pub granular: BTreeMap<String, Threshold>,
    /// Escape sequences on the console.
    pub color: bool,
}

/// Starts the log of the process.
///
/// # Errors
/// The sentence that names the log file that cannot be opened, or says that a log runs already.
pub fn start(config: LogConfig<'_>) -> Result<(), String> {
    let mut sinks = vec![Sink {
        threshold: config.console,
        format: if config.color { Format::ColoredConsole } else { Format::Console },
        out: Mutex::new(Out::Stderr),
    }];
    if let Some((path, threshold)) = config.file {
        let file = open(path).map_err(|e| format!("cannot open the log file {}: {e}", path.display()))?;
        sinks.push(Sink { threshold, format: Format::File, out: Mutex::new(Out::File(file)) });
    }
    let layer = SaltLog { sinks, granular: config.granular };
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .map_err(|_| "the log has been started already".to_string())
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

struct SaltLog {
    sinks: Vec<Sink>,
    granular: BTreeMap<String, Threshold>,
}

struct Sink {
    threshold: Threshold,
    format: Format,
    out: Mutex<Out>,
}

enum Out {
    Stderr,
    File(File),
}

#[derive(Clone, Copy)]
enum Format {
    Console,
    ColoredConsole,
    File,
}

impl SaltLog {
    /// The threshold that `log_granular_levels` sets for a target.
    fn granular(&self, target: &str) -> Option<Threshold> {
        self.granular
            .iter()
            .filter(|(prefix, _)| target.starts_with(prefix.as_str()))
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, threshold)| *threshold)
    }

    fn wanted(&self, sink: &Sink, metadata: &Metadata<'_>) -> bool {
        // The libraries below speak of every frame and packet: they are heard from warnings up.
        let ours = ["minion", "vcenter", "states", "modules", "salt", "config", "vsalt"]
            .iter()
            .any(|krate| metadata.target().split("::").next() == Some(krate));
        let threshold = self.granular(metadata.target()).unwrap_or(sink.threshold);
        threshold.lets(*metadata.level()) && (ours || *metadata.level() <= Level::WARN)
    }
}

impl<S: Subscriber> Layer<S> for SaltLog {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.sinks.iter().any(|sink| self.wanted(sink, metadata))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        for sink in self.sinks.iter().filter(|sink| self.wanted(sink, event.metadata())) {
            let line = line(sink.format, event.metadata(), &message.text);
            let mut out = sink.out.lock().unwrap_or_else(PoisonError::into_inner);
            // A log that cannot be written must not stop the work.
            let _ = match &mut *out {
                Out::Stderr => io::stderr().write_all(line.as_bytes()),
                Out::File(file) => file.write_all(line.as_bytes()),
            };
        }
    }
}

/// The message of an event and its fields behind it.
#[derive(Default)]
struct Message {
    text: String,
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
}

/// `log_fmt_console` and `log_fmt_logfile` with Salt's defaults (`salt/config/__init__.py`).
fn line(format: Format, metadata: &Metadata<'_>, message: &str) -> String {
    let (level, color) = match *metadata.level() {
        Level::TRACE => ("TRACE", "\x1b[0;36m"),
        Level::DEBUG => ("DEBUG", "\x1b[0;32m"),
        Level::INFO => ("INFO", "\x1b[0;37m"),
        Level::WARN => ("WARNING", "\x1b[0;33m"),
        Level::ERROR if metadata.target() == "critical" => ("CRITICAL", "\x1b[0;31m"),
        Level::ERROR => ("ERROR", "\x1b[0;31m"),
    };
    match format {
        Format::Console => format!("[{level:<8}] {message}\n"),
        Format::ColoredConsole => format!("{color}[{level:<8}]\x1b[0;0m {message}\n"),
        Format::File => {
            let name = metadata.target().replace("::", ".");
            let number = metadata.line().unwrap_or(0);
            let now = Zoned::now();
            format!(
                "{},{:03} [{name:<17}:{number:<4}][{level:<8}][{}] {message}\n",
                now.strftime("%Y-%m-%d %H:%M:%S"),
                now.millisecond(),
                std::process::id(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_salts() {
        assert_eq!(Threshold::named("Warning"), Some(Threshold::Warning));
        assert_eq!(Threshold::named("loud"), None);
        assert!(Threshold::Warning.lets(Level::ERROR));
        assert!(!Threshold::Warning.lets(Level::INFO));
        assert!(Threshold::Critical.lets(Level::ERROR));
        assert!(!Threshold::Quiet.lets(Level::ERROR));
    }

    #[test]
    fn a_file_gets_salts_lines_and_only_from_its_threshold_up() {
        let dir = tempfile::tempdir().expect("a directory for the log");
        let path = dir.path().join("sub/proxy");
        let sink = Sink {
            threshold: Threshold::Info,
            format: Format::File,
            out: Mutex::new(Out::File(open(&path).expect("the log opens"))),
        };
        let granular = BTreeMap::from([("minion::log::tests".to_string(), Threshold::Info)]);
        let subscriber = tracing_subscriber::registry().with(SaltLog { sinks: vec![sink], granular });
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(jid = "1", "Starting a job");
            tracing::debug!("not this");
            tracing::error!(target: "critical", "bad key");
        });
        let text = std::fs::read_to_string(&path).expect("the log is there");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains("][INFO    ]["), "{text}");
        assert!(lines[0].ends_with("] Starting a job jid=\"1\""), "{text}");
        assert!(lines[0].contains("[minion.log.tests :"), "{text}");
        assert!(lines[1].contains("[CRITICAL]"), "{text}");
    }
}

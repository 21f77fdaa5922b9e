//! `vsalt doctor`: what is wrong between configuration, host, master, pillar and vCenter, in plain words.
//!
//! It goes the way that the minion goes at its start and stops where the minion would. It signs in as the minion, with the
//! minion's key if there is one; without one it only looks whether a master answers. Nothing is changed, but that a master
//! learns of a key that it does not know yet, as at the minion's own start.

mod device;
mod host;
mod master;
mod report;

use config::{Config, Error, Request};
use salt::{Map, Value};

pub use report::{Finding, Report, Verdict};

use crate::pillar;

/// Examines a set-up.
pub async fn examine(request: &Request) -> Report {
    let mut report = Report::default();
    let Some(opts) = configuration(request, &mut report) else { return report };
    host::examine(&opts, &mut report);
    let Some(pillar) = master::examine(&opts, &mut report).await else { return report };
    let opts = pillar::into_opts(&opts, &pillar);
    device::examine(&opts, &mut report).await;
    report
}

/// The files of the configuration.
fn configuration(request: &Request, report: &mut Report) -> Option<Map> {
    const PART: &str = "configuration";
    let main = request.config_dir().join("proxy");
    let Config { opts, warnings, files } = match config::load(request) {
        Ok(config) => config,
        Err(error) => {
            let advice = match &error {
                Error::NoId => "Say which proxy is meant: vsalt doctor --proxyid ID.",
                Error::Id { .. } => "Choose an id that can be the name of a file.",
                Error::Cycle { .. } => "Take one of the includes out.",
                Error::Read { .. } => "Let the user that the minion runs as read the file.",
                _ => "Correct the file: it is YAML, blanks count, and tabs can't indent.",
            };
            report.trouble(PART, error.to_string(), advice);
            return None;
        }
    };
    if files.is_empty() {
        let advice = "Write one with at least the option master, or name another directory with -c.";
        report.doubt(PART, format!("there is no {}: every option has its default", main.display()), advice);
    }
    for warning in &warnings {
        match warning {
            Error::NoMatch { .. } => {
                report.doubt(PART, warning.to_string(), "Correct the path, or leave it out.")
            }
            Error::Type { .. } | Error::Value { .. } => {
                report.trouble(PART, warning.to_string(), "Correct the option: it has its default now.");
            }
            _ => report.trouble(PART, warning.to_string(), "Correct the file."),
        }
    }
    let id = opts.get("id").map(Value::to_string).unwrap_or_default();
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    report.fine(
        PART,
        format!("minion {id}, from {}", if names.is_empty() { "no file".into() } else { names.join(", ") }),
    );
    Some(opts)
}

#[cfg(test)]
mod tests;

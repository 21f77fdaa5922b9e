//! The schedule of a minion as functions see it.

use std::path::{Path, PathBuf};

use crate::{Map, Result, Value};

/// Where a job of the schedule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Options, saved jobs, and what was added since.
    Opts,
    /// The pillar. Its jobs can't be changed here.
    Pillar,
    /// Both; what the options say wins.
    Both,
}

/// The scheduler of a minion. Jobs of the pillar stay as they are, whatever is asked for.
pub trait Schedule: Send + Sync {
    /// The jobs by name, with the settings that are for all of them, such as `enabled`, beside them. Without what
    /// only a run knows.
    fn list(&self, source: Source) -> Map;

    /// True for what a job can have as its `when`: a date, a time, or both, as people write them.
    fn is_time(&self, text: &Value) -> bool;

    /// One job with what its last evaluation left, times in this form (`strftime`). Empty if there is no such job.
    ///
    /// # Errors
    /// The form is none.
    fn status(&self, name: &str, format: &str) -> Result<Map>;

    /// Puts a job in, in place of one with the same name.
    fn put(&self, name: &str, job: Map);

    /// Takes a job out.
    fn remove(&self, name: &str);

    /// Sets an option of one job.
    fn set(&self, name: &str, option: &str, value: Value);

    /// Switches all of the schedule on or off.
    fn switch(&self, enabled: bool);

    /// Runs a job now, unless as many of it run as may.
    fn run(&self, name: &str);

    /// Writes all that is not the pillar's, nor the minion's own, into its file.
    ///
    /// # Errors
    /// The file can't be written.
    fn save(&self) -> Result<()>;
}

/// The file of saved jobs: beside those that the minion reads with its configuration.
pub fn file(opts: &Map) -> PathBuf {
    let text = |option: &str, default: &'static str| {
        Path::new(opts.get_str(option).filter(|text| !text.is_empty()).unwrap_or(default)).to_path_buf()
    };
    let conf = text("conf_file", "/etc/salt/proxy");
    let include = text("default_include", "proxy.d/*.conf");
    let between = include.parent().unwrap_or(Path::new("proxy.d"));
    conf.parent().unwrap_or(Path::new("/etc/salt")).join(between).join("_schedule.conf")
}

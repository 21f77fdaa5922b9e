//! `vsalt proxy`: the daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use config::{Config, Request, Role};
use salt::Map;

use super::{
    EX_SOFTWARE, EX_USAGE, absolute, complain, detach, exit_code, make_directories, print_versions, runtime,
};
use crate::log::{Log, LogConfig, Threshold};
use crate::settings::Settings;

/// The flags of `salt-proxy`.
#[derive(Args, Debug)]
pub(super) struct ProxyArgs {
    /// The id of this proxy
    #[arg(long, value_name = "ID")]
    proxyid: Option<String>,
    /// The directory of the configuration [default: /etc/salt]
    #[arg(short = 'c', long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// Run as this user
    #[arg(short, long)]
    user: Option<String>,
    /// Run in the background
    #[arg(short, long)]
    daemon: bool,
    /// The file for the process id
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// The level of the log on the console
    #[arg(short, long, value_name = "LEVEL", value_parser = level)]
    log_level: Option<String>,
    /// The file of the log
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// The level of the log in its file
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    log_file_level: Option<String>,
    /// Accepted for salt-proxy's sake: one process needs no supervisor
    #[arg(long, hide = true)]
    disable_keepalive: bool,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    /// Print the versions of everything that has one
    #[arg(short = 'V', long)]
    versions_report: bool,
}

/// A level of Salt's.
pub(super) fn level(name: &str) -> Result<String, String> {
    match Threshold::named(name) {
        Some(_) => Ok(name.to_ascii_lowercase()),
        None => {
            Err("the levels are all, garbage, trace, debug, profile, info, warning, error, critical, quiet"
                .into())
        }
    }
}

pub(super) fn run(args: ProxyArgs) -> ExitCode {
    if args.versions_report {
        return print_versions();
    }
    let Config { opts, warnings, .. } = match options(&args) {
        Ok(config) => config,
        Err(config::Error::NoId) => return complain("proxy", "salt-proxy requires --proxyid", EX_USAGE),
        Err(error) => return complain("proxy", &error.to_string(), 1),
    };
    match detach::settle(args.user.as_deref().or(opts.text("user")), args.daemon) {
        Ok(detach::Settled::Here) => {}
        Ok(detach::Settled::Elsewhere) => return ExitCode::SUCCESS,
        Err((message, status)) => return complain("proxy", &message, status),
    }
    if let Err(message) = make_directories(&opts) {
        return complain("proxy", &message, 1);
    }
    let log = match Log::start(&LogConfig::of(&opts, !args.daemon)) {
        Ok(log) => log,
        Err(message) => return complain("proxy", &message, 1),
    };
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let pid_file = match PidFile::write(opts.text("pidfile")) {
        Ok(file) => file,
        Err(message) => return complain("proxy", &message, 1),
    };
    let status = match runtime() {
        Ok(runtime) => runtime.block_on(async move {
            tokio::spawn(follow_hangups(log, args));
            crate::minion::run_proxy(opts).await
        }),
        Err(message) => return complain("proxy", &message, EX_SOFTWARE),
    };
    drop(pid_file);
    exit_code(status.into())
}

fn options(args: &ProxyArgs) -> Result<Config, config::Error> {
    let mut overrides = Map::new();
    let mut set = |option: &str, value: Option<String>| {
        if let Some(value) = value {
            overrides.insert(option, value);
        }
    };
    let path = |path: &Option<PathBuf>| path.as_deref().map(|p| absolute(p).display().to_string());
    set("user", args.user.clone());
    set("log_level", args.log_level.clone());
    set("log_level_logfile", args.log_file_level.clone());
    set("log_file", path(&args.log_file));
    set("pidfile", path(&args.pid_file));
    config::load(&Request {
        role: Role::Proxy,
        dir: args.config_dir.as_deref().map(absolute),
        id: args.proxyid.clone(),
        overrides,
        env: config::process_env,
    })
}

/// On SIGHUP the files of the configuration are read again, for the log alone: what the rest of it says is the minion's
/// for its lifetime. Files of the log are opened anew, as `logrotate` wants it.
async fn follow_hangups(log: Log, args: ProxyArgs) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => {
            tracing::warn!("SIGHUP can't be waited for: {error}");
            return;
        }
    };
    while hangups.recv().await.is_some() {
        let changed = options(&args).map_err(|error| error.to_string());
        match changed.and_then(|config| log.change(&LogConfig::of(&config.opts, !args.daemon))) {
            Ok(()) => tracing::info!("SIGHUP: the log goes on as the configuration says now"),
            Err(message) => tracing::error!("SIGHUP: the log stays as it is: {message}"),
        }
    }
}

/// The file with the process id; gone when this is dropped.
struct PidFile(Option<PathBuf>);

impl PidFile {
    fn write(path: Option<&str>) -> Result<PidFile, String> {
        let Some(path) = path.map(PathBuf::from) else { return Ok(PidFile(None)) };
        let written = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, std::process::id().to_string()));
        match written {
            Ok(()) => Ok(PidFile(Some(path))),
            Err(e) => Err(format!("cannot write the pid file {}: {e}", path.display())),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(e) = std::fs::remove_file(path)
        {
            tracing::warn!("cannot remove the pid file {}: {e}", path.display());
        }
    }
}

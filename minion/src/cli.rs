//! The command line: from words to a running daemon, one call or a page of documentation.

mod call;
mod detach;
mod docs;
mod doctor;
mod proxy;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

/// `EX_USAGE` of sysexits, which Salt's commands end with when they don't understand their words.
const EX_USAGE: u8 = 64;
/// `EX_SOFTWARE`: the program itself is broken.
const EX_SOFTWARE: u8 = 70;

/// The release whose behaviour is served, as Salt's own commands print it.
fn salt_release() -> String {
    format!("{} (Chlorine)", salt::SALT_VERSION)
}

#[derive(Debug, Parser)]
#[command(
    name = "vsalt",
    version,
    about = "A native Salt proxy minion for VMware vCenter",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a proxy minion (salt-proxy)
    #[command(display_name = "salt-proxy", disable_version_flag = true, version = salt_release(), args_override_self = true)]
    Proxy(proxy::ProxyArgs),
    /// Runs one function and prints its return (salt-call)
    #[command(display_name = "salt-call", disable_version_flag = true, version = salt_release(), args_override_self = true)]
    Call(Box<call::CallArgs>),
    /// Prints the documentation of what is served
    Docs(docs::DocsArgs),
    /// Says what is wrong between configuration, master, key, pillar and vCenter
    Doctor(doctor::DoctorArgs),
}

/// Runs the command that the words ask for.
pub fn run(mut words: Vec<OsString>) -> ExitCode {
    let name = words.first().map(PathBuf::from).unwrap_or_default();
    let name = name.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    // A link named as one of Salt's commands is that command.
    if let Some(command) = match name.as_str() {
        "salt-proxy" => Some("proxy"),
        "salt-call" => Some("call"),
        _ => None,
    } {
        words.insert(1, command.into());
    }
    let command = words.get(1).map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    if matches!(command.as_str(), "proxy" | "call") {
        words = match words::completed(words, &format!("salt-{command}")) {
            Ok(words) => words,
            Err(message) => return complain(&command, &message, EX_USAGE),
        };
    }
    match Cli::try_parse_from(&words) {
        Ok(cli) => match cli.command {
            Command::Proxy(args) => proxy::run(args),
            Command::Call(args) => call::run(*args),
            Command::Docs(args) => docs::run(&args),
            Command::Doctor(args) => doctor::run(&args),
        },
        Err(error) => {
            // Printing help to a closed pipe is no reason to complain.
            let _ = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(EX_USAGE),
            }
        }
    }
}

/// What `-V` prints: the versions of everything that has one.
fn print_versions() -> ExitCode {
    // A reader that has seen enough closes the pipe.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), modules::versions_report().as_bytes());
    ExitCode::SUCCESS
}

/// User id and group id of a user of this host.
pub(crate) fn account(user: &str) -> Option<(u32, u32)> {
    detach::find(user).map(|account| (account.uid, account.gid))
}

/// The path from the root: the daemon leaves the directory that it was started in.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Makes the directories that the minion writes to (`verify_env`); keys are for nobody else to see.
fn make_directories(opts: &salt::Map) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt;
    for (option, mode) in [("cachedir", 0o755), ("pki_dir", 0o700)] {
        if let Some(path) = opts.get_str(option).filter(|path| !path.is_empty()) {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(path)
                .map_err(|e| format!("cannot make the directory {path} (option {option}): {e}"))?;
        }
    }
    Ok(())
}

/// Prints a complaint as Salt's commands do and gives the status.
fn complain(command: &str, message: &str, status: u8) -> ExitCode {
    eprintln!("vsalt {command}: error: {message}");
    ExitCode::from(status)
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("the runtime cannot start: {e}"))
}

/// A status as the shell sees it.
fn exit_code(status: i64) -> ExitCode {
    ExitCode::from(u8::try_from(status.rem_euclid(256)).unwrap_or(EX_SOFTWARE))
}

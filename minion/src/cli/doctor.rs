//! `vsalt doctor`: what is wrong?

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use config::{Request, Role};
use salt::Map;

use super::{EX_SOFTWARE, absolute, complain, runtime};
use crate::doctor::{self, Verdict};

/// What to examine.
#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// The id of the proxy
    #[arg(long, value_name = "ID")]
    proxyid: Option<String>,
    /// The directory of the configuration [default: /etc/salt]
    #[arg(short = 'c', long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DoctorArgs) -> ExitCode {
    let request = Request {
        role: Role::Proxy,
        dir: args.config_dir.as_deref().map(absolute),
        id: args.proxyid.clone(),
        overrides: Map::new(),
        env: config::process_env,
    };
    let report = match runtime() {
        Ok(runtime) => runtime.block_on(doctor::examine(&request)),
        Err(message) => return complain("doctor", &message, EX_SOFTWARE),
    };
    let text = if args.json { format!("{:#}\n", report.to_json()) } else { report.to_string() };
    // A reader that has seen enough closes the pipe.
    let _ = std::io::stdout().write_all(text.as_bytes());
    match report.verdict() {
        Verdict::Trouble => ExitCode::from(1),
        Verdict::Fine | Verdict::Doubt => ExitCode::SUCCESS,
    }
}

//! The `vsalt` command; as `salt-proxy` or `salt-call` (links to it) it behaves as that command.

use std::process::ExitCode;

fn main() -> ExitCode {
    minion::cli::run(std::env::args_os().collect())
}

//! What a large vCenter costs: `cargo run --release -p bench [MACHINES...]` (10000 and 50000 without).
//!
//! A vCenter of that size is simulated; calls and bytes are counted there, time and memory here. What has to hold fails
//! the run if it does not.

mod figures;
mod scale;

use std::process::{Command, ExitCode};

use lab::error::Doing;
use lab::{Error, Result, Tools};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let sizes: Vec<u32> = words
        .iter()
        .map(|word| word.parse().map_err(|_| Error::new(format!("{word} is no number of machines"))))
        .collect::<Result<_>>()?;
    match sizes.as_slice() {
        [machines] => scale::measure(&Tools::provide()?, *machines),
        [] => each(&[10_000, 50_000]),
        several => each(several),
    }
}

/// Each size in a process of its own: what an allocator keeps of one would be missing from the memory of the next.
fn each(sizes: &[u32]) -> Result<()> {
    let this = std::env::current_exe().doing("this program")?;
    for machines in sizes {
        let status = Command::new(&this).arg(machines.to_string()).status().doing(this.display())?;
        if !status.success() {
            return Err(Error::new(format!("{machines} machines: see above")));
        }
    }
    Ok(())
}

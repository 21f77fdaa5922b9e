//! What a large vCenter costs: `cargo run --release -p bench [MACHINES...]` (10000 and 50000 without).
//!
//! A vCenter of that size is simulated; calls and bytes are counted there, time and memory here. What has to hold fails
//! the run if it does not.

mod figures;
mod scale;

use std::process::ExitCode;

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
    let tools = Tools::provide()?;
    for machines in if sizes.is_empty() { vec![10_000, 50_000] } else { sizes } {
        scale::measure(&tools, machines)?;
    }
    Ok(())
}

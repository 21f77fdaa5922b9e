//! The proof of one session for life, in small; `lab stress` has it in full.

use lab::Result;
use lab::stress::{self, Plan};

use crate::stage;

#[test]
fn one_session_for_life() -> Result<()> {
    let Some(tools) = stage::tools() else { return Ok(()) };
    let figures = stress::run(&tools, None, Plan::SMALL, |_| ())?;
    eprintln!("{figures}");
    assert_eq!(figures.check(), Vec::<String>::new(), "{figures}");
    Ok(())
}

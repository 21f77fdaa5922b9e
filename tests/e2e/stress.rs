//! The proofs of one session for life, and of a life without growth, in small; `lab stress` and `lab soak` have them in full.

use lab::Result;
use lab::soak;
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

#[test]
fn a_long_life_takes_no_more_than_a_short_one() -> Result<()> {
    let Some(tools) = stage::tools() else { return Ok(()) };
    let figures = soak::run(&tools, None, soak::Plan::SMALL, |_| ())?;
    eprintln!("{figures}");
    assert_eq!(figures.check(), Vec::<String>::new(), "{figures}");
    Ok(())
}

//! Jobs while master and minion die: `lab endure` for longer.

use lab::Result;
use lab::endure::{Plan, endure};

use crate::stage;

#[test]
fn jobs_survive_deaths_of_master_and_minion() -> Result<()> {
    let Some(tools) = stage::tools() else { return Ok(()) };
    let outcome = endure(&tools, Plan { jobs: 300, restarts: 2, kills: 4, seed: 7 })?;
    assert!(outcome.repeated.is_empty() && outcome.missing.is_empty(), "{outcome}: {outcome:?}");
    assert!(outcome.executed > 150, "{outcome}");
    Ok(())
}

//! Doubles of state functions: one that panics, one that plans.

use std::sync::atomic::{AtomicUsize, Ordering};

use salt::{Context, Error, Map, Plan, Result, StateRet, functions, map, salt_state};

functions![panics, plans];

/// How often the work of `test.plans` was done for a name; names keep tests apart.
pub static WORK: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// Panics.
#[salt_state]
async fn panics(_cx: &Context, name: String) -> Result<StateRet> {
    panic!("out of {name}")
}

/// Plans work that is counted.
#[salt_state]
async fn plans(
    _cx: &Context,
    name: String,
    #[default(0)] counter: u64,
    #[default(false)] done: bool,
    #[default(false)] fails: bool,
) -> Result<Plan<'_>> {
    if done {
        return Ok(Plan::unchanged(format!("{name} is done")));
    }
    let work = async move {
        WORK[counter as usize].fetch_add(1, Ordering::Relaxed);
        if fails { Err(Error::execution("no luck")) } else { Ok(()) }
    };
    let changes: Map = map! { "work" => map! { "old" => "open", "new" => "done" } };
    Ok(Plan::new(changes, work).comment(format!("{name} would be done"), format!("{name} was done")))
}

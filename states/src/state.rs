//! `state.*`: the execution functions that are the front door of the SLS engine (`salt/modules/state.py`).

use salt::Function;

mod apply;
mod disabled;
mod front;
mod pauses;
mod queue;
mod request;
mod show;
mod single;

/// One line a file.
pub const TABLES: &[&[Function]] = &[
    apply::FUNCTIONS,
    single::FUNCTIONS,
    show::FUNCTIONS,
    queue::FUNCTIONS,
    request::FUNCTIONS,
    disabled::FUNCTIONS,
    pauses::FUNCTIONS,
];

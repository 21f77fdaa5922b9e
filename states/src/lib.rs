//! The SLS engine and the state modules.

use salt::Function;

pub mod pillar;
pub mod sls;
pub mod state;
pub mod test;

/// The execution functions that are the engine's front door (`state.apply` and so on): one line a file.
pub const MODULES: &[&[Function]] = state::TABLES;

/// The state functions: one line a file.
pub const STATES: &[&[Function]] = &[test::FUNCTIONS];

//! The SLS engine and the state modules.

use salt::Function;

#[cfg(test)]
mod double;
pub mod pillar;
#[cfg(test)]
mod recorded;
pub mod sls;
pub mod state;
pub mod test;
pub mod vmware_datacenter;
pub mod vmware_folder;

/// The execution functions that are the engine's front door (`state.apply` and so on): one line a file.
pub const MODULES: &[&[Function]] = state::TABLES;

/// The state functions: one line a file.
pub const STATES: &[&[Function]] = &[test::FUNCTIONS, vmware_datacenter::FUNCTIONS, vmware_folder::FUNCTIONS];

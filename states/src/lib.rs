//! The SLS engine and the state modules.

use salt::Function;

mod call_by_name;
#[cfg(test)]
mod double;
pub mod event;
pub mod grains;
pub mod module;
pub mod pillar;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod runs;
pub mod saltutil;
pub mod sls;
pub mod state;
pub mod test;
pub mod vmware_datacenter;
pub mod vmware_folder;

/// The execution functions that are the engine's front door (`state.apply` and so on): one line a file.
pub const MODULES: &[&[Function]] = state::TABLES;

/// The state functions: one line a file.
pub const STATES: &[&[Function]] = &[
    event::FUNCTIONS,
    grains::FUNCTIONS,
    module::FUNCTIONS,
    saltutil::FUNCTIONS,
    test::FUNCTIONS,
    vmware_datacenter::FUNCTIONS,
    vmware_folder::FUNCTIONS,
];

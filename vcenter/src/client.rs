//! A connection to one vCenter: its session and its live inventory.

/// A handle on one vCenter. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {}

//! The channel against a master in memory that can be made to lie. What an honest master does is shown end to end
//! with a real one.

mod authenticating;
pub(super) mod master;
mod publishing;
mod requesting;

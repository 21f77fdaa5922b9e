//! The client against peers that are not ours: a TCP double that speaks ZMTP by hand, for what no honest peer does,
//! and the crate `zeromq`, which shares no code with us.

mod double;
mod peers;
mod rude;
mod why;

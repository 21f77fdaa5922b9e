//! What Salt defines.

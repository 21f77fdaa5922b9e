//! The vSphere API's values: data objects, references to managed objects, and what they hold.
//!
//! A data object is an [`Object`]: the name of its type as vSphere's WSDL spells it, and its properties.
//! Nothing is checked while an object is built; names and types are checked against the [`crate::schema`]
//! when a request is written, before anything is sent.

mod args;
mod datetime;
mod moref;
mod name;
mod object;
mod path;
mod value;

pub use args::Args;
pub use datetime::DateTime;
pub use moref::MoRef;
pub use name::Name;
pub use object::Object;
pub(crate) use object::is_secret_name;
pub use value::{Enum, Value};

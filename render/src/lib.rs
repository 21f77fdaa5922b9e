//! Salt's renderers: the text of a file to data, through a pipe such as `jinja|yaml` (`salt/template.py`,
//! `salt/renderers/*.py`), and the Jinja environment that templates see (`salt/utils/templates.py`, `salt/utils/jinja.py`).
//!
//! [`render`] is for SLS files and whatever else a renderer pipe may read, [`template`] for files that are only a Jinja
//! template. Both give a template the functions of the minion, its grains, pillar and options; the functions are called on
//! the runtime while the template waits on a thread of its own. A template that is not worth its time or memory is ended by
//! [`Limits`].

mod bridge;
mod convert;
mod error;
mod filters;
mod gpg;
mod jinja;
mod json;
mod json5;
mod limits;
mod pipe;
mod source;
mod text;
mod yaml;

pub use error::RenderError;
pub use limits::Limits;
pub use pipe::{render, template};
pub use source::{Shared, Source};

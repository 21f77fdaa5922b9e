//! The renderer `yaml` (`salt/renderers/yaml.py`).

use salt::{Value, yaml};

use crate::{RenderError, text};

/// The value of a text.
pub(crate) fn render(source: &str) -> Result<Value, RenderError> {
    yaml::load(source).map_err(|e| match e.kind() {
        // libyaml keeps no text beside the mark of a scanner error, so Salt has nothing to show but the sentence. We know
        // the place and show it in the form that Salt has for it elsewhere.
        yaml::Kind::Scanner => RenderError::Render(text::at_line(e.problem(), e.line(), source)),
        yaml::Kind::Parser | yaml::Kind::Constructor => RenderError::Render(e.to_string()),
        yaml::Kind::Composer => RenderError::other("yaml.composer.ComposerError", e),
        yaml::Kind::Reader => RenderError::other("yaml.reader.ReaderError", e),
        yaml::Kind::Value => RenderError::other("ValueError", e),
    })
}

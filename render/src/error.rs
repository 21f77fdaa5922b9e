//! Why a file could not be rendered.

/// Why a file could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// Salt's `SaltRenderError`: the text as it is.
    Render(String),
    /// Any other exception of a renderer: its Python type and its text.
    Other(String, String),
    /// The job was killed meanwhile.
    Killed,
}

impl RenderError {
    /// [`RenderError::Other`] of a Python type and anything that prints.
    pub fn other(kind: &str, text: impl std::fmt::Display) -> RenderError {
        RenderError::Other(kind.to_string(), text.to_string())
    }

    /// The text without the type.
    pub fn text(&self) -> &str {
        match self {
            RenderError::Render(text) | RenderError::Other(_, text) => text,
            RenderError::Killed => "the job was killed",
        }
    }

    /// The line that goes into the list of errors of a compile (`salt/state.py`, `render_state`).
    pub fn of_sls(&self, saltenv: &str, sls: &str) -> String {
        match self {
            RenderError::Other(kind, text) => format!(
                "Rendering SLS {sls} failed, render error: {text}\nTraceback (most recent call last):\n{kind}: {text}\n"
            ),
            other => format!("Rendering SLS '{saltenv}:{sls}' failed: {}", other.text()),
        }
    }
}

impl From<RenderError> for salt::Error {
    fn from(error: RenderError) -> salt::Error {
        match error {
            RenderError::Render(text) => salt::Error::exception("salt.exceptions.SaltRenderError", text),
            RenderError::Other(kind, text) => salt::Error::exception(&kind, text),
            RenderError::Killed => salt::Error::Killed,
        }
    }
}

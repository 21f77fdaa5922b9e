//! The renderer `jinja` (`salt/renderers/jinja.py`, `render_jinja_tmpl`).

mod context;
mod failure;
pub(crate) mod functions;
mod loader;
mod print;
pub(crate) mod serialize;
mod settings;

use std::sync::Arc;

use jinja::{Environment, Value};

use crate::RenderError;
use crate::bridge::Bridge;
use crate::source::Source;
use loader::Loader;

/// Renders a text.
pub(crate) fn render(bridge: &Arc<Bridge>, text: &str, source: &Source) -> Result<String, RenderError> {
    let opts = bridge.cx.opts();
    let newline = text.ends_with('\n');
    let (settings, text) = settings::of(&opts, source, &bridge.limits, text)?;
    let loader = Arc::new(Loader::new(bridge.clone(), source));
    let mut env = Environment::new(settings);
    let context = context::of(bridge, source);
    prepare(&mut env, bridge, &loader);
    for (name, value) in &context {
        env.add_global(name, value.clone());
    }
    let given: Vec<(&str, Value)> = context.iter().map(|(name, value)| (&**name, value.clone())).collect();
    let rendered = env.template(None, &text).and_then(|template| template.render(&env, &given));
    match rendered {
        // Jinja takes the last line feed away, and Salt puts it back.
        Ok(mut output) => {
            if newline {
                output.push('\n');
            }
            Ok(output)
        }
        Err(_) if bridge.is_killed() => Err(RenderError::Killed),
        Err(error) => Err(failure::of(&error, &text, source, &loader)),
    }
}

/// Registers what Salt adds to Jinja.
fn prepare(env: &mut Environment, bridge: &Arc<Bridge>, loader: &Arc<Loader>) {
    crate::filters::register(env, bridge);
    serialize::register(env);
    env.set_finalize(|_, value| print::printable(value));
    env.set_timed(|source, label, time| {
        tracing::debug!("Time (in seconds) to render {source} '{label:?}': {}", time.as_secs_f64());
    });
    let (loader, watched) = (loader.clone(), bridge.clone());
    env.set_loader(move |state: &jinja::State<'_>, name: &str| loader.load(state, name));
    env.set_watch(move || watched.watch());
}

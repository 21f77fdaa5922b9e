use std::fmt;

use super::{Name, Value, object};

/// The arguments of a method, by the names the API gives them.
///
/// ```
/// use vcenter::{Args, MoRef};
/// let args = Args::new().set("host", MoRef::new("HostSystem", "host-9")).set("priority", "highPriority");
/// ```
/// Order does not matter; an argument that is [`Value::Null`] counts as not given.
#[derive(Clone, Default, PartialEq)]
pub struct Args(Vec<(Name, Value)>);

impl Args {
    /// No arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the argument `name`; a second one of the same name replaces the first.
    pub fn set(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.0.retain(|(other, _)| *other != name);
        if !value.is_null() {
            self.0.push((name, value));
        }
        self
    }

    /// The argument `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// The names given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl From<()> for Args {
    fn from((): ()) -> Self {
        Self::new()
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Args {
    fn from(pairs: [(&str, Value); N]) -> Self {
        pairs.into_iter().fold(Self::new(), |args, (name, value)| args.set(name, value))
    }
}

/// What is secret by its name is not shown.
impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        object::show(f, "Args", &self.0)
    }
}

use std::fmt;

use super::{MoRef, Name, Value};
use crate::schema;

/// A data object: the name of its type and the properties that are set.
///
/// ```
/// use vcenter::Object;
/// let spec = Object::new("PropertySpec").set("type", "VirtualMachine").set("pathSet", ["name", "runtime.powerState"]);
/// assert_eq!(spec.str("type"), Some("VirtualMachine"));
/// ```
#[derive(Clone, PartialEq)]
pub struct Object {
    kind: Name,
    fields: Vec<(Name, Value)>,
}

impl Object {
    /// An object of the type that vSphere's WSDL calls `kind`, with nothing set.
    pub fn new(kind: impl Into<Name>) -> Self {
        Self { kind: kind.into(), fields: Vec::new() }
    }

    /// With the property `name`. [`Value::Null`] (so also `None`) leaves it unset.
    pub fn set(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.insert(name, value);
        self
    }

    /// Sets the property `name` in place, or unsets it with [`Value::Null`].
    pub fn insert(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match (self.fields.iter().position(|(other, _)| *other == name), value) {
            (Some(at), Value::Null) => drop(self.fields.remove(at)),
            (Some(at), value) => self.fields[at].1 = value,
            (None, Value::Null) => {}
            (None, value) => self.fields.push((name, value)),
        }
    }

    /// Takes the property `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.fields.iter().position(|(other, _)| *other == name)?;
        Some(self.fields.remove(at).1)
    }

    /// The type's name, as `VirtualMachineConfigSpec`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether the type is `kind` or derived from it, as a `VirtualE1000` is a `VirtualDevice`.
    pub fn is_a(&self, kind: &str) -> bool {
        &*self.kind == kind || schema::get().is_a(&self.kind, kind)
    }

    /// What lies at `path`; see [`Value::get`].
    pub fn get(&self, path: &str) -> Option<&Value> {
        super::path::get_in(self, path)
    }

    /// The property `name` itself, for changing it.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.fields.iter_mut().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// The property `name` itself; the name is no path.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Every property that is set, in the order it came.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&Name, &Value)> {
        self.fields.iter().map(|(name, value)| (name, value))
    }

    /// Every property, given away.
    pub fn into_fields(self) -> impl ExactSizeIterator<Item = (Name, Value)> {
        self.fields.into_iter()
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The text at `path`.
    pub fn str(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// The integer at `path`.
    pub fn i64(&self, path: &str) -> Option<i64> {
        self.get(path)?.as_i64()
    }

    /// The boolean at `path`.
    pub fn bool(&self, path: &str) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    /// The reference at `path`.
    pub fn moref(&self, path: &str) -> Option<&MoRef> {
        self.get(path)?.as_moref()
    }

    /// The data object at `path`.
    pub fn object(&self, path: &str) -> Option<&Object> {
        self.get(path)?.as_object()
    }

    /// The items of the list at `path`; empty if there is none.
    pub fn list(&self, path: &str) -> &[Value] {
        self.get(path).map_or(&[], Value::as_list)
    }

    /// The data objects of the list at `path`.
    pub fn objects(&self, path: &str) -> impl Iterator<Item = &Object> {
        self.list(path).iter().filter_map(Value::as_object)
    }

    /// The references of the list at `path`.
    pub fn morefs(&self, path: &str) -> impl Iterator<Item = &MoRef> {
        self.list(path).iter().filter_map(Value::as_moref)
    }

    /// Appends without looking for a property of the same name; the decoder's, which sees each name once.
    pub(crate) fn push(&mut self, name: Name, value: Value) {
        self.fields.push((name, value));
    }
}

/// `VirtualHardware { numCPU: Int(4) }`; what is secret by its name is not shown.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &self.kind, &self.fields)
    }
}

/// Fields by name, for debugging: passwords, keys and tickets as asterisks.
pub(super) fn show(f: &mut fmt::Formatter<'_>, kind: &str, fields: &[(Name, Value)]) -> fmt::Result {
    let mut shown = f.debug_struct(kind);
    for (name, value) in fields {
        match is_secret_name(name) && value.as_str().is_some() {
            true => shown.field(name, &format_args!("**********")),
            false => shown.field(name, value),
        };
    }
    shown.finish()
}

/// Whether what goes by this name is a secret, where nothing else tells.
pub(crate) fn is_secret_name(name: &str) -> bool {
    const SECRET: [&str; 6] = ["password", "passwd", "privatekey", "ticket", "token", "cookie"];
    let lower = name.to_lowercase();
    SECRET.iter().any(|secret| lower.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vim::Args;

    #[test]
    fn null_unsets_and_setting_replaces() {
        let mut object = Object::new("OptionValue").set("key", "a").set("value", None::<i32>).set("key", "b");
        assert_eq!(object.fields().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["key"]);
        assert_eq!(object.str("key"), Some("b"));
        object.insert("key", Value::Null);
        assert!(object.is_empty());
        assert_eq!(object.remove("key"), None);
    }

    #[test]
    fn a_password_is_not_shown() {
        let auth =
            Object::new("NamePasswordAuthentication").set("username", "root").set("password", "hunter2");
        let args = Args::new().set("auth", auth).set("oldPassword", "hunter1");
        let text = format!("{args:?} {args:#?}");
        assert!(!text.contains("hunter") && text.contains("root") && text.contains("**********"), "{text}");
    }
}

//! Plain trees (JSON) for values of the API, both ways, by the schema.
//!
//! A data object is a map of its properties, with the type's name as `_typeName` where it is not the one declared, as in
//! VMware's own JSON of this API. A reference is `VirtualMachine:vm-12` (or a map with `type` and `value`), a moment its
//! ISO 8601 text, binary data base64. Where the API takes anything, `{"_typeName": "long", "_value": 5}` says of which
//! type a number is; without that it is an `int` if it fits.
//!
//! Out of the API a data object always tells its type, and what the schema knows as secret is asterisks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use crate::schema::{self, DataType, EnumType, Kind, ManagedType, Method, Primitive, Property};
use crate::vim::{self, Args, DateTime, MoRef, Object, Value};
use crate::{Error, Result};

/// What stands in place of a secret.
pub const MASK: &str = "**********";

const TYPE: &str = "_typeName";
const VALUE: &str = "_value";

/// The arguments of `method` out of a map by their names. Null counts as not given.
///
/// # Errors
///
/// [`Error::Schema`], naming the place, if a name, a type or a value is wrong. What is missing is found when the call is
/// put together.
pub fn args(method: &'static Method, given: &Map<String, Json>) -> Result<Args> {
    let mut at = At(method.name().to_owned());
    let mut args = Args::new();
    for (name, tree) in given {
        let Some(param) = method.params().iter().find(|param| param.name() == name) else {
            let names: Vec<_> = method.params().iter().map(Property::name).collect();
            let takes = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return at.fail(&format!("has no argument '{name}'; it takes {takes}"));
        };
        args = args.set(name, at.below(&format!(".{name}"), |at| at.member(param, tree))?);
    }
    Ok(args)
}

/// A data object of the type `kind`, or of one derived from it that `_typeName` names.
///
/// # Errors
///
/// As [`args`].
pub fn object(kind: &str, tree: &Json) -> Result<Object> {
    let mut at = At(kind.to_owned());
    let Some(data) = schema::get().data(kind) else { return at.fail("there is no such data object type") };
    at.object(Some(data), tree)
}

/// A value as a plain tree.
pub fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Byte(_) | Value::Short(_) | Value::Int(_) | Value::Long(_) => value.as_i64().into(),
        Value::Float(number) => real(f64::from(*number), number.to_string()),
        Value::Double(number) => real(*number, number.to_string()),
        Value::String(text) | Value::Uri(text) => text.as_str().into(),
        Value::DateTime(moment) => moment.as_str().into(),
        Value::Enum(it) => it.value.as_str().into(),
        Value::Binary(bytes) => STANDARD.encode(bytes).into(),
        Value::MoRef(reference) => reference.to_string().into(),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Object(object) => plain_object(object),
    }
}

/// A result of `method`, or of its task, as a plain tree.
pub fn plain_result(method: &Method, value: &Value) -> Json {
    if method.result().is_secret() && !value.is_null() { MASK.into() } else { plain(value) }
}

/// Whether what lies at a property path of a managed object type is a secret by itself.
pub fn is_secret(kind: &str, path: &str) -> bool {
    let schema = schema::get();
    let path = without_keys(path);
    let Some((parent, last)) = path.rsplit_once('.') else {
        let managed = schema.managed(kind).and_then(|managed| managed.property(&path));
        return managed.is_some_and(Property::is_secret);
    };
    match schema.path(kind, parent) {
        // The object there may be of a derived type.
        Ok((Kind::Data(base), _)) => schema.data_types().any(|data| {
            data.property(last).is_some_and(Property::is_secret) && schema.is_a(data.name(), base.name())
        }),
        _ => vim::is_secret_name(last),
    }
}

/// A property path without what picks items of lists: `config.extraConfig["a.b"].value` is `config.extraConfig.value`.
pub fn without_keys(path: &str) -> String {
    let (mut bare, mut rest) = (String::with_capacity(path.len()), path);
    while let Some((before, key)) = rest.split_once('[') {
        bare.push_str(before);
        let end = if key.starts_with('"') { "\"]" } else { "]" };
        rest = key.split_once(end).map_or("", |(_, after)| after);
    }
    bare + rest
}

fn plain_object(object: &Object) -> Json {
    let data = schema::get().data(object.kind());
    let mut map = Map::new();
    map.insert(TYPE.to_owned(), object.kind().into());
    for (name, value) in object.fields() {
        let property = data.and_then(|data| data.property(name));
        // A newer server's properties are told by their names only.
        let secret = property.map_or_else(|| vim::is_secret_name(name), Property::is_secret);
        map.insert(name.to_string(), if secret { MASK.into() } else { plain(value) });
    }
    Json::Object(map)
}

fn real(number: f64, text: String) -> Json {
    serde_json::Number::from_f64(number).map_or_else(|| text.into(), Json::Number)
}

/// Where we are in what was given, for messages: `ReconfigVM_Task.spec.deviceChange[0].device`.
struct At(String);

impl At {
    fn below<T>(&mut self, step: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let length = self.0.len();
        self.0.push_str(step);
        let result = work(self);
        self.0.truncate(length);
        result
    }

    fn fail<T>(&self, why: &str) -> Result<T> {
        Err(Error::Schema(format!("{}: {why}", self.0)))
    }

    fn takes<T>(&self, what: &str, tree: &Json) -> Result<T> {
        self.fail(&format!("takes {what}, not {}", name_of(tree)))
    }

    fn member(&mut self, property: &Property, tree: &Json) -> Result<Value> {
        match tree {
            Json::Null => Ok(Value::Null),
            Json::String(text) if property.is_secret() && text == MASK => {
                self.fail("is a secret that was masked; give it, or leave it out")
            }
            Json::Array(items) if property.is_array() => self.list(items, |at, item| at.one(property, item)),
            _ if property.is_array() => self.takes(&format!("a list of {}", property.kind().name()), tree),
            _ => self.one(property, tree),
        }
    }

    fn list(&mut self, items: &[Json], one: impl Fn(&mut Self, &Json) -> Result<Value>) -> Result<Value> {
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| self.below(&format!("[{index}]"), |at| one(at, item)))
            .collect::<Result<Vec<_>>>()
            .map(Value::List)
    }

    fn one(&mut self, property: &Property, tree: &Json) -> Result<Value> {
        match property.kind() {
            Kind::Primitive(Primitive::Any) => self.anything(tree),
            Kind::Primitive(primitive) => self.primitive(primitive, tree),
            Kind::Enum(values) => self.enumeration(values, tree),
            Kind::Managed(managed) => self.reference(Some(managed), tree),
            Kind::Data(data) => self.object(Some(data), tree).map(Value::Object),
        }
    }

    fn primitive(&mut self, primitive: Primitive, tree: &Json) -> Result<Value> {
        use Primitive as P;
        let integer = tree.as_i64();
        let value = match (primitive, tree) {
            (P::Boolean, Json::Bool(flag)) => Some(Value::Bool(*flag)),
            (P::Byte, _) => integer.and_then(|n| i8::try_from(n).ok()).map(Value::Byte),
            (P::Short, _) => integer.and_then(|n| i16::try_from(n).ok()).map(Value::Short),
            (P::Int, _) => integer.and_then(|n| i32::try_from(n).ok()).map(Value::Int),
            (P::Long, _) => integer.map(Value::Long),
            (P::Float, _) => tree.as_f64().map(|number| Value::Float(number as f32)),
            (P::Double, _) => tree.as_f64().map(Value::Double),
            (P::String, Json::String(text)) => Some(Value::String(text.clone())),
            (P::Uri, Json::String(text)) => Some(Value::Uri(text.clone())),
            (P::DateTime, Json::String(text)) => {
                Some(DateTime::new(text.as_str())).filter(|it| it.timestamp().is_some()).map(Value::DateTime)
            }
            (P::Binary, Json::String(text)) => STANDARD.decode(text).ok().map(Value::Binary),
            _ => None,
        };
        match (value, tree) {
            (Some(value), _) => Ok(value),
            // Text may be a password; a number or a flag tells what was meant.
            (None, Json::Number(_) | Json::Bool(_)) => {
                self.fail(&format!("takes {}, not {tree}", primitive.name()))
            }
            (None, _) => self.takes(primitive.name(), tree),
        }
    }

    fn enumeration(&self, values: &EnumType, tree: &Json) -> Result<Value> {
        let known = || values.values().join(", ");
        match tree {
            Json::String(text) if values.values().contains(&text.as_str()) => Ok(text.as_str().into()),
            Json::String(text) => {
                self.fail(&format!("'{text}' is no {}; it takes {}", values.name(), known()))
            }
            _ => self.takes(&format!("one of {}", known()), tree),
        }
    }

    fn reference(&self, declared: Option<&'static ManagedType>, tree: &Json) -> Result<Value> {
        let wanted = declared.map_or("ManagedObject", ManagedType::name);
        let reference = match tree {
            Json::String(text) => match (text.parse::<MoRef>(), declared) {
                (Ok(reference), _) => Some(reference),
                // Where there is but one type, the id is enough.
                (Err(_), Some(managed)) if !text.is_empty() && is_leaf(managed) => {
                    Some(MoRef::new(managed.name(), text.as_str()))
                }
                _ => None,
            },
            Json::Object(map) => match (map.get("type"), map.get("value")) {
                (Some(Json::String(kind)), Some(Json::String(id))) => Some(MoRef::new(kind, id.as_str())),
                _ => None,
            },
            _ => None,
        };
        let Some(reference) = reference else {
            return self.fail(&format!("takes a reference to a {wanted}, as {wanted}:id"));
        };
        let Some(kind) = schema::get().managed(reference.kind()) else {
            return self.fail(&format!("there is no managed object type '{}'", reference.kind()));
        };
        match declared {
            Some(declared) if !schema::get().is_a(kind.name(), declared.name()) => {
                self.fail(&format!("takes {wanted}, not {reference}"))
            }
            _ => Ok(Value::MoRef(reference)),
        }
    }

    fn object(&mut self, declared: Option<&'static DataType>, tree: &Json) -> Result<Object> {
        let Json::Object(map) = tree else {
            return self.takes(declared.map_or("a data object", DataType::name), tree);
        };
        let data = match (map.get(TYPE), declared) {
            (Some(Json::String(name)), _) => {
                // Two services have types of one name: the declared one's service goes first.
                let namespace = declared.map_or(schema::VIM25, |it| it.since().namespace());
                match schema::get().data_in(namespace, name) {
                    Some(data) => data,
                    None => return self.fail(&format!("there is no data object type '{name}'")),
                }
            }
            (None, Some(declared)) => declared,
            (None, None) => return self.fail("needs a '_typeName', since anything may stand here"),
            (Some(other), _) => return self.takes("a type's name as '_typeName'", other),
        };
        if let Some(declared) = declared.filter(|it| !schema::get().is_a(data.name(), it.name())) {
            return self.fail(&format!("takes {}, not {}", declared.name(), data.name()));
        }
        let mut object = Object::new(data.name());
        for (name, tree) in map.iter().filter(|(name, _)| *name != TYPE) {
            let Some(property) = data.property(name) else {
                let like = data.properties().map(Property::name).find(|it| it.eq_ignore_ascii_case(name));
                let like = like.map(|it| format!("; is it '{it}'?")).unwrap_or_default();
                return self.fail(&format!("{} has no property '{name}'{like}", data.name()));
            };
            object.insert(name, self.below(&format!(".{name}"), |at| at.member(property, tree))?);
        }
        Ok(object)
    }

    fn anything(&mut self, tree: &Json) -> Result<Value> {
        Ok(match tree {
            Json::Null => return self.takes("a value", tree),
            Json::Bool(flag) => Value::Bool(*flag),
            Json::String(text) => Value::String(text.clone()),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => i32::try_from(number).map_or(Value::Long(number), Value::Int),
                (None, Some(number)) if !number_is_whole(tree) => Value::Double(number),
                _ => return self.fail(&format!("takes long, not {number}")),
            },
            Json::Array(items) => return self.list(items, |at, item| at.anything(item)),
            Json::Object(map) => {
                let name = map.get(TYPE).and_then(Json::as_str).unwrap_or_default();
                if name == "ManagedObjectReference" {
                    return self.reference(None, tree);
                }
                let Some(value) = map.get(VALUE) else { return self.object(None, tree).map(Value::Object) };
                match (Primitive::from_xsd(name), schema::get().enumeration(name)) {
                    (Some(Primitive::Any) | None, None) => {
                        return self.fail(&format!("'{name}' is no type of a plain value"));
                    }
                    (_, Some(values)) => {
                        let text = self.enumeration(values, value)?;
                        let value = text.as_str().unwrap_or_default().into();
                        Value::Enum(vim::Enum { kind: name.into(), value })
                    }
                    (Some(primitive), None) => self.primitive(primitive, value)?,
                }
            }
        })
    }
}

/// Whether no other type is derived from it.
fn is_leaf(managed: &ManagedType) -> bool {
    !schema::get().managed_types().any(|it| it.base().is_some_and(|base| base.name() == managed.name()))
}

/// A whole number that is too large for a `long`.
fn number_is_whole(tree: &Json) -> bool {
    tree.as_u64().is_some()
}

fn name_of(tree: &Json) -> &'static str {
    match tree {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests;

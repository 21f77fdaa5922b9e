//! Writing a request, in the order and with the types of the schema.

use std::fmt::Write;

use super::xml::escape;
use super::{Header, ns};
use crate::schema::{self, DataType, EnumType, Kind, ManagedType, Method, Primitive, Property, VIM25};
use crate::vim::{Args, MoRef, Object, Value};
use crate::{Error, Result};

/// The envelope of a call.
pub fn request(
    namespace: &str,
    object: &MoRef,
    method: &'static Method,
    args: &Args,
    header: &Header<'_>,
) -> Result<String> {
    let known = |name: &&str| method.params().iter().any(|param| param.name() == *name);
    if let Some(name) = args.names().find(|name| !known(name)) {
        let names: Vec<_> = method.params().iter().map(Property::name).collect();
        let takes = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(Error::Schema(format!("{} has no argument '{name}'; it takes {takes}", method.name())));
    }
    let mut out = Writer { out: String::with_capacity(1024), at: vec![method.name().to_owned()] };
    out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope");
    for (prefix, uri) in [("soapenv", ns::SOAP), ("xsd", ns::XSD), ("xsi", ns::XSI)] {
        write!(out.out, " xmlns:{prefix}=\"{uri}\"").expect("a String can be written to");
    }
    out.raw("><soapenv:Header>");
    for (name, value) in [
        ("vcSessionCookie", header.cookie),
        ("operationID", header.op_id),
        ("activationId", header.activation_id),
    ] {
        if let Some(value) = value {
            out.open(name, "");
            out.text(value)?;
            out.close(name);
        }
    }
    if let Some(assertion) = header.assertion {
        write!(out.out, "<wsse:Security xmlns:wsse=\"{}\">", ns::WSSE).expect("a String can be written to");
        // It is signed: not a byte of it may change.
        out.raw(assertion);
        out.raw("</wsse:Security>");
    }
    out.raw("</soapenv:Header><soapenv:Body>");
    out.open(method.name(), &format!(" xmlns=\"urn:{namespace}\""));
    out.reference("_this", "", object)?;
    for param in method.params() {
        out.member(param, args.get(param.name()), namespace)?;
    }
    out.close(method.name());
    out.raw("</soapenv:Body></soapenv:Envelope>");
    Ok(out.out)
}

/// `value` as the element `name` where anything may stand.
#[cfg(test)]
pub fn anything(name: &str, value: &Value) -> Result<String> {
    let mut out = Writer { out: String::new(), at: vec![name.to_owned()] };
    out.any(name, value, "", VIM25)?;
    Ok(out.out)
}

struct Writer {
    out: String,
    /// Where we are, for messages: the method, then the properties.
    at: Vec<String>,
}

impl Writer {
    /// A parameter or property, each of its values an element of its name.
    fn member(&mut self, property: &Property, value: Option<&Value>, default: &str) -> Result<()> {
        self.at.push(property.name().to_owned());
        let namespace = property.since().namespace();
        let xmlns = if namespace == default { String::new() } else { format!(" xmlns=\"urn:{namespace}\"") };
        match value {
            None | Some(Value::Null) if property.is_optional() => {}
            None | Some(Value::Null) => return self.fail("is required"),
            Some(Value::List(items)) if property.is_array() => {
                if items.is_empty() && !property.is_optional() {
                    return self.fail("is required and must not be empty");
                }
                for item in items {
                    self.element(property.name(), property, item, &xmlns, namespace)?;
                }
            }
            Some(other) if property.is_array() => {
                return self.fail(&format!("takes a list, not {}", other.type_name()));
            }
            Some(value) => self.element(property.name(), property, value, &xmlns, namespace)?,
        }
        self.at.pop();
        Ok(())
    }

    fn element(
        &mut self,
        name: &str,
        property: &Property,
        value: &Value,
        xmlns: &str,
        default: &str,
    ) -> Result<()> {
        match (property.kind(), value) {
            (Kind::Primitive(Primitive::Any), value) => self.any(name, value, xmlns, default),
            // A link to an object is sent as the object's key.
            (Kind::Primitive(Primitive::String), Value::Object(linked)) if property.is_link() => {
                let key = linked.str("key").map(str::to_owned);
                let Some(key) = key else { return self.fail("takes a key, or an object that has one") };
                self.open(name, xmlns);
                self.text(&key)?;
                self.close(name);
                Ok(())
            }
            (Kind::Primitive(primitive), value) => {
                self.open(name, xmlns);
                self.primitive(primitive, value)?;
                self.close(name);
                Ok(())
            }
            (Kind::Enum(values), value) => {
                self.open(name, xmlns);
                self.enumeration(values, value)?;
                self.close(name);
                Ok(())
            }
            (Kind::Managed(managed), Value::MoRef(reference)) => {
                self.check_reference(managed, reference)?;
                self.reference(name, xmlns, reference)
            }
            (Kind::Data(data), Value::Object(object)) => {
                self.object(name, Some(data), object, xmlns, default)
            }
            (kind, value) => self.fail(&format!("takes {}, not {}", kind.name(), value.type_name())),
        }
    }

    /// A data object where `expected` is declared; nothing is declared where the schema says `anyType`.
    fn object(
        &mut self,
        name: &str,
        expected: Option<&'static DataType>,
        object: &Object,
        xmlns: &str,
        default: &str,
    ) -> Result<()> {
        let schema = schema::get();
        let namespace = expected.map_or(default, |it| it.since().namespace());
        let Some(data) = schema.data_in(namespace, object.kind()) else {
            return self.fail(&format!("there is no data object type '{}'", object.kind()));
        };
        let mut attributes = xmlns.to_owned();
        match expected {
            Some(expected) if expected.vmodl() == data.vmodl() => {}
            Some(expected) if !schema.is_a(data.name(), expected.name()) => {
                return self.fail(&format!("takes {}, not {}", expected.name(), data.name()));
            }
            _ => attributes.push_str(&xsi_type(data.since().namespace(), data.name(), default)),
        }
        if let Some((unknown, _)) = object.fields().find(|(field, _)| data.property(field).is_none()) {
            return self.fail(&format!("{} has no property '{unknown}'", data.name()));
        }
        self.open(name, &attributes);
        for property in data.properties() {
            self.member(property, object.field(property.name()), default)?;
        }
        self.close(name);
        Ok(())
    }

    /// A value that says itself what it is.
    fn any(&mut self, name: &str, value: &Value, xmlns: &str, default: &str) -> Result<()> {
        let primitive = match value {
            Value::Null => return self.fail("has no value"),
            Value::Bool(_) => Primitive::Boolean,
            Value::Byte(_) => Primitive::Byte,
            Value::Short(_) => Primitive::Short,
            Value::Int(_) => Primitive::Int,
            Value::Long(_) => Primitive::Long,
            Value::Float(_) => Primitive::Float,
            Value::Double(_) => Primitive::Double,
            Value::String(_) => Primitive::String,
            Value::DateTime(_) => Primitive::DateTime,
            Value::Binary(_) => Primitive::Binary,
            Value::Uri(_) => Primitive::Uri,
            Value::Enum(it) => {
                let namespace = schema::get().namespace_of(default, &it.kind).unwrap_or(VIM25);
                self.open(name, &format!("{xmlns}{}", xsi_type(namespace, &it.kind, default)));
                self.text(&it.value)?;
                self.close(name);
                return Ok(());
            }
            Value::MoRef(it) => {
                let attributes = format!("{xmlns}{}", xsi_type(VIM25, "ManagedObjectReference", default));
                return self.reference(name, &attributes, it);
            }
            Value::Object(it) => return self.object(name, None, it, xmlns, default),
            Value::List(items) => return self.array(name, items, xmlns, default),
        };
        self.open(name, &format!("{xmlns} xsi:type=\"xsd:{}\"", primitive.name()));
        self.primitive(primitive, value)?;
        self.close(name);
        Ok(())
    }

    /// A list where `anyType` is declared: an `ArrayOfX`, X being what all its items are.
    fn array(&mut self, name: &str, items: &[Value], xmlns: &str, default: &str) -> Result<()> {
        let Some(item) = item_type(items) else {
            return self.fail("is an empty list, and nothing says of what");
        };
        let namespace = match &item {
            Item::Data(data) => data.since().namespace(),
            Item::Enum(kind) => schema::get().namespace_of(default, kind).unwrap_or(VIM25),
            _ => VIM25,
        };
        let (suffix, tag) = item.names();
        self.open(name, &format!("{xmlns}{}", xsi_type(namespace, &format!("ArrayOf{suffix}"), default)));
        for value in items {
            match (&item, value) {
                (Item::Data(data), Value::Object(object)) => {
                    self.object(tag, Some(data), object, "", default)?
                }
                (Item::Reference, Value::MoRef(reference)) => self.reference(tag, "", reference)?,
                (Item::Primitive(primitive), value) => {
                    self.open(tag, "");
                    self.primitive(*primitive, value)?;
                    self.close(tag);
                }
                (Item::Enum(_), value) => {
                    self.open(tag, "");
                    self.text(value.as_str().unwrap_or_default())?;
                    self.close(tag);
                }
                (_, value) => self.any(tag, value, "", default)?,
            }
        }
        self.close(name);
        Ok(())
    }

    fn primitive(&mut self, primitive: Primitive, value: &Value) -> Result<()> {
        let integer =
            |low: i64, high: i64| value.as_i64().filter(|n| (low..=high).contains(n)).map(|n| n.to_string());
        let text = match primitive {
            Primitive::Boolean => value.as_bool().map(|flag| flag.to_string()),
            Primitive::Byte => integer(i8::MIN.into(), i8::MAX.into()),
            Primitive::Short => integer(i16::MIN.into(), i16::MAX.into()),
            Primitive::Int => integer(i32::MIN.into(), i32::MAX.into()),
            Primitive::Long => integer(i64::MIN, i64::MAX),
            Primitive::Float => match *value {
                Value::Float(n) => Some(real(n.is_infinite(), n.is_sign_negative(), n)),
                _ => value.as_f64().map(|n| real(n.is_infinite(), n.is_sign_negative(), n)),
            },
            Primitive::Double => value.as_f64().map(|n| real(n.is_infinite(), n.is_sign_negative(), n)),
            Primitive::String | Primitive::Uri => match value {
                Value::String(text) | Value::Uri(text) => return self.text(text),
                Value::Enum(it) => return self.text(&it.value),
                _ => None,
            },
            Primitive::DateTime => match value {
                Value::DateTime(moment) => return self.text(moment.as_str()),
                Value::String(text) if crate::vim::DateTime::new(text.as_str()).timestamp().is_some() => {
                    return self.text(text);
                }
                _ => None,
            },
            Primitive::Binary => value.as_bytes().map(|bytes| {
                use base64::Engine;
                base64::engine::general_purpose::STANDARD.encode(bytes)
            }),
            Primitive::Any | Primitive::Void => None,
        };
        match text {
            Some(text) => {
                self.out.push_str(&text);
                Ok(())
            }
            None => {
                let shown = value.as_i64().map(|n| format!(" {n}")).unwrap_or_default();
                self.fail(&format!("takes {}, not {}{shown}", primitive.name(), value.type_name()))
            }
        }
    }

    fn enumeration(&mut self, values: &EnumType, value: &Value) -> Result<()> {
        match value {
            // What a server sent goes back as it came, known or not.
            Value::Enum(it) => self.text(&it.value),
            Value::String(text) if values.values().contains(&text.as_str()) => self.text(text),
            Value::String(text) => self.fail(&format!(
                "'{text}' is no {}; it takes {}",
                values.name(),
                values.values().join(", ")
            )),
            other => self.fail(&format!("takes {}, not {}", values.name(), other.type_name())),
        }
    }

    fn check_reference(&mut self, managed: &'static ManagedType, reference: &MoRef) -> Result<()> {
        let known = schema::get().managed(reference.kind()).is_some();
        if known && !reference.is_a(managed.name()) {
            return self.fail(&format!("takes {}, not {reference}", managed.name()));
        }
        Ok(())
    }

    fn reference(&mut self, name: &str, attributes: &str, reference: &MoRef) -> Result<()> {
        let Some(kind) = escape(reference.kind()) else {
            return self.fail("has a type that XML cannot carry");
        };
        self.open(name, &format!("{attributes} type=\"{kind}\""));
        self.text(reference.id())?;
        self.close(name);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<()> {
        match escape(text) {
            Some(text) => {
                self.out.push_str(&text);
                Ok(())
            }
            None => self.fail("holds a character that XML cannot carry"),
        }
    }

    fn open(&mut self, name: &str, attributes: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str(attributes);
        self.out.push('>');
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn fail<T>(&self, why: &str) -> Result<T> {
        Err(Error::Schema(format!("{}: {why}", self.at.join("."))))
    }
}

/// What the items of a list have in common.
enum Item {
    Primitive(Primitive),
    Enum(String),
    Reference,
    Data(&'static DataType),
    Any,
}

impl Item {
    /// What follows `ArrayOf`, and the name of each item's element.
    fn names(&self) -> (String, &str) {
        match self {
            Self::Primitive(primitive) => (capital(primitive.name()), primitive.name()),
            Self::Enum(kind) => (kind.clone(), kind),
            Self::Reference => ("ManagedObjectReference".to_owned(), "ManagedObjectReference"),
            Self::Data(data) => (data.name().to_owned(), data.name()),
            Self::Any => ("AnyType".to_owned(), "anyType"),
        }
    }
}

fn item_type(items: &[Value]) -> Option<Item> {
    let one = |value: &Value| match value {
        Value::Enum(it) => Item::Enum(it.kind.to_string()),
        Value::MoRef(_) => Item::Reference,
        Value::Object(object) => match schema::get().data(object.kind()) {
            Some(data) => Item::Data(data),
            None => Item::Any,
        },
        Value::Null | Value::List(_) => Item::Any,
        scalar => Primitive::from_xsd(scalar.type_name()).map_or(Item::Any, Item::Primitive),
    };
    let mut all = one(items.first()?);
    for value in &items[1..] {
        all = match (all, one(value)) {
            (Item::Primitive(a), Item::Primitive(b)) if a == b => Item::Primitive(a),
            (Item::Enum(a), Item::Enum(b)) if a == b => Item::Enum(a),
            (Item::Reference, Item::Reference) => Item::Reference,
            (Item::Data(a), Item::Data(b)) => common(a, b).map_or(Item::Any, Item::Data),
            _ => return Some(Item::Any),
        };
    }
    if let Item::Data(data) = all {
        // The API has arrays of VirtualDevice, say, and none of VirtualE1000.
        let named = schema::get().array_item(data.name()).unwrap_or(data.name());
        all = schema::get().data_in(data.since().namespace(), named).map_or(Item::Any, Item::Data);
    }
    Some(all)
}

/// The nearest type that both are.
fn common(a: &'static DataType, b: &'static DataType) -> Option<&'static DataType> {
    std::iter::successors(Some(a), |it| it.base()).find(|it| schema::get().is_a(b.name(), it.name()))
}

/// `xsi:type` for `name` of `namespace`, with a prefix where that is not the default namespace.
fn xsi_type(namespace: &str, name: &str, default: &str) -> String {
    if namespace == default {
        format!(" xsi:type=\"{name}\"")
    } else {
        format!(" xmlns:{namespace}=\"urn:{namespace}\" xsi:type=\"{namespace}:{name}\"")
    }
}

/// A number as XML schema writes it.
fn real(infinite: bool, negative: bool, number: impl std::fmt::Display) -> String {
    match (infinite, negative) {
        (true, false) => "INF".to_owned(),
        (true, true) => "-INF".to_owned(),
        _ => number.to_string(),
    }
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

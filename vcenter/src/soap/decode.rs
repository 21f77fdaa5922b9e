//! Reading an answer straight into values, by the types of the schema.
//!
//! What the schema does not know (a newer server's properties, types and enumeration values) is kept by its shape.

use base64::Engine;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::{Fault, ns};
use crate::schema::{self, DataType, Kind, Method, Primitive, Property, VIM25};
use crate::vim::{DateTime, Enum, MoRef, Name, Object, Value};
use crate::{Error, Result};

/// Elements inside one another that are read. The deepest that vSphere sends are snapshot trees, of 32 levels.
const MAX_DEPTH: usize = 192;

/// The result that `body` brings for `method`, or the fault.
pub fn answer(method: &Method, body: &[u8]) -> Result<Value> {
    let read = || -> Read<Result<Value>> {
        let text = std::str::from_utf8(body).map_err(|_| Wrong::new("it is not UTF-8"))?;
        let mut reader = NsReader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Decoder { reader, depth: 0 }.envelope(method)
    };
    read().unwrap_or_else(|wrong| {
        Err(Error::Decode { method: method.name().to_owned(), at: wrong.to_string() })
    })
}

/// What is wrong, and the elements around it, the innermost first.
struct Wrong {
    what: String,
    at: Vec<String>,
}

impl Wrong {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), at: Vec::new() }
    }

    fn inside(mut self, element: &str) -> Self {
        self.at.push(element.to_owned());
        self
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.at.is_empty() {
            let path: Vec<&str> = self.at.iter().rev().map(String::as_str).collect();
            write!(f, "{}: ", path.join("."))?;
        }
        f.write_str(&self.what)
    }
}

type Read<T> = std::result::Result<T, Wrong>;

/// What an element's tag says about it.
#[derive(Default)]
struct Tag {
    name: String,
    /// `xsi:type`, its prefix resolved: the namespace (a URI) and the name.
    xsi_type: Option<(String, String)>,
    /// The attribute `type` of a reference.
    reference: Option<String>,
    nil: bool,
}

struct Decoder<'i> {
    reader: NsReader<&'i [u8]>,
    depth: usize,
}

impl<'i> Decoder<'i> {
    fn envelope(mut self, method: &Method) -> Read<Result<Value>> {
        self.find("Envelope")?;
        self.find("Body")?;
        let Some(tag) = self.child()? else { return Err(Wrong::new("the body is empty")) };
        if tag.name == "Fault" {
            let fault = self.fault().map_err(|wrong| wrong.inside("Fault"))?;
            return Ok(Err(Error::Fault(fault)));
        }
        if tag.name.strip_suffix("Response") != Some(method.name()) {
            return Err(Wrong::new(format!("it is a '{}'", tag.name)));
        }
        self.result(method).map(Ok)
    }

    fn result(&mut self, method: &Method) -> Read<Value> {
        let result = method.result();
        let mut found = Value::Null;
        while let Some(tag) = self.child()? {
            if tag.name != "returnval" {
                self.skip()?;
                continue;
            }
            let kind = match result.kind() {
                Kind::Primitive(Primitive::Void) => None,
                kind => Some(kind),
            };
            let namespace = result.since().namespace();
            let value = self.value(&tag, kind, namespace).map_err(|wrong| wrong.inside("returnval"))?;
            add(&mut found, value, result.is_array(), matches!(kind, Some(Kind::Primitive(Primitive::Any))));
        }
        Ok(found)
    }

    fn fault(&mut self) -> Read<Fault> {
        let (mut message, mut detail) = (String::new(), None);
        while let Some(tag) = self.child()? {
            match tag.name.as_str() {
                "faultstring" => message = self.text()?,
                "detail" => {
                    while let Some(inner) = self.child()? {
                        let value = self.fault_detail(&inner).map_err(|wrong| wrong.inside(&inner.name))?;
                        detail = detail.or(value);
                    }
                }
                _ => self.skip()?,
            }
        }
        Ok(Fault::new(message, detail.unwrap_or_else(|| Object::new("MethodFault"))))
    }

    /// The fault's object: `<NotAuthenticatedFault xsi:type="NotAuthenticated">`, the type being optional.
    fn fault_detail(&mut self, tag: &Tag) -> Read<Option<Object>> {
        let (namespace, name) = match &tag.xsi_type {
            Some((uri, name)) => (short(uri), name.as_str()),
            None => (VIM25, tag.name.strip_suffix("Fault").unwrap_or(&tag.name)),
        };
        let data = schema::get().data_in(namespace, name);
        self.object(Name::new(name), data).map(Some)
    }

    /// The value of the element `tag`, whose start has been read, where `expected` is declared.
    fn value(&mut self, tag: &Tag, expected: Option<Kind>, namespace: &str) -> Read<Value> {
        if tag.nil {
            self.skip()?;
            return Ok(Value::Null);
        }
        let Some((uri, name)) = &tag.xsi_type else {
            return match expected {
                Some(Kind::Primitive(Primitive::Any | Primitive::Void)) | None => self.untyped(tag),
                Some(kind) => self.typed(tag, kind),
            };
        };
        if uri == ns::XSD {
            return match (expected, Primitive::from_xsd(name)) {
                // Names and enumeration values are text too; what was declared says more.
                (Some(kind @ Kind::Enum(_)), _) => self.typed(tag, kind),
                (_, Some(Primitive::Any)) | (None, None) => self.untyped(tag),
                (_, Some(primitive)) => self.primitive(primitive),
                (Some(kind), None) => self.typed(tag, kind),
            };
        }
        let namespace = if uri.is_empty() { namespace } else { short(uri) };
        let schema = schema::get();
        if let Some(data) = schema.data_in(namespace, name) {
            return self.object(Name::known(data.name()), Some(data)).map(Value::Object);
        }
        if let Some(values) = schema.enumeration_in(namespace, name) {
            return self.typed(tag, Kind::Enum(values));
        }
        if let Some(item) = name.strip_prefix("ArrayOf") {
            return self.array(item, namespace);
        }
        match (name.as_str(), expected) {
            ("ManagedObjectReference", _) => self.reference(tag),
            (_, Some(kind @ (Kind::Primitive(_) | Kind::Enum(_)))) if !is_any(kind) => self.typed(tag, kind),
            (_, Some(kind @ Kind::Managed(_))) => self.typed(tag, kind),
            (newer, _) => self.unknown(tag, newer),
        }
    }

    fn typed(&mut self, tag: &Tag, kind: Kind) -> Read<Value> {
        match kind {
            Kind::Primitive(primitive) => self.primitive(primitive),
            Kind::Enum(values) => {
                let text = self.text()?;
                Ok(Value::Enum(Enum { kind: Name::known(values.name()), value: Name::new(text.trim()) }))
            }
            Kind::Managed(_) => self.reference(tag),
            Kind::Data(data) => self.object(Name::known(data.name()), Some(data)).map(Value::Object),
        }
    }

    fn reference(&mut self, tag: &Tag) -> Read<Value> {
        let Some(kind) = &tag.reference else { return Err(Wrong::new("the reference has no type")) };
        let kind = kind.rsplit(':').next().unwrap_or(kind);
        let reference = MoRef::new(kind, self.text()?.trim());
        Ok(Value::MoRef(reference))
    }

    /// The properties of a data object up to its end.
    fn object(&mut self, kind: Name, data: Option<&'static DataType>) -> Read<Object> {
        let mut object = Object::new(kind);
        while let Some(tag) = self.child()? {
            self.field(&mut object, data, &tag).map_err(|wrong| wrong.inside(&tag.name))?;
        }
        Ok(object)
    }

    fn field(&mut self, object: &mut Object, data: Option<&'static DataType>, tag: &Tag) -> Read<()> {
        let property = data.and_then(|data| data.property(&tag.name));
        let namespace = property.map_or(VIM25, |it| it.since().namespace());
        let value = self.value(tag, property.map(Property::kind), namespace)?;
        let name = property.map_or_else(|| Name::new(&tag.name), |it| Name::known(it.name()));
        let many = property.is_some_and(Property::is_array);
        let any = property.is_some_and(|it| is_any(it.kind()));
        match (object.field_mut(&name), property) {
            // A newer server's property that occurs again is a list.
            (Some(found), None) if !matches!(found, Value::List(_)) => {
                let first = std::mem::take(found);
                *found = Value::List(vec![first, value]);
            }
            (Some(found), _) => add(found, value, many || property.is_none(), any),
            (None, _) => {
                let mut found = Value::Null;
                add(&mut found, value, many, any);
                if !found.is_null() {
                    object.push(name, found);
                }
            }
        }
        Ok(())
    }

    /// `ArrayOfX`: every child is an X, whatever its element is called.
    fn array(&mut self, item: &str, namespace: &str) -> Read<Value> {
        let schema = schema::get();
        let lower: String =
            item.chars().take(1).flat_map(char::to_lowercase).chain(item.chars().skip(1)).collect();
        let kind = if let Some(data) = schema.data_in(namespace, item) {
            Some(Kind::Data(data))
        } else if let Some(values) = schema.enumeration_in(namespace, item) {
            Some(Kind::Enum(values))
        } else if item == "ManagedObjectReference" {
            schema.managed("ManagedObject").map(Kind::Managed)
        } else {
            Primitive::from_xsd(&lower).map(Kind::Primitive)
        };
        let mut items = Vec::new();
        while let Some(tag) = self.child()? {
            items.push(self.value(&tag, kind, namespace).map_err(|wrong| wrong.inside(&tag.name))?);
        }
        Ok(Value::List(items))
    }

    /// A value of the type `name`, of which the schema knows nothing: an object if it has elements, else text.
    fn unknown(&mut self, tag: &Tag, name: &str) -> Read<Value> {
        Ok(match self.shape(tag, name)? {
            Value::String(text) => Value::Enum(Enum { kind: Name::new(name), value: Name::new(text.trim()) }),
            other => other,
        })
    }

    /// A value of which nothing is known.
    fn untyped(&mut self, tag: &Tag) -> Read<Value> {
        if tag.reference.is_some() {
            return self.reference(tag);
        }
        Ok(match self.shape(tag, "anyType")? {
            Value::Object(object) if object.is_empty() => Value::String(String::new()),
            other => other,
        })
    }

    /// Text, or an object of type `name`; an object without properties if it is empty.
    fn shape(&mut self, tag: &Tag, name: &str) -> Read<Value> {
        if tag.reference.is_some() {
            return self.reference(tag);
        }
        let mut object = Object::new(name);
        let mut text = String::new();
        loop {
            match self.next()? {
                Next::Start(tag) => {
                    self.field(&mut object, None, &tag).map_err(|wrong| wrong.inside(&tag.name))?
                }
                Next::Text(more) => text.push_str(&more),
                Next::End => break,
            }
        }
        Ok(if object.is_empty() && !text.is_empty() { Value::String(text) } else { Value::Object(object) })
    }

    fn primitive(&mut self, primitive: Primitive) -> Read<Value> {
        let text = self.text()?;
        let trimmed = text.trim();
        let wrong = || Wrong::new(format!("'{}' is no {}", excerpt(trimmed), primitive.name()));
        Ok(match primitive {
            Primitive::Any | Primitive::Void | Primitive::String => Value::String(text),
            Primitive::Uri => Value::Uri(text),
            Primitive::DateTime => Value::DateTime(DateTime::new(trimmed)),
            Primitive::Boolean => match trimmed {
                "true" | "1" => Value::Bool(true),
                "false" | "0" => Value::Bool(false),
                _ => return Err(wrong()),
            },
            Primitive::Byte => Value::Byte(trimmed.parse().map_err(|_| wrong())?),
            Primitive::Short => Value::Short(trimmed.parse().map_err(|_| wrong())?),
            Primitive::Int => Value::Int(trimmed.parse().map_err(|_| wrong())?),
            Primitive::Long => Value::Long(trimmed.parse().map_err(|_| wrong())?),
            Primitive::Float => Value::Float(rust_real(trimmed).parse().map_err(|_| wrong())?),
            Primitive::Double => Value::Double(rust_real(trimmed).parse().map_err(|_| wrong())?),
            Primitive::Binary => {
                let dense: String = trimmed.split_ascii_whitespace().collect();
                let bytes = base64::engine::general_purpose::STANDARD.decode(dense).map_err(|_| wrong())?;
                Value::Binary(bytes)
            }
        })
    }

    /// The next element called `name` among those at this level; the others are skipped.
    fn find(&mut self, name: &str) -> Read<()> {
        while let Some(tag) = self.child()? {
            if tag.name == name {
                return Ok(());
            }
            self.skip()?;
        }
        Err(Wrong::new(format!("it has no '{name}'")))
    }

    /// The next element inside the present one; `None` at its end. Text in between is passed over.
    fn child(&mut self) -> Read<Option<Tag>> {
        loop {
            match self.next()? {
                Next::Start(tag) => return Ok(Some(tag)),
                Next::End => return Ok(None),
                Next::Text(_) => {}
            }
        }
    }

    /// The text up to the end of the present element.
    fn text(&mut self) -> Read<String> {
        let mut text = String::new();
        loop {
            match self.next()? {
                Next::Text(more) if text.is_empty() => text = more,
                Next::Text(more) => text.push_str(&more),
                Next::End => return Ok(text),
                Next::Start(tag) => return Err(Wrong::new("it is not text").inside(&tag.name)),
            }
        }
    }

    /// Passes over the rest of the present element.
    fn skip(&mut self) -> Read<()> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    fn next(&mut self) -> Read<Next> {
        loop {
            let event = self.reader.read_event().map_err(|error| Wrong::new(error.to_string()))?;
            return Ok(match event {
                Event::Start(start) | Event::Empty(start) => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(Wrong::new(format!("it is nested deeper than {MAX_DEPTH} elements")));
                    }
                    Next::Start(self.tag(&start)?)
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Next::End
                }
                Event::Text(text) => Next::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Next::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(reference) => Next::Text(resolve(&reference)?),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
                Event::DocType(_) => return Err(Wrong::new("it has a document type")),
                Event::Eof if self.depth == 0 => Next::End,
                Event::Eof => return Err(Wrong::new("it ends too soon")),
            });
        }
    }

    fn tag(&self, start: &BytesStart<'_>) -> Read<Tag> {
        let mut tag = Tag { name: start.local_name().as_ref().to_owned(), ..Tag::default() };
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| Wrong::new(error.to_string()))?;
            let (namespace, local) = self.reader.resolver().resolve_attribute(attribute.key);
            let xsi = matches!(namespace, ResolveResult::Bound(bound) if bound.as_ref() == ns::XSI);
            let value = || {
                attribute
                    .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                    .map_err(|error| Wrong::new(error.to_string()))
            };
            match (xsi, local.as_ref()) {
                (true, "type") => tag.xsi_type = Some(self.qualified(value()?.trim())),
                (true, "nil") => tag.nil = matches!(value()?.trim(), "true" | "1"),
                (false, "type") => tag.reference = Some(value()?.into_owned()),
                _ => {}
            }
        }
        Ok(tag)
    }

    /// The namespace (empty if its prefix is bound to none) and name of `vim25:OptionValue`.
    fn qualified(&self, text: &str) -> (String, String) {
        let name = quick_xml::name::QName(text);
        let (namespace, local) = self.reader.resolver().resolve_element(name);
        let uri = match namespace {
            ResolveResult::Bound(bound) => bound.as_ref().to_owned(),
            _ => String::new(),
        };
        (uri, local.as_ref().to_owned())
    }
}

enum Next {
    Start(Tag),
    Text(String),
    End,
}

/// Adds a value that was read to what was found before: once more to a list, else in its place.
fn add(found: &mut Value, value: Value, many: bool, any: bool) {
    match (found, value) {
        (found, value) if !many => *found = value,
        (_, Value::Null) => {}
        // A list sent as one ArrayOfX where its items were to be elements of their own.
        (Value::List(items), Value::List(more)) if !any => items.extend(more),
        (Value::List(items), value) => items.push(value),
        (found, value @ Value::List(_)) if !any => *found = value,
        (found, value) => *found = Value::List(vec![value]),
    }
}

fn is_any(kind: Kind) -> bool {
    matches!(kind, Kind::Primitive(Primitive::Any | Primitive::Void))
}

/// `urn:vim25` as `vim25`.
fn short(uri: &str) -> &str {
    uri.strip_prefix("urn:").unwrap_or(uri)
}

/// A number of XML schema as Rust reads it.
fn rust_real(text: &str) -> &str {
    match text {
        "INF" => "inf",
        "-INF" => "-inf",
        other => other,
    }
}

fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Read<String> {
    if let Some(c) = reference.resolve_char_ref().map_err(|error| Wrong::new(error.to_string()))? {
        return Ok(c.to_string());
    }
    let text = match &**reference {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        other => return Err(Wrong::new(format!("there is no entity '{}'", excerpt(other)))),
    };
    Ok(text.to_owned())
}

/// The beginning of a text that may be long.
fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

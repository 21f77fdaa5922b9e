use super::{DateTime, MoRef, Name, Object};

/// What a property, an argument or a result can be.
///
/// Every XML schema type has a variant of its own, since where the API says `anyType` (an advanced option, say)
/// the server tells an `int` from a `long`. Where the API names the type, any integer that fits will do.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing: an unset property, or the result of a method that returns none.
    #[default]
    Null,
    /// `xsd:boolean`
    Bool(bool),
    /// `xsd:byte`
    Byte(i8),
    /// `xsd:short`
    Short(i16),
    /// `xsd:int`
    Int(i32),
    /// `xsd:long`
    Long(i64),
    /// `xsd:float`
    Float(f32),
    /// `xsd:double`
    Double(f64),
    /// `xsd:string`; also type names, method names and property paths
    String(String),
    /// `xsd:dateTime`
    DateTime(DateTime),
    /// `xsd:base64Binary`
    Binary(Vec<u8>),
    /// `xsd:anyURI`
    Uri(String),
    /// A value of an enumeration, known to the schema or not.
    Enum(Enum),
    /// A reference to a managed object.
    MoRef(MoRef),
    /// A data object.
    Object(Object),
    /// `ArrayOfX`, or a property that occurs many times.
    List(Vec<Value>),
}

/// A value of an enumeration, with the enumeration's name.
///
/// What a server sends is kept even if the schema does not know it. To send one, text is enough
/// (`"poweredOn"`): it is checked against the schema; an `Enum` is sent as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Enum {
    /// The enumeration, as `VirtualMachinePowerState`.
    pub kind: Name,
    /// The value, as `poweredOn`.
    pub value: Name,
}

impl Value {
    /// Whether this is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string, URI, enumeration value or date.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Uri(text) => Some(text),
            Self::Enum(value) => Some(&value.value),
            Self::DateTime(moment) => Some(moment.as_str()),
            _ => None,
        }
    }

    /// An integer of any width.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Byte(n) => Some(n.into()),
            Self::Short(n) => Some(n.into()),
            Self::Int(n) => Some(n.into()),
            Self::Long(n) => Some(n),
            _ => None,
        }
    }

    /// A number of any kind.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Float(n) => Some(n.into()),
            Self::Double(n) => Some(n),
            _ => self.as_i64().map(|n| n as f64),
        }
    }

    /// A boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    /// A moment.
    pub fn as_timestamp(&self) -> Option<jiff::Timestamp> {
        match self {
            Self::DateTime(moment) => moment.timestamp(),
            _ => None,
        }
    }

    /// Bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A reference to a managed object.
    pub fn as_moref(&self) -> Option<&MoRef> {
        match self {
            Self::MoRef(reference) => Some(reference),
            _ => None,
        }
    }

    /// A data object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The items of a list; empty if this is no list.
    pub fn as_list(&self) -> &[Value] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The data objects of a list.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.as_list().iter().filter_map(Value::as_object)
    }

    /// The references of a list.
    pub fn morefs(&self) -> impl Iterator<Item = &MoRef> {
        self.as_list().iter().filter_map(Value::as_moref)
    }

    /// The texts of a list.
    pub fn strs(&self) -> impl Iterator<Item = &str> {
        self.as_list().iter().filter_map(Value::as_str)
    }

    /// The data object, given away.
    pub fn into_object(self) -> Option<Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The reference, given away.
    pub fn into_moref(self) -> Option<MoRef> {
        match self {
            Self::MoRef(reference) => Some(reference),
            _ => None,
        }
    }

    /// The items of a list, given away; empty if this is no list.
    pub fn into_list(self) -> Vec<Value> {
        match self {
            Self::List(items) => items,
            _ => Vec::new(),
        }
    }

    /// What lies at `path` below this value, as `config.hardware.numCPU` or `config.hardware.device[4000].backing`.
    ///
    /// A path in brackets picks the item of a list whose `key` property it is, as the property collector means it.
    /// A quoted key (`extraConfig["guestinfo.x"]`) is text. The empty path is this value.
    pub fn get(&self, path: &str) -> Option<&Value> {
        super::path::get(self, path)
    }

    /// What kind of value this is, for messages: `string`, `int`, `VirtualMachineConfigSpec`, `list` …
    pub fn type_name(&self) -> &str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Byte(_) => "byte",
            Self::Short(_) => "short",
            Self::Int(_) => "int",
            Self::Long(_) => "long",
            Self::Float(_) => "float",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::DateTime(_) => "dateTime",
            Self::Binary(_) => "base64Binary",
            Self::Uri(_) => "anyURI",
            Self::Enum(value) => &value.kind,
            Self::MoRef(reference) => reference.kind(),
            Self::Object(object) => object.kind(),
            Self::List(_) => "list",
        }
    }
}

/// A text, URI, enumeration value or date equals its text.
impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(other)
    }
}

macro_rules! from {
    ($($from:ty => |$it:ident| $value:expr),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from($it: $from) -> Self {
                $value
            }
        }
    )*};
}

from! {
    bool => |it| Value::Bool(it),
    i8 => |it| Value::Byte(it),
    i16 => |it| Value::Short(it),
    i32 => |it| Value::Int(it),
    i64 => |it| Value::Long(it),
    u16 => |it| Value::Int(it.into()),
    u32 => |it| Value::Long(it.into()),
    f32 => |it| Value::Float(it),
    f64 => |it| Value::Double(it),
    &str => |it| Value::String(it.to_owned()),
    String => |it| Value::String(it),
    &String => |it| Value::String(it.clone()),
    DateTime => |it| Value::DateTime(it),
    jiff::Timestamp => |it| Value::DateTime(it.into()),
    Enum => |it| Value::Enum(it),
    MoRef => |it| Value::MoRef(it),
    &MoRef => |it| Value::MoRef(it.clone()),
    Object => |it| Value::Object(it),
    &Object => |it| Value::Object(it.clone()),
    &Value => |it| it.clone(),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(it: Vec<T>) -> Self {
        Self::List(it.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value> + Clone> From<&[T]> for Value {
    fn from(it: &[T]) -> Self {
        Self::List(it.iter().cloned().map(Into::into).collect())
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(it: [T; N]) -> Self {
        Self::List(it.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

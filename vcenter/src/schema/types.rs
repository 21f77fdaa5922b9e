use std::fmt;

use super::{Schema, Type, get};

/// A version of one service's API.
#[derive(Debug)]
pub struct Version {
    pub(super) namespace: &'static str,
    pub(super) text: &'static str,
}

impl Version {
    /// The XML namespace without `urn:`, as `vim25`.
    pub fn namespace(&self) -> &'static str {
        self.namespace
    }

    /// The version as it goes over the wire, as `8.0.2.0`; empty for what every version has.
    pub fn text(&self) -> &'static str {
        self.text
    }
}

/// What every line of the table has.
pub(super) struct Head {
    pub id: usize,
    pub vmodl: &'static str,
    pub name: &'static str,
    pub base: Option<usize>,
    pub since: usize,
    pub own: Vec<Property>,
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.vmodl)
    }
}

macro_rules! named {
    ($($typ:ident),*) => {$(
        impl $typ {
            /// The name on the wire.
            pub fn name(&self) -> &'static str {
                self.head.name
            }

            /// The name in VMODL, the language the API is written in, as `vim.vm.ConfigSpec`.
            pub fn vmodl(&self) -> &'static str {
                self.head.vmodl
            }

            /// The version that brought it.
            pub fn since(&self) -> &'static Version {
                &get().versions[self.head.since]
            }
        }
    )*};
}

named!(DataType, ManagedType, EnumType);

/// A data object type.
#[derive(Debug)]
pub struct DataType {
    pub(super) head: Head,
}

impl DataType {
    /// The type it is derived from.
    pub fn base(&self) -> Option<&'static DataType> {
        match self.head.base.map(|id| &get().types[id]) {
            Some(Type::Data(base)) => Some(base),
            _ => None,
        }
    }

    /// Every property in the order of the wire: those of the base types first.
    pub fn properties(&self) -> impl Iterator<Item = &'static Property> {
        inherited(&self.head).flat_map(|head| &head.own)
    }

    /// The property `name`, own or inherited.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        property(&self.head, name)
    }
}

/// A managed object type.
#[derive(Debug)]
pub struct ManagedType {
    pub(super) head: Head,
    pub(super) service: &'static str,
    pub(super) methods: Vec<Method>,
}

impl ManagedType {
    /// The namespace that is spoken where its objects are served: `vim25`, `vsan`, `pbm`, `sms`, `eam` or `vslm`.
    ///
    /// Not that of the type: many of vSAN's types belong to `vim25`.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The type it is derived from.
    pub fn base(&self) -> Option<&'static ManagedType> {
        match self.head.base.map(|id| &get().types[id]) {
            Some(Type::Managed(base)) => Some(base),
            _ => None,
        }
    }

    /// Every property that the property collector can read, those of the base types first.
    pub fn properties(&self) -> impl Iterator<Item = &'static Property> {
        inherited(&self.head).flat_map(|head| &head.own)
    }

    /// The property `name`, own or inherited.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        property(&self.head, name)
    }

    /// The method `name` as the wire knows it (`PowerOnVM_Task`), own or inherited.
    pub fn method(&'static self, name: &str) -> Option<&'static Method> {
        let own = self.methods.iter().find(|it| it.name == name);
        own.or_else(|| self.base().and_then(|base| base.method(name)))
    }

    /// The methods that this type adds to its base.
    pub fn own_methods(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter()
    }
}

/// An enumeration.
#[derive(Debug)]
pub struct EnumType {
    pub(super) head: Head,
    pub(super) values: Vec<&'static str>,
}

impl EnumType {
    /// The values that the schema knows; a newer server may have more.
    pub fn values(&self) -> &[&'static str] {
        &self.values
    }
}

/// A method of a managed object type.
#[derive(Debug)]
pub struct Method {
    pub(super) name: &'static str,
    pub(super) since: usize,
    pub(super) result: Property,
    pub(super) task_result: &'static str,
    pub(super) faults: Vec<&'static str>,
    pub(super) params: Vec<Property>,
}

impl Method {
    /// The name on the wire, as `PowerOnVM_Task`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The parameters, in the order of the wire.
    pub fn params(&self) -> &[Property] {
        &self.params
    }

    /// The result; `Primitive::Void` if there is none.
    pub fn result(&self) -> &Property {
        &self.result
    }

    /// The type of what the task results in, if the method gives a task; else the result's. With `[]` for many.
    pub fn task_result(&self) -> &'static str {
        self.task_result
    }

    /// The faults it declares, besides the `RuntimeFault`s that every method may answer.
    pub fn faults(&self) -> &[&'static str] {
        &self.faults
    }

    /// The version that brought it.
    pub fn since(&self) -> &'static Version {
        &get().versions[self.since]
    }
}

/// A property of a data or managed object, a parameter, or a result.
pub struct Property {
    pub(super) name: &'static str,
    pub(super) target: Target,
    pub(super) array: bool,
    pub(super) link: bool,
    pub(super) optional: bool,
    pub(super) secret: bool,
    pub(super) since: usize,
}

impl Property {
    /// The name on the wire; empty for a result.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What kind of value it holds, or each of its values if it is an array.
    pub fn kind(&self) -> Kind {
        match self.target {
            // The key of the object is sent in its place.
            _ if self.link => Kind::Primitive(Primitive::String),
            Target::Primitive(primitive) => Kind::Primitive(primitive),
            Target::Type(id) => match &get().types[id] {
                Type::Enum(it) => Kind::Enum(it),
                Type::Data(it) => Kind::Data(it),
                Type::Managed(it) => Kind::Managed(it),
            },
        }
    }

    /// Whether it occurs many times.
    pub fn is_array(&self) -> bool {
        self.array
    }

    /// Whether it may be left out.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Whether the key of an object is sent in the object's place.
    pub fn is_link(&self) -> bool {
        self.link
    }

    /// Whether its value is a secret.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// The version that brought it.
    pub fn since(&self) -> &'static Version {
        &get().versions[self.since]
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a property's type is in the table.
#[derive(Clone, Copy)]
pub(super) enum Target {
    Primitive(Primitive),
    Type(usize),
}

/// What a property's type is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A type of XML schema.
    Primitive(Primitive),
    /// One of a set of texts.
    Enum(&'static EnumType),
    /// A data object, or one of a type derived from it.
    Data(&'static DataType),
    /// A reference to a managed object.
    Managed(&'static ManagedType),
}

impl Kind {
    /// The type's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Primitive(primitive) => primitive.name(),
            Self::Enum(it) => it.name(),
            Self::Data(it) => it.name(),
            Self::Managed(it) => it.name(),
        }
    }
}

/// A type of XML schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primitive {
    /// Nothing; a result only.
    Void,
    /// Anything; what it is, the value says itself.
    Any,
    /// `xsd:boolean`
    Boolean,
    /// `xsd:byte`
    Byte,
    /// `xsd:short`
    Short,
    /// `xsd:int`
    Int,
    /// `xsd:long`
    Long,
    /// `xsd:float`
    Float,
    /// `xsd:double`
    Double,
    /// `xsd:string`, also for names of types, methods and properties
    String,
    /// `xsd:dateTime`
    DateTime,
    /// `xsd:base64Binary`
    Binary,
    /// `xsd:anyURI`
    Uri,
}

impl Primitive {
    /// The name in XML schema, without prefix.
    pub fn name(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::Any => "anyType",
            Self::Boolean => "boolean",
            Self::Byte => "byte",
            Self::Short => "short",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::String => "string",
            Self::DateTime => "dateTime",
            Self::Binary => "base64Binary",
            Self::Uri => "anyURI",
        }
    }

    /// The type that XML schema calls `name`.
    pub(crate) fn from_xsd(name: &str) -> Option<Self> {
        Some(match name {
            "anyType" => Self::Any,
            "boolean" => Self::Boolean,
            "byte" => Self::Byte,
            "short" | "unsignedByte" => Self::Short,
            "int" | "integer" | "unsignedShort" => Self::Int,
            "long" | "unsignedInt" | "unsignedLong" => Self::Long,
            "float" => Self::Float,
            "double" | "decimal" => Self::Double,
            "string" => Self::String,
            "dateTime" => Self::DateTime,
            "base64Binary" => Self::Binary,
            "anyURI" => Self::Uri,
            _ => return None,
        })
    }

    /// The type that VMODL calls `name`.
    pub(super) fn from_vmodl(name: &str) -> Option<Self> {
        Some(match name {
            "void" => Self::Void,
            "vmodl.PropertyPath" | "vmodl.TypeName" | "vmodl.MethodName" => Self::String,
            "vmodl.DateTime" => Self::DateTime,
            "vmodl.Binary" => Self::Binary,
            "vmodl.URI" => Self::Uri,
            other => return Self::from_xsd(other),
        })
    }
}

/// The type `id` and its ancestors.
fn line(id: usize) -> impl Iterator<Item = &'static Head> {
    let schema: &'static Schema = get();
    std::iter::successors(Some(id), |&id| schema.types[id].head().base).map(|id| schema.types[id].head())
}

/// The type and its ancestors, the eldest first.
fn inherited(head: &Head) -> impl Iterator<Item = &'static Head> {
    let mut heads: Vec<_> = line(head.id).collect();
    heads.reverse();
    heads.into_iter()
}

fn property(head: &Head, name: &str) -> Option<&'static Property> {
    line(head.id).find_map(|head| head.own.iter().find(|it| it.name == name))
}

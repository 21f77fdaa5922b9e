//! The one bridge from vSphere's world: its errors and values as Salt's.

use crate::{Error, Map, Value};

/// No session: [`Error::Unavailable`]. Everything else that a vCenter says: [`Error::Execution`].
impl From<vcenter::Error> for Error {
    fn from(error: vcenter::Error) -> Error {
        use vcenter::Error as V;
        match error {
            V::Transport { .. } | V::Tls(_) | V::Login { .. } | V::Closed => {
                Error::Unavailable(error.to_string())
            }
            other => Error::Execution(other.to_string()),
        }
    }
}

/// Plain data: a reference is `Type:moid`, a moment its ISO 8601 text, an enumeration its value, a data object a map of
/// the properties that are set.
impl From<&vcenter::Value> for Value {
    fn from(value: &vcenter::Value) -> Value {
        use vcenter::Value as V;
        match value {
            V::Null => Value::None,
            V::Bool(b) => Value::Bool(*b),
            V::Byte(n) => Value::Int(i64::from(*n)),
            V::Short(n) => Value::Int(i64::from(*n)),
            V::Int(n) => Value::Int(i64::from(*n)),
            V::Long(n) => Value::Int(*n),
            V::Float(x) => Value::Float(f64::from(*x)),
            V::Double(x) => Value::Float(*x),
            V::String(text) | V::Uri(text) => text.as_str().into(),
            V::DateTime(moment) => moment.as_str().into(),
            V::Binary(bytes) => Value::Bytes(bytes.clone()),
            V::Enum(value) => value.value.to_string().into(),
            V::MoRef(reference) => reference.to_string().into(),
            V::Object(object) => Map::from(object).into(),
            V::List(items) => items.iter().map(Value::from).collect::<Vec<_>>().into(),
        }
    }
}

/// The properties that are set.
impl From<&vcenter::Object> for Map {
    fn from(object: &vcenter::Object) -> Map {
        object.fields().map(|(name, value)| (name.to_string().into(), value.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{list, map};

    #[test]
    fn data_objects_become_maps() {
        let object = vcenter::Object::new("AboutInfo")
            .set("name", "VMware vCenter Server")
            .set("parent", vcenter::MoRef::new("Folder", "group-d1"))
            .set("list", [1, 2]);
        assert_eq!(
            Map::from(&object),
            map! { "name" => "VMware vCenter Server", "parent" => "Folder:group-d1", "list" => list![1, 2] }
        );
    }

    #[test]
    fn who_has_no_session_is_told_so() {
        assert!(matches!(Error::from(vcenter::Error::Closed), Error::Unavailable(_)));
        let missing = vcenter::Error::NotFound { kind: "Datacenter".into(), name: "x".into() };
        assert_eq!(Error::from(missing), Error::Execution("Datacenter 'x' was not found".into()));
    }
}

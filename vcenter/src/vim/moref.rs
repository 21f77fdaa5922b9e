use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Name;
use crate::schema;

/// A reference to a managed object: its type and the server's id for it, such as `VirtualMachine:vm-12`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MoRef {
    kind: Name,
    id: Arc<str>,
}

impl MoRef {
    /// A reference to the managed object `id` of type `kind`.
    pub fn new(kind: impl Into<Name>, id: impl AsRef<str>) -> Self {
        Self { kind: kind.into(), id: id.as_ref().into() }
    }

    /// The managed object's type, as `VirtualMachine`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The server's id of the object, as `vm-12`; unique in one vCenter.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the object's type is `kind` or derived from it, as a `ClusterComputeResource` is a
    /// `ComputeResource`.
    pub fn is_a(&self, kind: &str) -> bool {
        &*self.kind == kind || schema::get().is_a(&self.kind, kind)
    }
}

impl fmt::Display for MoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

impl fmt::Debug for MoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads what `Display` writes.
impl FromStr for MoRef {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((kind, id)) if !kind.is_empty() && !id.is_empty() => Ok(Self::new(kind, id)),
            _ => {
                Err(crate::Error::Schema(format!("'{text}' is not a reference such as VirtualMachine:vm-12")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_what_it_writes() {
        let vm = MoRef::new("VirtualMachine", "vm-12");
        assert_eq!(vm.to_string(), "VirtualMachine:vm-12");
        assert_eq!("VirtualMachine:vm-12".parse::<MoRef>().unwrap(), vm);
        assert!("vm-12".parse::<MoRef>().is_err());
        assert!(":vm-12".parse::<MoRef>().is_err());
    }

    #[test]
    fn a_reference_knows_its_ancestors() {
        let cluster = MoRef::new("ClusterComputeResource", "domain-c8");
        assert!(cluster.is_a("ClusterComputeResource"));
        assert!(cluster.is_a("ComputeResource"));
        assert!(cluster.is_a("ManagedEntity"));
        assert!(!cluster.is_a("HostSystem"));
        assert!(MoRef::new("FromTheFuture", "x-1").is_a("FromTheFuture"));
    }
}

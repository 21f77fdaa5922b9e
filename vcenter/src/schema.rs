//! Every type and method of the vSphere APIs (vim25, query, vSAN, SPBM, SMS, EAM, vSLM), as a table.
//!
//! The table is made by `vcenter/schema/extract.py`, carried in the program compressed, and read once at its
//! first use. Types are looked up by the name that the WSDL (and so a user of the API) knows them by, such as
//! `VirtualMachineConfigSpec`; the three names that two services share are looked up with the service's namespace.

mod table;
mod types;

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

pub use types::{DataType, EnumType, Kind, ManagedType, Method, Primitive, Property, Version};

/// The namespace of the vCenter API itself.
pub const VIM25: &str = "vim25";

/// The schema, read from the program at the first call.
pub fn get() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(table::load)
}

/// Whether a server whose API is of one version has what came with another, number by number. A server that does not say
/// is taken for new: what it does not know it will refuse.
pub fn has(api_version: &str, since: &str) -> bool {
    let numbers =
        |text: &str| -> Vec<u32> { text.split('.').map(|number| number.parse().unwrap_or(0)).collect() };
    api_version.is_empty() || numbers(since) <= numbers(api_version)
}

/// The table, indexed.
#[derive(Debug)]
pub struct Schema {
    versions: Vec<Version>,
    types: Vec<Type>,
    by_name: HashMap<&'static str, Vec<usize>>,
    array_items: HashSet<usize>,
    names: HashSet<&'static str>,
}

/// A line of the table.
#[derive(Debug)]
enum Type {
    Enum(EnumType),
    Data(DataType),
    Managed(ManagedType),
}

impl Type {
    fn head(&self) -> &types::Head {
        match self {
            Self::Enum(it) => &it.head,
            Self::Data(it) => &it.head,
            Self::Managed(it) => &it.head,
        }
    }
}

impl Schema {
    /// The data object type `name`, as `VirtualMachineConfigSpec`.
    pub fn data(&'static self, name: &str) -> Option<&'static DataType> {
        self.data_in(VIM25, name)
    }

    /// The data object type `name`, that of `namespace` first if two services have one.
    pub fn data_in(&'static self, namespace: &str, name: &str) -> Option<&'static DataType> {
        self.find(namespace, name, |it| match it {
            Type::Data(data) => Some(data),
            _ => None,
        })
    }

    /// The managed object type `name`, as `VirtualMachine`.
    pub fn managed(&'static self, name: &str) -> Option<&'static ManagedType> {
        self.find(VIM25, name, |it| match it {
            Type::Managed(managed) => Some(managed),
            _ => None,
        })
    }

    /// The enumeration `name`, as `VirtualMachinePowerState`.
    pub fn enumeration(&'static self, name: &str) -> Option<&'static EnumType> {
        self.enumeration_in(VIM25, name)
    }

    /// The enumeration `name`, that of `namespace` first if two services have one.
    pub fn enumeration_in(&'static self, namespace: &str, name: &str) -> Option<&'static EnumType> {
        self.find(namespace, name, |it| match it {
            Type::Enum(values) => Some(values),
            _ => None,
        })
    }

    /// Whether the data or managed object type `name` is `base` or derived from it. Unknown names are only themselves.
    pub fn is_a(&self, name: &str, base: &str) -> bool {
        name == base
            || self.candidates(name).iter().any(|&id| self.ancestry(id).any(|it| it.head().name == base))
    }

    /// Every data object type.
    pub fn data_types(&'static self) -> impl Iterator<Item = &'static DataType> {
        self.types.iter().filter_map(|it| match it {
            Type::Data(data) => Some(data),
            _ => None,
        })
    }

    /// Every managed object type.
    pub fn managed_types(&'static self) -> impl Iterator<Item = &'static ManagedType> {
        self.types.iter().filter_map(|it| match it {
            Type::Managed(managed) => Some(managed),
            _ => None,
        })
    }

    /// Every enumeration.
    pub fn enumerations(&'static self) -> impl Iterator<Item = &'static EnumType> {
        self.types.iter().filter_map(|it| match it {
            Type::Enum(values) => Some(values),
            _ => None,
        })
    }

    /// The versions of the service `namespace` that the schema covers.
    pub fn versions(&self, namespace: &str) -> impl Iterator<Item = &Version> {
        self.versions.iter().filter(move |version| version.namespace == namespace && !version.text.is_empty())
    }

    /// The kind of value at property path `path` of the managed object type `kind`, such as `config.hardware.numCPU`,
    /// and whether it occurs many times. An error says which step of the path is not there.
    pub fn path(&'static self, kind: &str, path: &str) -> crate::Result<(Kind, bool)> {
        let wrong =
            |why: String| crate::Error::Schema(format!("'{path}' is no property path of {kind}: {why}"));
        let managed =
            self.managed(kind).ok_or_else(|| wrong(format!("there is no managed object type {kind}")))?;
        let mut steps = path.split('.');
        let first = steps.next().unwrap_or_default();
        let mut property =
            managed.property(first).ok_or_else(|| wrong(format!("{kind} has no '{first}'")))?;
        for step in steps {
            let Kind::Data(data) = property.kind() else {
                return Err(wrong(format!("'{}' has no properties", property.name())));
            };
            property = match data.property(step) {
                Some(next) => next,
                // A derived type may have it: guest.net[…], config.hardware.device[…].backing.
                None if self.derived_has(data, step) => return Ok((Kind::Primitive(Primitive::Any), false)),
                None => return Err(wrong(format!("{} has no '{step}'", data.name()))),
            };
        }
        Ok((property.kind(), property.is_array()))
    }

    /// The version of the API that brought the youngest step of a property path; empty for a path that is not known.
    pub fn since(&'static self, kind: &str, path: &str) -> &'static str {
        let mut youngest = "";
        let mut steps = path.split('.').map(|step| step.split('[').next().unwrap_or(step));
        let mut property =
            self.managed(kind).and_then(|managed| steps.next().and_then(|step| managed.property(step)));
        while let Some(found) = property {
            if !has(youngest, found.since().text()) || youngest.is_empty() {
                youngest = found.since().text();
            }
            property = match found.kind() {
                Kind::Data(data) => steps.next().and_then(|step| data.property(step)),
                _ => None,
            };
        }
        youngest
    }

    /// The text that lives in the table, if it is a name there.
    pub(crate) fn intern(&self, text: &str) -> Option<&'static str> {
        self.names.get(text).copied()
    }

    /// The nearest of `name`'s ancestors (itself first) of which the API has arrays, for the name of an `ArrayOf…`.
    pub fn array_item(&self, name: &str) -> Option<&'static str> {
        let id = *self.candidates(name).first()?;
        let found = self.ancestry_ids(id).find(|id| self.array_items.contains(id)).unwrap_or(id);
        Some(self.types[found].head().name)
    }

    /// The namespace in which the type `name` lives on the wire.
    pub fn namespace_of(&'static self, namespace: &str, name: &str) -> Option<&'static str> {
        self.find(namespace, name, |it| Some(self.versions[it.head().since].namespace))
    }

    fn derived_has(&'static self, base: &DataType, property: &str) -> bool {
        self.data_types()
            .any(|it| it.head.own.iter().any(|own| own.name == property) && self.is_a(it.name(), base.name()))
    }

    fn candidates(&self, name: &str) -> &[usize] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    fn find<T>(
        &'static self,
        namespace: &str,
        name: &str,
        pick: impl Fn(&'static Type) -> Option<T>,
    ) -> Option<T> {
        let candidates = self.candidates(name);
        let here = |id: &&usize| self.versions[self.types[**id].head().since].namespace == namespace;
        candidates.iter().filter(here).chain(candidates).find_map(|&id| pick(&self.types[id]))
    }

    fn ancestry_ids(&self, id: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(id), |&id| self.types[id].head().base)
    }

    fn ancestry(&self, id: usize) -> impl Iterator<Item = &Type> {
        self.ancestry_ids(id).map(|id| &self.types[id])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_is_read() {
        let schema = get();
        assert_eq!(schema.data_types().count(), 3977);
        assert_eq!(schema.managed_types().count(), 198);
        assert_eq!(schema.enumerations().count(), 647);
        assert_eq!(schema.managed_types().map(|it| it.own_methods().count()).sum::<usize>(), 1409);
    }

    #[test]
    fn properties_come_base_first() {
        let disk = get().data("VirtualDisk").unwrap();
        let names: Vec<_> = disk.properties().map(Property::name).collect();
        let at = |name| names.iter().position(|it| *it == name).unwrap();
        assert!(at("key") < at("backing"));
        assert!(at("backing") < at("capacityInKB"));
        assert_eq!(disk.base().unwrap().name(), "VirtualDevice");
        let capacity = disk.property("capacityInKB").unwrap();
        assert!(matches!(capacity.kind(), Kind::Primitive(Primitive::Long)));
        assert!(!capacity.is_optional() && !capacity.is_array());
        assert!(disk.property("nosuch").is_none());
    }

    #[test]
    fn methods_are_inherited() {
        let vm = get().managed("VirtualMachine").unwrap();
        let clone = vm.method("CloneVM_Task").unwrap();
        let names: Vec<_> = clone.params().iter().map(Property::name).collect();
        assert_eq!(names, ["folder", "name", "spec"]);
        assert_eq!(clone.task_result(), "VirtualMachine");
        assert!(clone.faults().contains(&"TaskInProgress"));
        let Kind::Managed(task) = clone.result().kind() else { panic!("a task") };
        assert_eq!(task.name(), "Task");
        assert!(vm.method("Destroy_Task").is_some(), "of ManagedEntity");
        assert!(vm.method("PowerOn").is_none());
    }

    #[test]
    fn a_fault_in_a_property_is_localized() {
        let error = get().data("TaskInfo").unwrap().property("error").unwrap();
        let Kind::Data(kind) = error.kind() else { panic!("a data object") };
        assert_eq!(kind.name(), "LocalizedMethodFault");
        let fault = kind.property("fault").unwrap();
        let Kind::Data(kind) = fault.kind() else { panic!("a data object") };
        assert_eq!(kind.name(), "MethodFault");
    }

    #[test]
    fn every_service_is_there() {
        let schema = get();
        for (kind, namespace) in [
            ("PbmProfileProfileManager", "pbm"),
            ("SmsStorageManager", "sms"),
            ("EsxAgentManager", "eam"),
            ("VslmVStorageObjectManager", "vslm"),
            ("VirtualMachine", "vim25"),
            ("PropertyCollector", "vim25"),
        ] {
            assert_eq!(schema.managed(kind).unwrap().service(), namespace, "{kind}");
        }
        let health = schema.managed("VsanVcClusterHealthSystem").unwrap();
        assert_eq!((health.service(), health.since().namespace()), ("vsan", "vim25"));
        assert!(schema.versions("vsan").count() > 20);
    }

    #[test]
    fn a_name_of_two_services_is_told_by_its_namespace() {
        let schema = get();
        assert!(schema.data_in("sms", "InvalidUrl").unwrap().property("malformedUrl").is_none());
        assert!(schema.data_in("eam", "InvalidUrl").unwrap().property("malformedUrl").is_some());
    }

    #[test]
    fn inheritance_is_asked_by_name() {
        let schema = get();
        assert!(schema.is_a("NotAuthenticated", "NoPermission"));
        assert!(schema.is_a("NotAuthenticated", "MethodFault"));
        assert!(schema.is_a("ClusterComputeResource", "ManagedEntity"));
        assert!(!schema.is_a("NoPermission", "NotAuthenticated"));
        assert!(schema.is_a("Unheard", "Unheard"));
        assert!(!schema.is_a("Unheard", "MethodFault"));
    }

    #[test]
    fn a_property_path_is_checked() {
        let schema = get();
        assert!(matches!(
            schema.path("VirtualMachine", "config.hardware.numCPU").unwrap(),
            (Kind::Primitive(Primitive::Int), false)
        ));
        assert!(schema.path("VirtualMachine", "config.hardware.device").unwrap().1);
        let error = schema.path("VirtualMachine", "config.hardware.numCpu").unwrap_err().to_string();
        assert!(error.contains("VirtualHardware has no 'numCpu'"), "{error}");
        assert!(schema.path("VirtualMachine", "").is_err());
        assert!(schema.path("Nothing", "name").is_err());
        assert!(schema.path("VirtualMachine", "name.x").is_err());
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(!has("6.9", "6.10") && has("6.10", "6.9") && has("6.5", "6.5") && has("4.1", ""));
        assert!(!has("8.0", "8.0.2.0") && has("8.0.3.0", "8.0.2.0") && has("", "999"));
        let schema = get();
        let since = schema.since("VirtualMachine", "guest.toolsVersionStatus2");
        assert!(!has("4.1", since) && has("5.0", since), "{since}");
        assert_eq!(
            schema.since("VirtualMachine", "config.hardware.device[4000].key"),
            schema.since("VirtualMachine", "config")
        );
        assert_eq!(
            schema.since("VirtualMachine", "config.nothing"),
            schema.since("VirtualMachine", "config")
        );
        assert_eq!(schema.since("Unheard", "name"), "");
    }

    #[test]
    fn an_array_is_named_after_a_type_that_has_arrays() {
        assert_eq!(get().array_item("VirtualE1000"), Some("VirtualDevice"));
        assert_eq!(get().array_item("OptionValue"), Some("OptionValue"));
        assert_eq!(get().array_item("Unheard"), None);
    }
}

//! The execution functions of a VMware minion: a file a Salt module, named as Salt names it.
//!
//! A function translates: arguments to objects, one verb of [`::vcenter`] or one look into the inventory, result to value.

mod beacons;
mod cmd;
mod config;
mod cp;
mod data;
mod defaults;
mod dictupdate;
mod digest;
mod environ;
mod esxcluster;
mod esxdatacenter;
mod esxi;
mod esxvm;
mod event;
mod grains;
mod hashutil;
mod jinja;
mod key;
mod log;
mod lookup;
mod match_;
mod mine;
mod minion;
mod pillar;
mod proxy_details;
mod publish;
mod random;
mod salt_version;
mod saltutil;
mod schedule;
mod sdb;
mod slsutil;
mod status;
mod sys;
mod temp;
mod test;
mod vcenter;
mod vmware_datacenter;
mod vmware_datastore;
mod vmware_folder;
mod vmware_tag;
mod vmware_vm;
mod vsphere;

use salt::{Error, Function, Map, Result, Value};

pub use vsphere::host_info;

/// The tables of all modules.
pub const MODULES: &[&[Function]] = &[
    beacons::TABLES[0],
    beacons::TABLES[1],
    beacons::TABLES[2],
    cmd::TABLES[0],
    cmd::TABLES[1],
    cmd::TABLES[2],
    config::FUNCTIONS,
    cp::TABLES[0],
    cp::TABLES[1],
    cp::TABLES[2],
    cp::TABLES[3],
    cp::TABLES[4],
    data::FUNCTIONS,
    defaults::FUNCTIONS,
    environ::FUNCTIONS,
    esxcluster::FUNCTIONS,
    esxdatacenter::FUNCTIONS,
    esxi::FUNCTIONS,
    esxvm::FUNCTIONS,
    event::FUNCTIONS,
    grains::TABLES[0],
    grains::TABLES[1],
    hashutil::FUNCTIONS,
    jinja::FUNCTIONS,
    key::FUNCTIONS,
    log::FUNCTIONS,
    match_::FUNCTIONS,
    mine::FUNCTIONS,
    minion::FUNCTIONS,
    pillar::FUNCTIONS,
    publish::FUNCTIONS,
    random::FUNCTIONS,
    salt_version::FUNCTIONS,
    saltutil::TABLES[0],
    saltutil::TABLES[1],
    saltutil::TABLES[2],
    saltutil::TABLES[3],
    schedule::TABLES[0],
    schedule::TABLES[1],
    schedule::TABLES[2],
    sdb::FUNCTIONS,
    slsutil::TABLES[0],
    slsutil::TABLES[1],
    slsutil::TABLES[2],
    status::FUNCTIONS,
    sys::FUNCTIONS,
    temp::FUNCTIONS,
    test::TABLES[0],
    test::TABLES[1],
    test::TABLES[2],
    test::TABLES[3],
    self::vcenter::FUNCTIONS,
    vmware_datacenter::FUNCTIONS,
    vmware_datastore::FUNCTIONS,
    vmware_folder::FUNCTIONS,
    vmware_tag::FUNCTIONS,
    vmware_vm::TABLES[0],
    vmware_vm::TABLES[1],
    vmware_vm::TABLES[2],
    vmware_vm::TABLES[3],
    vmware_vm::TABLES[4],
    vmware_vm::TABLES[5],
    vsphere::TABLES[0],
    vsphere::TABLES[1],
    vsphere::TABLES[2],
    vsphere::TABLES[3],
    vsphere::TABLES[4],
    vsphere::TABLES[5],
    vsphere::TABLES[6],
];

/// The versions of the minion and of the system below it: what `-V` prints.
pub fn versions_report() -> String {
    test::versions_report()
}

/// Keywords without those that Salt adds, such as `__pub_jid` (`salt/utils/args.py`, `clean_kwargs`).
fn clean_kwargs(mut kwargs: Map) -> Map {
    kwargs.retain(|key, _| !key.as_str().is_some_and(|k| k.starts_with("__")));
    kwargs
}

/// Refuses what is left of `**kwargs` (`salt/utils/args.py`, `invalid_kwargs`).
fn no_more_keywords(kwargs: &Map) -> Result<()> {
    if kwargs.is_empty() {
        return Ok(());
    }
    let words: Vec<String> = kwargs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Err(Error::Invocation(format!("The following keyword arguments are not valid: {}", words.join(", "))))
}

/// Values as Python's `repr` of a tuple.
fn tuple_repr(items: &[Value]) -> String {
    let words: Vec<String> = items.iter().map(Value::repr).collect();
    let comma = if words.len() == 1 { "," } else { "" };
    format!("({}{comma})", words.join(", "))
}

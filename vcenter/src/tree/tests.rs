use serde_json::json;

use super::*;
use crate::soap::{Header, Request};

fn method(kind: &str, name: &str) -> &'static Method {
    schema::get().managed(kind).unwrap().method(name).unwrap()
}

fn bound(kind: &str, name: &str, tree: Json) -> Result<Args> {
    let Json::Object(map) = tree else { panic!("a map") };
    args(method(kind, name), &map)
}

fn refused(kind: &str, name: &str, tree: Json) -> String {
    bound(kind, name, tree).unwrap_err().to_string()
}

#[test]
fn a_tree_becomes_a_call() {
    let tree = json!({"spec": {
        "numCPUs": 4, "memoryMB": 4096, "annotation": null,
        "deviceChange": [{"operation": "add", "device": {
            "_typeName": "VirtualE1000", "key": -1,
            "backing": {"_typeName": "VirtualEthernetCardNetworkBackingInfo", "deviceName": "net", "network": "Network:network-7"},
        }}],
        "extraConfig": [
            {"key": "a", "value": "text"}, {"key": "b", "value": 5},
            {"key": "c", "value": {"_typeName": "long", "_value": 5}}, {"key": "d", "value": 3_000_000_000_u32},
            {"key": "e", "value": {"_typeName": "VirtualMachinePowerState", "_value": "poweredOn"}},
            {"key": "f", "value": {"_typeName": "ManagedObjectReference", "type": "HostSystem", "value": "host-1"}},
        ],
    }});
    let args = bound("VirtualMachine", "ReconfigVM_Task", tree).unwrap();
    let request =
        Request::new(&MoRef::new("VirtualMachine", "vm-1"), "ReconfigVM_Task", &args, &Header::default())
            .unwrap();
    for part in [
        "<numCPUs>4</numCPUs><memoryMB>4096</memoryMB>",
        "<device xsi:type=\"VirtualE1000\"><key>-1</key><backing xsi:type=\"VirtualEthernetCardNetworkBackingInfo\">",
        "<network type=\"Network\">network-7</network>",
        "<key>b</key><value xsi:type=\"xsd:int\">5</value>",
        "<key>c</key><value xsi:type=\"xsd:long\">5</value>",
        "<key>d</key><value xsi:type=\"xsd:long\">3000000000</value>",
        "<value xsi:type=\"VirtualMachinePowerState\">poweredOn</value>",
        "<value xsi:type=\"ManagedObjectReference\" type=\"HostSystem\">host-1</value>",
    ] {
        assert!(request.body().contains(part), "{part}\n{}", request.body());
    }
    assert!(!request.body().contains("annotation"));
}

#[test]
fn a_reference_may_be_written_in_three_ways() {
    for tree in
        [json!("HostSystem:host-9"), json!("host-9"), json!({"type": "HostSystem", "value": "host-9"})]
    {
        let args = bound("VirtualMachine", "PowerOnVM_Task", json!({"host": tree})).unwrap();
        assert_eq!(args.get("host"), Some(&Value::MoRef(MoRef::new("HostSystem", "host-9"))));
    }
    let error = refused("VirtualMachine", "PowerOnVM_Task", json!({"host": "Folder:group-1"}));
    assert_eq!(error, "PowerOnVM_Task.host: takes HostSystem, not Folder:group-1");
    // Of these there are several types.
    let error = refused("Folder", "MoveIntoFolder_Task", json!({"list": ["vm-1"]}));
    assert_eq!(
        error,
        "MoveIntoFolder_Task.list[0]: takes a reference to a ManagedEntity, as ManagedEntity:id"
    );
    let error = refused("VirtualMachine", "PowerOnVM_Task", json!({"host": "Nothing:x-1"}));
    assert!(error.ends_with("there is no managed object type 'Nothing'"), "{error}");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let reconfigure = |spec: Json| refused("VirtualMachine", "ReconfigVM_Task", json!({"spec": spec}));
    for (spec, why) in [
        (json!({"numCpus": 4}), "spec: VirtualMachineConfigSpec has no property 'numCpus'; is it 'numCPUs'?"),
        (json!({"numCPUs": "4"}), "spec.numCPUs: takes int, not text"),
        (json!({"numCPUs": 4.5}), "spec.numCPUs: takes int, not 4.5"),
        (json!({"numCPUs": 3_000_000_000_u32}), "spec.numCPUs: takes int, not 3000000000"),
        (json!({"name": true}), "spec.name: takes string, not true"),
        (
            json!({"deviceChange": {}}),
            "spec.deviceChange: takes a list of VirtualDeviceConfigSpec, not a map",
        ),
        (
            json!({"deviceChange": [{"operation": "ad"}]}),
            "spec.deviceChange[0].operation: 'ad' is no VirtualDeviceConfigSpecOperation; it takes add, remove, edit",
        ),
        (
            json!({"deviceChange": [{"device": {"_typeName": "OptionValue"}}]}),
            "spec.deviceChange[0].device: takes VirtualDevice, not OptionValue",
        ),
        (
            json!({"deviceChange": [{"device": {"_typeName": "NoType"}}]}),
            "spec.deviceChange[0].device: there is no data object type 'NoType'",
        ),
        (
            json!({"extraConfig": [{"key": "a", "value": {"b": 1}}]}),
            "spec.extraConfig[0].value: needs a '_typeName', since anything may stand here",
        ),
        (
            json!({"extraConfig": [{"key": "a", "value": {"_typeName": "x", "_value": 1}}]}),
            "spec.extraConfig[0].value: 'x' is no type of a plain value",
        ),
        (
            json!({"extraConfig": [{"key": "a", "value": u64::MAX}]}),
            "spec.extraConfig[0].value: takes long, not 18446744073709551615",
        ),
        (json!([1]), "spec: takes VirtualMachineConfigSpec, not a list"),
    ] {
        assert_eq!(reconfigure(spec), format!("ReconfigVM_Task.{why}"));
    }
    assert_eq!(
        refused("VirtualMachine", "PowerOnVM_Task", json!({"hots": 1})),
        "PowerOnVM_Task: has no argument 'hots'; it takes host"
    );
    let error =
        refused("HostLocalAccountManager", "CreateUser", json!({"user": {"id": "a", "password": MASK}}));
    assert_eq!(error, "CreateUser.user.password: is a secret that was masked; give it, or leave it out");
    // A wrong value that may be a password is not told.
    let error = refused("SessionManager", "SessionIsActive", json!({"sessionID": ["hunter2"]}));
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_secret_is_masked_on_the_way_out() {
    let ticket = Object::new("VirtualMachineTicket").set("ticket", "hunter2").set("cfgFile", "a.vmx");
    let newer = Object::new("FromTheFuture").set("newPassword", "hunter2").set("name", "x");
    let list = Value::from(vec![ticket, newer]);
    assert_eq!(
        plain(&list),
        json!([
            {"_typeName": "VirtualMachineTicket", "ticket": MASK, "cfgFile": "a.vmx"},
            {"_typeName": "FromTheFuture", "newPassword": MASK, "name": "x"},
        ])
    );
    assert!(is_secret("VirtualMachine", "config.vAppConfig.property[0].value"));
    assert!(!is_secret("VirtualMachine", "config.extraConfig[\"a.b\"].value"));
    assert!(!is_secret("VirtualMachine", "name"));
}

#[test]
fn what_came_out_goes_in_again() {
    let spec = Object::new("VirtualMachineConfigSpec")
        .set("name", "vm")
        .set("numCPUs", 2)
        .set("memoryMB", 1_i64 << 40)
        .set("changeTrackingEnabled", true)
        .set("createDate", Value::DateTime(DateTime::new("2026-03-01T12:00:00Z")))
        .set("extraConfig", [Object::new("OptionValue").set("key", "a").set("value", 7)]);
    assert_eq!(object("VirtualMachineConfigSpec", &plain(&Value::from(&spec))).unwrap(), spec);
    assert_eq!(plain(&Value::Double(f64::INFINITY)), json!("inf"));
    assert_eq!(plain(&Value::Binary(vec![1, 2, 3])), json!("AQID"));
    assert!(object("NoType", &json!({})).is_err());
}

#[test]
fn keys_are_no_part_of_a_path_s_type() {
    assert_eq!(without_keys("config.hardware.device[4000].backing"), "config.hardware.device.backing");
    assert_eq!(without_keys("config.extraConfig[\"a.b]c\"].value"), "config.extraConfig.value");
    assert_eq!(without_keys("a[b"), "a");
}

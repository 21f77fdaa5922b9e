//! Tags: made, put on objects, read back in bulk, and what happens when the tagging service does not answer.

use lab::Result;
use serde_json::{Value, json};

use crate::stage::{self, Stage};

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The tags that `vmware_vm.info` tells of a machine.
fn tags_of(stage: &Stage, vm: &str) -> Result<Value> {
    Ok(stage.value("vmware_vm.info", json!([format!("vm_name={vm}")]))?[vm]["tags"].clone())
}

#[test]
fn tags_are_made_and_shown() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "tag")?;
    assert_eq!(stage.value("vmware_tag.list", json!([]))?, json!([]));
    let category =
        stage.value("vmware_tag.create_category", json!(["stage", ["VirtualMachine"], "MULTIPLE"]))?;
    let tag = stage.value("vmware_tag.create", json!(["prod", category, "description=In use"]))?;
    assert_eq!(
        stage.value("vmware_tag.get", json!([tag]))?,
        json!({"id": tag, "name": "prod", "description": "In use", "category_id": category, "used_by": []})
    );
    let shown = stage.value("vmware_tag.get_category", json!([category]))?;
    assert_eq!(
        (&shown["name"], &shown["cardinality"], &shown["associable_types"]),
        (&json!("stage"), &json!("MULTIPLE"), &json!(["VirtualMachine"]))
    );
    let missing = stage.call("vmware_tag.get", json!(["urn:nothing"]))?;
    assert!(text(missing.value()).contains("Tag 'urn:nothing' was not found"), "{:#}", missing.load);
    let wrong = stage.call("vmware_tag.create_category", json!(["x", [], "SOME"]))?;
    assert!(text(wrong.value()).contains("SINGLE or MULTIPLE, not 'SOME'"), "{:#}", wrong.load);

    // One tag is put on with Salt's own module, another one beside it.
    let moid = stage.value("vmware_vm.info", json!(["db-01"]))?["db-01"]["moid"].clone();
    let other = stage.value("vsphere.create_tag", json!(["backup", "", category]))?["Tag created"].clone();
    for tag in [&tag, &other] {
        let attached = stage.value("vsphere.attach_tag", json!([moid, tag, "VirtualMachine"]))?;
        assert_eq!(attached, json!({"Tag attached": null}));
    }
    assert_eq!(tags_of(&stage, "db-01")?, json!(["backup", "prod"]));
    assert_eq!(tags_of(&stage, "DC0_H0_VM0")?, json!([]));
    let attached = stage.value("vsphere.list_attached_tags", json!([moid, "VirtualMachine"]))?;
    assert_eq!(attached, json!({"Attached tags": [other, tag]}));

    // A new name is seen at once.
    assert_eq!(stage.value("vmware_tag.update", json!([tag, "tag_name=production"]))?, json!("updated"));
    assert_eq!(tags_of(&stage, "db-01")?, json!(["backup", "production"]));
    assert_eq!(stage.value("vmware_tag.delete", json!([other]))?, json!("deleted"));
    assert_eq!(tags_of(&stage, "db-01")?, json!(["production"]));
    let again = stage.value("vmware_tag.delete", json!([other]))?;
    assert_eq!((&again["tag"], &again["status_code"]), (&json!("failed to update"), &json!(404)), "{again}");

    let described = json!([category, "description=Where it runs"]);
    assert_eq!(stage.value("vmware_tag.update_category", described)?, json!("updated"));
    let second = stage.value("vsphere.create_tag_category", json!(["owner", "Whose it is", "SINGLE"]))?;
    let second = second["Category created"].clone();
    let listed = stage.value("vsphere.list_tag_categories", json!([]))?;
    assert_eq!(listed["Categories"].as_array().map(Vec::len), Some(2), "{listed}");
    assert_eq!(stage.value("vsphere.list_tags", json!([]))?, json!({"Tags": [tag]}));
    assert_eq!(
        stage.value("vsphere.delete_tag_category", json!([second]))?,
        json!({"Category deleted": null})
    );
    assert_eq!(stage.value("vsphere.delete_tag", json!([tag]))?, json!({"Tag deleted": null}));
    assert_eq!(stage.value("vmware_tag.delete_category", json!([category]))?, json!("deleted"));
    assert_eq!(stage.value("vmware_tag.list_category", json!([]))?, json!([]));
    let stats = stage.vcsim.stats()?;
    assert_eq!((stats.count("rest_logins"), stats.count("logins")), (1, 1), "{:#}", stats.0);
    stage.finish()
}

/// A machine is described without its tags when only those cannot be had.
#[test]
fn machines_are_described_without_a_tagging_service() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "notag")?;
    let rule = json!({"method": "POST /rest/com/vmware/cis/*", "kind": "http", "status": 500, "count": -1});
    stage.vcsim.fault(&rule)?;
    let info = stage.value("vmware_vm.info", json!(["db-01"]))?;
    assert_eq!((&info["db-01"]["power_state"], &info["db-01"]["tags"]), (&json!("poweredOn"), &Value::Null));
    assert!(stage.proxy.log().contains("tags of 1 objects cannot be told"), "{}", stage.proxy.log());
    stage.vcsim.no_faults()?;
    assert_eq!(tags_of(&stage, "db-01")?, json!([]));
    // The session ends on the server, and one login makes it good.
    stage.vcsim.drop_sessions()?;
    assert_eq!(tags_of(&stage, "db-01")?, json!([]));
    stage.finish()
}

/// What the same API tells beyond tags.
#[test]
fn content_libraries_are_read() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "lib")?;
    assert_eq!(stage.value("vsphere.list_content_libraries", json!([]))?, json!([]));
    let datastores = stage.value("vsphere.collect", json!(["Datastore", "name"]))?;
    let datastore = datastores.as_object().and_then(|all| all.keys().next()).cloned().unwrap_or_default();
    let backing = [json!({"datastore_id": datastore.trim_start_matches("Datastore:"), "type": "DATASTORE"})];
    let library = json!({"create_spec": {"name": "iso", "type": "LOCAL", "storage_backings": backing}});
    let id =
        stage.value("vsphere.rest", json!(["/rest/com/vmware/content/local-library", "POST", library]))?;
    let all = stage.value("vsphere.list_content_libraries", json!([]))?;
    assert_eq!((&all[0]["id"], &all[0]["name"]), (&id, &json!("iso")), "{all}");
    let item = json!({"create_spec": {"name": "debian", "type": "iso", "library_id": id}});
    stage.value("vsphere.rest", json!(["/rest/com/vmware/content/library/item", "POST", item]))?;
    let items = stage.value("vsphere.list_library_items", json!(["iso"]))?;
    assert_eq!((&items[0]["name"], &items[0]["library_id"]), (&json!("debian"), &id), "{items}");
    for (fun, arg, why) in [
        ("vsphere.list_library_items", json!(["nosuch"]), "Library 'nosuch' was not found"),
        ("vsphere.rest", json!(["/rest/com/vmware/cis/session", "DELETE"]), "is shared"),
        ("vsphere.appliance_info", json!([]), "does not support questions about its appliance"),
    ] {
        let returned = stage.call(fun, arg)?;
        assert!(text(returned.value()).contains(why), "{why}: {:#}", returned.load);
    }
    stage.finish()
}

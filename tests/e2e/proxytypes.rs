//! Each type of proxy, from its pillar to its functions.

use lab::{Result, Settings, Vcsim};
use serde_json::{Value, json};

use crate::stage::{self, Stage};

/// A proxy of this type in front of the lab's vCenter.
fn up<'a>(master: &'a lab::Master, proxytype: &str, further: Value) -> Result<Stage<'a>> {
    let mut pillar = json!({"proxytype": proxytype});
    if let (Value::Object(pillar), Value::Object(further)) = (&mut pillar, further) {
        pillar.extend(further);
    }
    Stage::up_with(master, Settings::new(&stage::id(proxytype)), json!({"proxy": pillar}))
}

/// What a job that must fail says.
fn error(stage: &Stage, fun: &str, arg: Value) -> Result<String> {
    let returned = stage.call(fun, arg)?;
    assert!(!returned.success() && returned.retcode() != 0, "{fun}: {:#}", returned.load);
    Ok(returned.text().to_owned())
}

fn mask(number: usize) -> Value {
    json!(vec!["**********"; number])
}

fn names(datastores: &Value) -> Vec<&str> {
    datastores.as_array().into_iter().flatten().filter_map(|it| it["name"].as_str()).collect()
}

#[test]
fn a_datacenter_and_a_cluster() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = up(master, "esxdatacenter", json!({"datacenter": "DC0", "credstore": "/nowhere"}))?;
    assert_eq!(stage.value("vsphere.get_proxy_type", json!([]))?, json!("esxdatacenter"));
    assert_eq!(stage.value("vsphere.test_vcenter_connection", json!([]))?, json!(true));
    assert_eq!(
        stage.value("esxdatacenter.get_details", json!([]))?,
        json!({
            "vcenter": "127.0.0.1", "datacenter": "DC0", "mechanism": "userpass", "username": lab::vcsim::USER,
            "passwords": mask(1), "password": "**********", "protocol": null, "port": stage.vcsim.port(),
        })
    );
    let text = error(&stage, "vcenter.get_details", json!([]))?;
    assert!(text.contains("'esxdatacenter' proxy is not supported by function get_details"), "{text}");
    let text = error(&stage, "vsphere.list_tags", json!([]))?;
    assert!(text.contains("'esxdatacenter' proxy is not supported by function list_tags"), "{text}");
    let all = stage.value("vsphere.list_datastores_via_proxy", json!([]))?;
    assert!(names(&all).contains(&"san-01"), "{all}");
    let one = stage.value("vsphere.list_datastores_via_proxy", json!(["datastore_names=[san-01]"]))?;
    assert_eq!(names(&one), ["san-01"]);
    let text = error(&stage, "vsphere.list_datastores_via_proxy", json!(["backing_disk_ids=[naa.1]"]))?;
    assert!(text.contains("'Datacenter' when backing disk filter is set"), "{text}");
    let instance = stage.value("vsphere.get_service_instance_via_proxy", json!([]))?;
    assert_eq!(stage.value("vsphere.disconnect", json!([instance]))?, json!(true));
    assert_eq!(
        stage.value("vsphere.list_hosts_via_proxy", json!([instance]))?,
        json!([]),
        "no such host name"
    );
    assert_eq!(stage.vcsim.stats()?.count("logins"), 1, "no session has ended");
    assert!(stage.proxy.log().contains("'credstore' is not used"), "{}", stage::tail(&stage.proxy.log()));
    stage.finish()?;

    let stage = up(master, "esxcluster", json!({"datacenter": "DC0", "cluster": "DC0_C0"}))?;
    let details = stage.value("esxcluster.get_details", json!([]))?;
    assert_eq!((&details["datacenter"], &details["cluster"]), (&json!("DC0"), &json!("DC0_C0")));
    let seen = stage.value("vsphere.list_datastores_via_proxy", json!([]))?;
    assert!(!names(&seen).is_empty(), "{seen}");
    stage.finish()
}

#[test]
fn a_place_that_is_missing_or_not_there() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = up(master, "esxcluster", json!({"datacenter": "DC0", "cluster": "nosuch"}))?;
    let text = error(&stage, "vsphere.list_datastores_via_proxy", json!([]))?;
    assert!(text.contains("'nosuch' was not found"), "{text}");
    stage.finish()?;
    let stage = up(master, "esxcluster", json!({"datacenter": "DC0"}))?;
    let text = error(&stage, "vsphere.list_vms", json!([]))?;
    assert!(text.contains("'cluster' is a required property"), "{text}");
    assert_eq!(stage.vcsim.stats()?.count("logins"), 0);
    stage.finish()
}

#[test]
fn a_virtual_machine_proxy() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = up(master, "esxvm", json!({"datacenter": "DC0"}))?;
    assert_eq!(stage.value("esxvm.get_details", json!([]))?["datacenter"], json!("DC0"));
    assert_eq!(stage.value("vsphere.list_datacenters_via_proxy", json!([]))?, json!([{"name": "DC0"}]));
    let text = error(&stage, "vsphere.list_hosts_via_proxy", json!([]))?;
    assert!(text.contains("'esxvm' proxy is not supported by function list_hosts_via_proxy"), "{text}");
    stage.finish()
}

/// A host through its vCenter; names that begin alike are no danger.
#[test]
fn a_host_through_its_vcenter() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = up(master, "esxi", json!({"esxi_host": "DC0_H0"}))?;
    assert_eq!(
        stage.value("esxi.get_details", json!([]))?,
        json!({
            "proxytype": "esxi", "esxi_host": "DC0_H0", "vcenter": "127.0.0.1", "mechanism": "userpass",
            "username": lab::vcsim::USER, "passwords": mask(1), "password": "**********", "protocol": "https",
            "port": stage.vcsim.port(), "credstore": null,
        })
    );
    let seen = stage.value("vsphere.list_datastores_via_proxy", json!([]))?;
    assert!(!names(&seen).is_empty(), "{seen}");
    let grains = stage.value("grains.item", json!(["esxi", "os", "kernel", "os_family"]))?;
    assert_eq!((&grains["kernel"], &grains["os_family"]), (&json!("proxy"), &json!("proxy")));
    assert_eq!(grains["os"], grains["esxi"]["fullName"], "{grains:#}");
    assert!(grains["os"].as_str().is_some_and(|os| os.contains("ESX")), "{grains:#}");
    assert_eq!(stage.value("esxi.cmd", json!(["get_proxy_type"]))?, json!("esxi"));
    let gone = stage.value("esxi.cmd", json!(["nosuch"]));
    assert!(gone.is_err() || gone.is_ok_and(|it| it["message"] == json!("vsphere.nosuch is not available.")));
    stage.finish()?;

    let stage = up(master, "esxi", json!({"esxi_host": "DC0_H"}))?;
    let text = error(&stage, "vsphere.list_datastores_via_proxy", json!([]))?;
    assert!(text.contains("HostSystem 'DC0_H' was not found"), "{text}");
    stage.finish()
}

/// A host by itself. The simulator is one then, with one session.
#[test]
fn a_host_by_itself() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let vcsim = Vcsim::start_with(master.tools(), &["-model", "esx", "-vm", "3"])?;
    let pillar =
        json!({"proxy": {"proxytype": "esxi", "host": "127.0.0.1", "mechanism": null, "vcenter": null}});
    let stage = Stage::up_on(master, vcsim, Settings::new(&stage::id("esx")), pillar)?;
    assert_eq!(
        stage.value("esxi.get_details", json!([]))?,
        json!({
            "proxytype": "esxi", "host": "127.0.0.1", "username": lab::vcsim::USER, "password": "**********",
            "protocol": null, "port": stage.vcsim.port(),
        })
    );
    assert_eq!(
        stage.value("vsphere.test_vcenter_connection", json!([]))?,
        json!(false),
        "a host is no vCenter"
    );
    let vms = stage.value("vsphere.list_vms", json!([]))?;
    assert_eq!(vms.as_array().map(Vec::len), Some(3), "{vms}");
    let info = stage.value("esxi.cmd", json!(["system_info"]))?;
    assert_eq!(info["apiType"], json!("HostAgent"), "{info:#}");
    let grains = stage.value("grains.item", json!(["esxi", "os"]))?;
    assert_eq!(grains["esxi"]["apiType"], json!("HostAgent"), "{grains:#}");
    assert_eq!(grains["os"], info["fullName"]);
    let text = error(&stage, "vsphere.list_datastores_via_proxy", json!([]))?;
    assert!(text.contains("'_get_proxy_target' not supported when connected via the ESXi host"), "{text}");
    let stats = stage.vcsim.stats()?;
    assert_eq!((stats.count("logins"), stats.count("sessions")), (1, 1), "{:#}", stats.0);
    stage.finish()
}

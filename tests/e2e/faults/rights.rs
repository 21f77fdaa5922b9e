//! Privileges that are taken away while everything runs.

use lab::Result;
use serde_json::json;
use vcenter::inventory::VirtualMachine;

use super::scene::{Scene, said, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_read_any_more_is_not_shown_as_it_was() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    let machine = scene.machine("db-01");
    let address = || {
        let inventory = scene.client.read();
        inventory.entity::<VirtualMachine>(&machine).and_then(|it| it.ip_address)
    };
    let known = address();
    assert!(known.is_some());
    // `ip_address` comes from the guest.
    scene.vcsim.deny(&json!({"type": "VirtualMachine", "name": "db-01", "path": "*guest*"}))?;
    assert!(soon(|| address().is_none()).await, "{:?}", address());
    assert_eq!(scene.machines().len(), 10);
    let reference = machine.moref();
    let read = vcenter::collector::read_one(scene.client.session(), &reference, &["name", "guest.hostName"]);
    let read = read.await.map_err(said)?;
    let missing: Vec<_> = read.missing.iter().map(|(path, fault)| (&**path, fault.kind())).collect();
    assert_eq!((read.str("name"), &missing[..]), (Some("db-01"), &[("guest.hostName", "NoPermission")][..]));

    // A machine that may not even be seen is as good as gone, and comes back.
    scene.vcsim.deny(&json!({"name": "web-00*"}))?;
    assert!(soon(|| scene.machines().iter().all(|name| !name.starts_with("web-"))).await);
    let hidden = scene.client.read().find_of(vcenter::inventory::Kind::VirtualMachine, "web-001", None).err();
    assert!(hidden.is_some_and(|error| error.to_string().contains("'web-001' was not found")));
    scene.vcsim.allow_all()?;
    assert!(soon(|| scene.machines().len() == 10 && address() == known).await);
    assert_eq!(scene.stats().count("logins"), 1, "no permission is not nobody logged in");
    scene.is_well("privileges taken away").await;
    scene.finish().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_done_any_more_is_told() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    let machine = scene.machine("db-01").moref();
    let rule = json!({"method": "PowerOffVM_Task", "kind": "soap", "fault": "NoPermission",
        "message": "Permission to perform this operation was denied.",
        "detail": format!("<object type=\"VirtualMachine\">{}</object><privilegeId>VirtualMachine.Interact.PowerOff</privilegeId>",
            machine.id())});
    scene.fault(rule);
    let error = scene.run(&machine, "PowerOffVM_Task").await.unwrap_err();
    assert!(error.is("NoPermission"), "{error}");
    assert!(
        error.to_string().contains("VirtualMachine.Interact.PowerOff"),
        "it names the privilege: {error}"
    );
    // Half-way through a task.
    scene.fault(json!({"method": "PowerOffVM_Task", "kind": "slow_task", "ms": 400, "fault": "NoPermission",
        "message": "Permission to perform this operation was denied."}));
    let error = scene.run(&machine, "PowerOffVM_Task").await.unwrap_err();
    assert!(
        error.is("NoPermission") && error.to_string().contains("PowerOffVM_Task of 'db-01' failed"),
        "{error}"
    );
    scene.run(&machine, "PowerOffVM_Task").await.map_err(said)?;
    assert_eq!(scene.stats().count("logins"), 1);
    scene.is_well("a refused write").await;
    scene.finish().await;
    Ok(())
}

/// A user who may not log in any more is told so; given the right again, he is in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_log_in_any_more_is_told() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    scene.fault(json!({"method": "Login", "kind": "soap", "fault": "NoPermission", "count": -1,
        "message": "Permission to perform this operation was denied.",
        "detail": "<object type=\"Folder\">group-d1</object><privilegeId>System.View</privilegeId>"}));
    scene.vcsim.drop_sessions()?;
    let error = scene.read().await.unwrap_err();
    assert!(matches!(error, vcenter::Error::Login { .. }), "{error}");
    assert!(error.to_string().contains("Permission to perform this operation was denied"), "{error}");
    scene.vcsim.no_faults()?;
    scene.is_well("a login refused for a while").await;
    scene.finish().await;
    Ok(())
}

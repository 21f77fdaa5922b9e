//! The vCenter's side of the inventory is gone, or says no.

use lab::Result;
use serde_json::json;

use super::scene::{Scene, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_is_gone_is_set_up_anew() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    let detail = "<obj type=\"PropertyCollector\">session[1]2</obj>";
    for (fault, detail, anew) in [
        ("InvalidCollectorVersion", "", true),
        ("ManagedObjectNotFound", detail, true),
        ("RequestCanceled", "", false),
        ("HostCommunication", "", false),
        ("SystemError", "<reason>out of memory</reason>", true),
        ("FromTheFuture", "<since>9.1</since>", true),
    ] {
        let before = scene.stats().method("CreateFilter");
        scene.fault(json!({"method": "WaitForUpdatesEx", "kind": "soap", "fault": fault, "detail": detail,
            "message": "It cannot be waited for."}));
        // Ends the wait under way, so that the next one meets the fault.
        scene.is_well(fault).await;
        assert!(soon(|| scene.stats().injected("soap", "WaitForUpdatesEx") > 0).await, "{fault}");
        scene.is_well(fault).await;
        let after = scene.stats();
        assert_eq!(after.method("CreateFilter") > before, anew, "{fault}: {:#}", after.0);
        assert_eq!(scene.machines().len(), 10, "{fault}");
        scene.vcsim.reset()?;
    }
    assert_eq!(scene.stats().count("logins"), 0, "none of these is about the login");
    scene.finish().await;
    Ok(())
}

/// The session ends while everybody waits in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_session_is_made_anew_once() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    for round in 1..=5 {
        scene.vcsim.drop_sessions()?;
        let reads: Vec<_> = (0..8).map(|_| scene.read()).collect();
        for read in reads {
            read.await.map_err(super::scene::said)?;
        }
        scene.is_well("an ended session").await;
        let stats = scene.stats();
        assert_eq!(stats.count("logins"), 1 + round, "{:#}", stats.0);
    }
    // It ends in the middle of a call: that one is refused, and made again.
    scene.fault(json!({"method": "RetrievePropertiesEx", "kind": "drop_session"}));
    scene.read().await.map_err(super::scene::said)?;
    scene.is_well("a session that ended under a call").await;
    assert_eq!(scene.stats().count("logins"), 7);
    scene.finish().await;
    Ok(())
}

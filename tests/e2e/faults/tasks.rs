//! Tasks whose object, session or vCenter goes while they run.

use std::time::Duration;

use lab::Result;
use serde_json::json;
use vcenter::Error;

use super::scene::{Scene, said, soon};

/// A machine that is off, and a power-on that takes a while.
fn slow_power_on(scene: &Scene, ms: u32) -> vcenter::MoRef {
    scene.fault(json!({"method": "PowerOnVM_Task", "kind": "slow_task", "ms": ms}));
    scene.machine("DC0_H0_VM0").moref()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_may_be_deleted_under_its_task() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    let machine = slow_power_on(&scene, 8000);
    let running = scene.run(&machine, "PowerOnVM_Task");
    let deleting = async {
        assert!(soon(|| scene.stats().method("PowerOnVM_Task") == 1).await);
        scene.run(&machine, "Destroy_Task").await
    };
    let (run, deleted) = tokio::join!(running, deleting);
    deleted.map_err(said)?;
    let error = run.unwrap_err();
    assert!(error.is("ManagedObjectNotFound"), "{error}");
    assert!(error.to_string().starts_with("PowerOnVM_Task of 'DC0_H0_VM0' failed: "), "{error}");
    assert!(soon(|| scene.machines().len() == 9).await);
    let error = scene.run(&machine, "PowerOnVM_Task").await.unwrap_err();
    assert!(error.is("ManagedObjectNotFound"), "{error}");
    scene.is_well("an object deleted under its task").await;
    scene.finish().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_may_be_forgotten() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    let machine = slow_power_on(&scene, 120_000);
    let running = scene.run(&machine, "PowerOnVM_Task");
    let forgetting = async {
        assert!(soon(|| scene.stats().method("PowerOnVM_Task") == 1).await);
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.vcsim.forget_tasks()
    };
    let (run, forgotten) = tokio::join!(running, forgetting);
    forgotten?;
    let error = run.unwrap_err();
    // It is not waited for to the end of time, but looked for, and then for what it would have left behind.
    assert!(matches!(error, Error::Lost { done: Some(false), .. }), "{error}");
    assert_eq!(scene.stats().method("PowerOnVM_Task"), 1);
    scene.is_well("a forgotten task").await;
    scene.finish().await;
    Ok(())
}

/// Sessions end and connections break while a task runs: its outcome is told all the same, and it was started once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_outlives_its_session_and_connections() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    let machine = slow_power_on(&scene, 8000);
    let running = scene.run(&machine, "PowerOnVM_Task");
    let breaking = async {
        assert!(soon(|| scene.stats().method("PowerOnVM_Task") == 1).await);
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.vcsim.drop_sessions()?;
        tokio::time::sleep(Duration::from_millis(700)).await;
        scene.vcsim.reset_connections()?;
        scene.vcsim.control("POST", "/outage?ms=700", None)
    };
    let (run, broken) = tokio::join!(running, breaking);
    broken?;
    run.map_err(said)?;
    assert!(soon(|| scene.stats().count("logins") == 2).await, "{:#}", scene.stats().0);
    assert_eq!(scene.stats().method("PowerOnVM_Task"), 1);
    scene.is_well("a task among ruins").await;
    scene.finish().await;
    Ok(())
}

/// The vCenter restarts under a task, and knows nothing of it afterwards: that is an answer, and not a wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_may_be_lost_in_a_restart() -> Result<()> {
    let Some(mut scene) = Scene::up().await? else { return Ok(()) };
    let machine = slow_power_on(&scene, 120_000);
    let client = scene.client.clone();
    let running =
        tokio::spawn(
            async move { client.run(&machine, "PowerOnVM_Task", (), Duration::from_secs(100)).await },
        );
    assert!(soon(|| scene.stats().method("PowerOnVM_Task") == 1).await);
    tokio::time::sleep(Duration::from_millis(300)).await;
    scene.vcsim.restart()?;
    let error = running.await.map_err(|error| lab::Error::new(error.to_string()))?.unwrap_err();
    assert!(matches!(error, Error::Lost { done: Some(false), .. }), "{error}");
    assert_eq!(scene.stats().method("PowerOnVM_Task"), 0, "it is not started again");
    scene.is_well("a restart under a task").await;
    scene.finish().await;
    Ok(())
}

//! A vCenter that is away, or that one side alone believes to hear.

use std::time::{Duration, Instant};

use lab::{Result, Way};
use vcenter::inventory::{PowerState, VirtualMachine};
use vcenter::session::CallOptions;
use vcenter::vim::MoRef;

use super::scene::{LONG, Scene, is_clear, said, soon};

/// The clock, asked with little patience.
async fn hasty(scene: &Scene) -> vcenter::Result<vcenter::Value> {
    let options = CallOptions::timeout(Duration::from_secs(2));
    let clock = MoRef::new("ServiceInstance", "ServiceInstance");
    scene.client.session().call_with(&options, &clock, "CurrentTime", ()).await
}

/// One direction of all connections is dead, and nobody is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_are_noticed() -> Result<()> {
    for way in [Way::There, Way::Back] {
        let Some((scene, wire)) = Scene::wired().await? else { return Ok(()) };
        wire.hold(way);
        let error = hasty(&scene).await.unwrap_err();
        assert!(error.to_string().contains("CurrentTime was not answered within 2 s"), "{way:?}: {error}");
        let live = || scene.client.inventory().status().live;
        assert!(soon(|| !live()).await, "{way:?}: the wait for updates outlives its limit, and is given up");
        assert_eq!(scene.machines().len(), 10, "{way:?}: what is known stays known");
        wire.mend();
        scene.is_well("a half-open connection").await;
        let stats = scene.stats();
        assert_eq!(stats.count("logins"), 1, "{way:?}: the login was alive all the time: {:#}", stats.0);
        scene.finish().await;
    }
    Ok(())
}

/// A write whose answer vanishes is done once, is told as not answered, and the inventory shows what it did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_into_silence_is_not_repeated() -> Result<()> {
    let Some((scene, wire)) = Scene::wired().await? else { return Ok(()) };
    let machine = scene.machine("db-01");
    let options = CallOptions::timeout(Duration::from_secs(2));
    let reference = machine.moref();
    let mut tries = 0;
    // It needs a connection that is there already; a new one is not made without answers.
    while scene.stats().method("PowerOffVM_Task") == 0 {
        tries += 1;
        assert!(tries < 10, "it never arrives");
        scene.read().await.map_err(said)?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        wire.hold(Way::Back);
        let call = scene.client.session().call_with(&options, &reference, "PowerOffVM_Task", ());
        let error = call.await.unwrap_err();
        assert!(error.to_string().contains("PowerOffVM_Task was not answered within 2 s"), "{error}");
        wire.mend();
    }
    let off = || {
        let inventory = scene.client.read();
        inventory.entity::<VirtualMachine>(&machine).and_then(|it| it.power_state)
            == Some(PowerState::PoweredOff)
    };
    assert!(soon(off).await);
    assert_eq!(scene.stats().method("PowerOffVM_Task"), 1);
    scene.is_well("a write into silence").await;
    scene.finish().await;
    Ok(())
}

/// Connections that are reset at random moments: no read fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_survive_resets() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    for _ in 0..20 {
        let reading = async {
            for _ in 0..5 {
                scene.read().await.map_err(said)?;
            }
            Ok::<(), lab::Error>(())
        };
        let resetting = async {
            tokio::time::sleep(Duration::from_millis(15)).await;
            scene.vcsim.reset_connections()
        };
        let (read, reset) = tokio::join!(reading, resetting);
        read?;
        reset?;
    }
    assert_eq!(scene.stats().count("logins"), 1);
    scene.is_well("resets").await;
    scene.finish().await;
    Ok(())
}

/// A vCenter that restarts: its sessions are gone, and so are its objects' numbers. No read fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_survive_a_restart() -> Result<()> {
    let Some(mut scene) = Scene::up().await? else { return Ok(()) };
    for round in 1..=3 {
        scene.vcsim.kill();
        let client = scene.client.clone();
        let reads: Vec<_> = (0..4)
            .map(|_| {
                let session = client.session().clone();
                tokio::spawn(async move {
                    let root = session.service("rootFolder").await?;
                    vcenter::collector::read_property(&session, &root, "name").await
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(soon(|| !scene.client.inventory().status().live).await);
        assert_eq!(scene.machines().len(), 10, "what is known stays known");
        scene.vcsim.restart()?;
        for read in reads {
            let name = read.await.map_err(|error| lab::Error::new(error.to_string()))?.map_err(said)?;
            assert_eq!(name.as_str(), Some("Datacenters"));
        }
        scene.is_well("a restart").await;
        let stats = scene.stats();
        assert_eq!((stats.count("logins"), stats.count("sessions")), (1, 1), "round {round}: {:#}", stats.0);
    }
    scene.finish().await;
    Ok(())
}

/// One that is away for longer than a read may take: the error says so in time, and later all is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_absence_is_told_in_time() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    scene.vcsim.outage()?;
    let began = Instant::now();
    let error = hasty(&scene).await.unwrap_err();
    assert!(is_clear(&error), "{error}");
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    scene.vcsim.recover()?;
    scene.is_well("an outage").await;
    assert_eq!(scene.stats().count("logins"), 1, "an outage ends no session");
    scene.finish().await;
    Ok(())
}

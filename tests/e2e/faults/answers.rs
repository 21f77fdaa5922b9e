//! Answers that are late, short, or none of a vCenter, at every place where one is waited for.

use lab::Result;
use serde_json::{Value, json};

use super::scene::{LONG, Scene, is_clear, soon};

/// What becomes of an answer, as a rule of the simulator without its method.
fn spoilt() -> Vec<(&'static str, Value)> {
    let xml = |body: &str| json!({"kind": "garbage", "body": body, "header": {"Content-Type": "text/xml"}});
    let envelope = "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><Body>";
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    vec![
        ("an answer cut off", json!({"kind": "truncate", "bytes": 300})),
        ("a slow answer", json!({"kind": "slow", "bytes": 300})),
        ("a late answer", json!({"kind": "delay", "ms": 700})),
        ("no answer, and the connection closed", json!({"kind": "close"})),
        ("no answer, and the connection reset", json!({"kind": "reset"})),
        ("an answer lost after the deed", json!({"kind": "reset_after"})),
        ("a web page", json!({"kind": "garbage"})),
        (
            "JSON",
            json!({"kind": "garbage", "body": "{\"error\": 1}", "header": {"Content-Type": "application/json"}}),
        ),
        ("nothing at all", json!({"kind": "http", "status": 200})),
        ("no XML", xml("\u{1}\u{0}Envelope & < ]]>")),
        ("XML that ends too soon", xml(&format!("{envelope}<returnval"))),
        (
            "XML of another kind",
            xml(&format!("{envelope}<HelloResponse>1</HelloResponse></Body></Envelope>")),
        ),
        ("XML without end", xml(&format!("{envelope}{}", "<a>".repeat(100_000)))),
        ("XML with entities", xml(&format!("{bomb}{envelope}&b;</Body></Envelope>"))),
        ("a gateway's page", json!({"kind": "http", "status": 502, "body": "<html>Bad Gateway</html>"})),
        ("a service that starts", json!({"kind": "http", "status": 503, "header": {"Retry-After": "1"}})),
        ("a gateway's timeout", json!({"kind": "http", "status": 504, "body": "<html>Timeout</html>"})),
        (
            "a way elsewhere",
            json!({"kind": "http", "status": 302, "header": {"Location": "https://127.0.0.1:1/"}}),
        ),
        ("a proxy that wants a password", json!({"kind": "http", "status": 407})),
    ]
}

fn at(method: &str, count: u32, rule: &Value) -> Value {
    let mut rule = rule.clone();
    rule["method"] = json!(method);
    rule["count"] = json!(count);
    rule
}

/// The answer to a question.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_survives_its_answer() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    for (what, rule) in spoilt() {
        scene.fault(at("RetrievePropertiesEx", 1, &rule));
        match scene.read().await {
            Ok(name) => assert_eq!(name.as_str(), Some("Datacenters"), "{what}"),
            // What has come whole and makes no sense is not asked for again.
            Err(error) => assert!(is_clear(&error) && what.contains("XML"), "{what}: {error}"),
        }
    }
    let stats = scene.stats();
    assert_eq!(
        (stats.count("logins"), stats.count("sessions")),
        (1, 1),
        "no reason to log in anew: {:#}",
        stats.0
    );
    scene.is_well("spoilt answers to reads").await;
    scene.finish().await;
    Ok(())
}

/// The answer that the inventory waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inventory_survives_its_answers() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    for (what, rule) in spoilt() {
        scene.fault(at("WaitForUpdatesEx", 2, &rule));
        // It is hit once now, by a wait that a change ends, and once while it recovers.
        scene.is_well(what).await;
        scene.vcsim.no_faults()?;
        assert_eq!(scene.machines().len(), 10, "{what}");
    }
    assert_eq!(scene.stats().count("logins"), 1, "{:#}", scene.stats().0);
    scene.finish().await;
    Ok(())
}

/// The answers on the way to a login and to a new watch of the inventory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_survives_its_answers() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    for method in ["RetrieveServiceContent", "Login", "CreateFilter"] {
        for (what, rule) in spoilt() {
            scene.fault(at(method, 1, &rule));
            let epoch = scene.client.session().epoch();
            scene.vcsim.drop_sessions()?;
            let read = scene.read().await;
            assert!(read.is_ok() || read.as_ref().is_err_and(is_clear), "{method}, {what}: {read:?}");
            assert!(soon(|| scene.client.session().epoch() > epoch).await, "{method}, {what}");
            let live = || scene.client.inventory().status().live && scene.machines().len() == 10;
            assert!(soon(live).await, "{method}, {what}");
            // Where the answer to a log-in was lost, the vCenter has a session that nobody knows of: it is ended.
            assert!(soon(|| scene.stats().count("sessions") == 1).await, "{method}, {what}");
            scene.vcsim.no_faults()?;
        }
    }
    let stats = scene.stats();
    assert!(
        stats.injected("reset_after", "Login") > 0 && stats.method("TerminateSession") > 0,
        "{:#}",
        stats.0
    );
    scene.is_well("spoilt answers to log-ins").await;
    scene.finish().await;
    Ok(())
}

/// The answer to what changes something: it is done once or not at all, and the error says that it is not known which.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_survives_its_answer_and_is_not_repeated() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    let machine = scene.machine("db-01");
    let reference = machine.moref();
    for (what, rule) in spoilt() {
        let on = || {
            let inventory = scene.client.read();
            let machine = inventory.entity::<vcenter::inventory::VirtualMachine>(&machine);
            machine.and_then(|it| it.power_state) == Some(vcenter::inventory::PowerState::PoweredOn)
        };
        let method = if on() { "PowerOffVM_Task" } else { "PowerOnVM_Task" };
        let before = scene.stats();
        scene.fault(at(method, 1, &rule));
        let done = scene.run(&machine.moref(), method).await;
        let after = scene.stats();
        let busy = u64::from(what == "a service that starts");
        assert_eq!(after.method(method) - before.method(method), 1 + busy, "{what}: {done:?}");
        if let Err(error) = &done {
            assert!(is_clear(error), "{what}: {error}");
        }
        // What the inventory shows is what has happened.
        let info =
            vcenter::collector::read_property(scene.client.session(), &reference, "runtime.powerState");
        let truth = info.await.map_err(super::scene::said)?.as_str() == Some("poweredOn");
        assert!(soon(|| on() == truth).await, "{what}");
        assert!(done.is_err() || truth != (method == "PowerOffVM_Task"), "{what}: a success that is none");
    }
    assert_eq!(scene.stats().count("logins"), 1);
    scene.is_well("spoilt answers to writes").await;
    scene.finish().await;
    Ok(())
}

/// The Automation API alone is not there yet: what needs it says so, and nothing else is the worse for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_automation_api_may_be_down_alone() -> Result<()> {
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    let categories = async || scene.client.rest().get("/rest/com/vmware/cis/tagging/category").await;
    categories().await.map_err(super::scene::said)?;
    scene.fault(json!({"method": "* /rest/*", "kind": "http", "status": 503, "count": -1}));
    let began = std::time::Instant::now();
    let error = categories().await.unwrap_err();
    assert!(error.to_string().contains("/rest/com/vmware/cis/tagging/category failed"), "{error}");
    assert!(began.elapsed() < LONG, "it is waited for a while, not for ever");
    scene.is_well("503 of the Automation API alone").await;
    scene.vcsim.no_faults()?;
    categories().await.map_err(super::scene::said)?;
    // Its session ends alone, and is made anew alone.
    scene.vcsim.control("POST", "/sessions/drop?soap=0", None)?;
    categories().await.map_err(super::scene::said)?;
    let stats = scene.stats();
    assert_eq!((stats.count("logins"), stats.count("rest_logins"), stats.count("rest_sessions")), (1, 2, 1));
    scene.finish().await;
    Ok(())
}

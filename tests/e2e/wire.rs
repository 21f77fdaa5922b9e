//! A wire that lies: what comes over the publish port is not what the master said.

use lab::{Result, Settings, Wire, eventually};
use serde_json::json;

use crate::stage::{self, LONG, Stage, clean, tail};

/// The first bytes of a frame of ZMTP with a size of eight bytes.
fn long_frame(size: u64) -> Vec<u8> {
    let mut frame = vec![0x02];
    frame.extend(size.to_be_bytes());
    frame
}

/// A frame of ZMTP of less than 256 bytes.
fn short_frame(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x00, u8::try_from(body.len()).unwrap_or(u8::MAX)];
    frame.extend(&body[..body.len().min(255)]);
    frame
}

#[test]
fn lies_on_the_publish_port() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let wire = Wire::to(master.publish_port())?;
    let settings = Settings::new(&stage::id("lie")).with(json!({"publish_port": wire.port()}));
    let mut stage = Stage::up_with(master, settings, json!({}))?;
    stage.value("test.ping", json!([]))?;

    let lies: [(&str, Vec<u8>, bool); 6] = [
        // Whole frames: an envelope that is none, one that is msgpack of the wrong shape, one with a load nobody encrypted.
        ("no msgpack", short_frame(b"\xc1\xc1\xc1garbage"), true),
        // Salt takes the next two for messages of another kind, and says nothing.
        ("a list", short_frame(b"\x93\x01\x02\x03"), false),
        ("a clear load", short_frame(b"\x82\xa3enc\xa5clear\xa4load\x81\xa3fun\xa9test.ping"), false),
        ("a load of noise", short_frame(b"\x82\xa3enc\xa3aes\xa4load\xc4\x10ABCDEFGHIJKLMNOP"), true),
        // No frames: the connection is of no use after them, and must be made anew.
        ("a gigabyte to come", long_frame(1 << 30), true),
        ("noise", vec![0xee; 4096], true),
    ];
    for (what, bytes, loud) in lies {
        let before = stage.proxy.log().len();
        // A connection that is being made anew takes nothing: wait for one.
        let told = eventually(LONG, || (wire.inject(&bytes) > 0).then_some(()));
        assert!(told.is_some(), "{what}: nobody is connected\n{}", tail(&stage.proxy.log()));
        let said = || {
            stage
                .proxy
                .log()
                .get(before..)
                .map(|l| l.contains("[ERROR") || l.contains("[WARN"))
                .filter(|s| *s)
        };
        assert!(
            !loud || eventually(LONG, said).is_some(),
            "{what}: the log says so\n{}",
            tail(&stage.proxy.log())
        );
        assert_eq!(stage.proxy.process().exited(), None, "{what}");
        let rss = stage.proxy.rss().unwrap_or_default();
        assert!(rss < 300_000, "{what}: {rss} kB for a promise");
        // The subscription may be under way: a job published meanwhile reaches nobody, so ask again.
        let alive = || {
            let job = master.bus().ok()?.publish(&json!({"tgt": stage.id, "fun": "test.ping"})).ok()?;
            job.wait(&stage.id, std::time::Duration::from_secs(3)).ok()
        };
        let returned = eventually(LONG, alive);
        assert!(
            returned.is_some_and(|r| r.success()),
            "{what}: jobs are taken\n{}",
            tail(&stage.proxy.log())
        );
    }
    clean(&stage.proxy);
    stage.finish()
}

/// A wire that is cut and mended: the proxy comes back by itself.
#[test]
fn a_wire_that_is_cut() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let publish = Wire::to(master.publish_port())?;
    let request = Wire::to(master.ret_port())?;
    let settings = Settings::new(&stage::id("cut"))
        .with(json!({"publish_port": publish.port(), "master_port": request.port()}));
    let stage = Stage::up_with(master, settings, json!({}))?;
    for both in [false, true] {
        let mark = master.bus()?.mark();
        publish.cut();
        if both {
            request.cut();
        }
        std::thread::sleep(std::time::Duration::from_secs(2));
        publish.mend();
        request.mend();
        let start = format!("salt/minion/{}/start", stage.id);
        master
            .bus()?
            .tagged(mark, LONG, &start)
            .map_err(|e| lab::Error::new(format!("{e}\n{}", tail(&stage.proxy.log()))))?;
        // Its start event is a promise that jobs reach it; a moment for the master to have taken in the subscription.
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(stage.value("test.ping", json!([]))?, json!(true));
    }
    assert_eq!(stage.vcsim.stats()?.count("logins"), 1);
    stage.finish()
}

//! The master's file server, and files pushed to the master.

use std::fs;

use lab::{Release, Result};
use serde_json::json;

use crate::stage::{self, LONG, Stage};

on_each_line! {
    plain: c055_a_big_file, c056_a_big_file_compressed, c057_what_the_master_lists, c058_a_file_that_is_not_there;
    own: c059_pushing_a_file;
}

/// Three MiB that no compression and no text conversion leaves as they are by chance.
fn big() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..3 * 1024 * 1024)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

fn fetched(stage: &Stage, gzip: Option<u8>) -> Result<()> {
    let name = format!("big-{gzip:?}-{}", stage.id);
    stage.master.file(&name, big())?;
    let root = lab::Root::new()?;
    let to = root.path().join("big");
    let mut kwarg = json!({});
    if let Some(level) = gzip {
        kwarg["gzip"] = json!(level);
    }
    let got = stage.call_with("cp.get_file", json!([format!("salt://{name}"), to]), kwarg)?;
    assert_eq!(*got.value(), json!(to), "{:#}", got.load);
    assert!(fs::read(&to)? == big(), "the file is as it was");
    let hash = stage.value("cp.hash_file", json!([format!("salt://{name}")]))?;
    assert_eq!(hash["hash_type"], json!("sha256"), "{hash:#}");
    Ok(())
}

fn c055_a_big_file(stage: &Stage) -> Result<()> {
    fetched(stage, None)
}

fn c056_a_big_file_compressed(stage: &Stage) -> Result<()> {
    fetched(stage, Some(5))
}

fn c057_what_the_master_lists(stage: &Stage) -> Result<()> {
    stage.master.file("c057/inner/here.txt", "here\n")?;
    // sha256sum of "here\n".
    let sum = "c6006557cc52f5ddab8cb3cf6e69feec1cce3350c8d4628cc240872ad13c3c97";
    let hash = stage.value("cp.hash_file", json!(["salt://c057/inner/here.txt"]))?;
    assert_eq!(hash, json!({"hash_type": "sha256", "hsum": sum}));
    let has = |list: serde_json::Value, item: &str| list.as_array().is_some_and(|l| l.contains(&json!(item)));
    assert!(has(stage.value("cp.list_master", json!([]))?, "c057/inner/here.txt"));
    assert!(has(stage.value("cp.list_master_dirs", json!([]))?, "c057/inner"));
    assert_eq!(stage.value("cp.envs", json!([]))?, json!(["base"]));
    Ok(())
}

fn c058_a_file_that_is_not_there(stage: &Stage) -> Result<()> {
    let root = lab::Root::new()?;
    let got = stage.call("cp.get_file", json!(["salt://nope", root.path().join("nope")]))?;
    assert_eq!((got.value(), got.success()), (&json!(""), true), "{:#}", got.load);
    Ok(())
}

fn c059_pushing_a_file(release: &'static Release) -> Result<()> {
    let root = lab::Root::new()?;
    let file = root.path().join("pushed");
    fs::write(&file, big())?;
    let open = stage::plain(release)?;
    assert_eq!(open.value("cp.push", json!([file]))?, json!(true));
    let below = format!("cache/minions/{}/files{}", open.id, file.display());
    assert!(fs::read(open.master.path(&below))? == big(), "the master has the file");

    let master = stage::strict(release)?;
    let mut closed = Stage::start(master, lab::Settings::new(&stage::id("push")), json!({}))?;
    master.accept_key(&closed.id)?;
    closed.proxy.wait_ready(master, closed.mark)?;
    let refused = closed.publish(json!({"fun": "cp.push", "arg": [file]}))?.wait(&closed.id, LONG)?;
    assert_eq!(*refused.value(), json!(false), "{:#}", refused.load);
    closed.finish()
}

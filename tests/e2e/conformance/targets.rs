//! Targets of every type: a minion knows its jobs.

use lab::Result;
use serde_json::{Value, json};

use crate::stage::Stage;

on_each_line! {
    plain: c035_glob, c036_pcre, c037_list, c038_grain, c039_grain_pcre, c040_pillar, c041_delimiter, c042_compound,
        c043_an_operator_comes_first, c044_delimiter_of_a_term, c045_address, c046_nodegroup;
}

/// One of each type, for transports and filters.
pub(super) const ONE_OF_EACH: &[fn(&Stage) -> Result<()>] =
    &[c035_glob, c036_pcre, c037_list, c038_grain, c039_grain_pcre, c040_pillar, c042_compound, c045_address];

fn hits(stage: &Stage, kind: &str, target: impl Into<Value>) -> Result<()> {
    let returned = stage.ask(json!({"tgt_type": kind, "tgt": target.into()}))?;
    assert_eq!(*returned.value(), json!(true));
    Ok(())
}

fn misses(stage: &Stage, kind: &str, target: impl Into<Value>) -> Result<()> {
    stage.ignores(json!({"tgt_type": kind, "tgt": target.into()}))
}

fn c035_glob(stage: &Stage) -> Result<()> {
    hits(stage, "glob", format!("{}*", &stage.id[..4]))?;
    hits(stage, "glob", format!("p[l]a?{}", &stage.id[4..]))?;
    misses(stage, "glob", stage.id.to_uppercase())
}

fn c036_pcre(stage: &Stage) -> Result<()> {
    hits(stage, "pcre", "p")?;
    misses(stage, "pcre", "lain")
}

fn c037_list(stage: &Stage) -> Result<()> {
    hits(stage, "list", json!([stage.id, "x"]))?;
    hits(stage, "list", format!("x,{}", stage.id))
}

fn c038_grain(stage: &Stage) -> Result<()> {
    hits(stage, "grain", "shelf:*")?;
    hits(stage, "grain", "shelf:uPPer")?;
    hits(stage, "grain", "nest:a:b:c")?;
    misses(stage, "grain", "SHELF:*")
}

fn c039_grain_pcre(stage: &Stage) -> Result<()> {
    hits(stage, "grain_pcre", "shelf:^.+$")?;
    misses(stage, "grain_pcre", "shelf:pper")
}

fn c040_pillar(stage: &Stage) -> Result<()> {
    hits(stage, "pillar", "foo:b*")?;
    hits(stage, "pillar_pcre", "foo:b.*")?;
    hits(stage, "pillar_exact", "foo:bar")?;
    misses(stage, "pillar_exact", "foo:b*")?;
    misses(stage, "pillar", "foo:x")
}

fn c041_delimiter(stage: &Stage) -> Result<()> {
    let job = json!({"tgt_type": "grain", "tgt": "nest|a|b|c", "delimiter": "|", "fun": "test.arg"});
    let returned = stage.ask(job)?;
    assert_eq!(returned.value()["kwargs"]["__pub_delimiter"], json!("|"), "{:#}", returned.load);
    stage.ignores(json!({"tgt_type": "grain", "tgt": "nest:a:b:c", "delimiter": "|"}))
}

fn c042_compound(stage: &Stage) -> Result<()> {
    let id = &stage.id;
    hits(stage, "compound", format!("G@shelf:Upper and not p2 or ( L@{id} and E@p.* )"))?;
    hits(stage, "compound", format!("G@shelf:lower or ( L@{id} and E@p.* )"))?;
    misses(stage, "compound", format!("G@shelf:Upper and not {id} or ( L@x and E@p.* )"))?;
    // Terms side by side are no expression.
    misses(stage, "compound", format!("{id} E@p.*"))
}

fn c043_an_operator_comes_first(stage: &Stage) -> Result<()> {
    misses(stage, "compound", format!("and {}", stage.id))
}

fn c044_delimiter_of_a_term(stage: &Stage) -> Result<()> {
    hits(stage, "compound", "G|@nest|a|b|c")?;
    misses(stage, "compound", "G|@nest:a:b:c")
}

fn c045_address(stage: &Stage) -> Result<()> {
    hits(stage, "ipcidr", "127.0.0.0/8")?;
    hits(stage, "ipcidr", "127.0.0.1")?;
    misses(stage, "ipcidr", "203.0.113.0/24")
}

fn c046_nodegroup(stage: &Stage) -> Result<()> {
    let returned = stage.ask(json!({"tgt_type": "nodegroup", "tgt": "the_plain", "fun": "test.arg"}))?;
    let how = &returned.value()["kwargs"]["__pub_tgt_type"];
    assert_eq!(*how, json!("compound"), "{:#}", returned.load);
    Ok(())
}

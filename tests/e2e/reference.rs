//! The reference in the README is what the binary says of itself.

use std::time::Duration;

use lab::{Result, provision, proxy};

const BEGIN: &str = "<!-- reference: begin";
const END: &str = "<!-- reference: end";

#[test]
fn the_readme_is_current() -> Result<()> {
    let path = provision::workspace().join("README.md");
    let readme = std::fs::read_to_string(&path)?;
    let (code, text, err) = proxy::run(&["docs", "--markdown"], Duration::from_secs(60))?;
    assert_eq!(code, 0, "{err}");
    assert!(text.lines().count() > 50, "a reference, not a word: {text}");
    let begin = readme.find(BEGIN).and_then(|at| Some(at + readme[at..].find('\n')? + 1));
    let end = readme.find(END);
    let (Some(begin), Some(end)) = (begin, end) else { panic!("README.md has no {BEGIN} … {END}") };
    if readme[begin..end].trim() != text.trim() {
        if std::env::var_os("UPDATE").is_some() {
            let new = format!("{}\n{}\n\n{}", &readme[..begin], text.trim(), &readme[end..]);
            std::fs::write(&path, new)?;
        } else {
            panic!("README.md is stale: UPDATE=1 cargo test -p tests reference writes it anew");
        }
    }
    Ok(())
}

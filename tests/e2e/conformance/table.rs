//! That no check is forgotten.

use std::fs;

use lab::provision::workspace;

/// A line of `checks.txt`: number, lines of Salt, what is provoked and seen, and why there is no test, if there is none.
struct Check<'a> {
    number: u32,
    why_not: &'a str,
}

fn checks(text: &str) -> Vec<Check<'_>> {
    let rows = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    rows.map(|row| {
        let fields: Vec<&str> = row.split('\t').collect();
        let [number, lines, provoke, see, ..] = fields[..] else { panic!("a row of checks.txt: {row}") };
        assert!(["all", "07+", "08"].contains(&lines) && !provoke.is_empty() && !see.is_empty(), "{row}");
        Check {
            number: number.parse().unwrap_or_default(),
            why_not: fields.get(4).copied().unwrap_or_default(),
        }
    })
    .collect()
}

#[test]
fn every_check_has_its_test_or_a_reason() {
    let here = workspace().join("tests/e2e/conformance");
    let text = fs::read_to_string(here.join("checks.txt")).unwrap();
    let checks = checks(&text);
    let numbers: Vec<u32> = checks.iter().map(|c| c.number).collect();
    assert_eq!(numbers, (1..=108).collect::<Vec<_>>());
    let sources: String = fs::read_dir(&here)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
        .map(|p| fs::read_to_string(p).unwrap())
        .collect();
    let wrong: Vec<u32> = checks
        .iter()
        .filter(|c| sources.contains(&format!("fn c{:03}_", c.number)) != c.why_not.is_empty())
        .map(|c| c.number)
        .collect();
    assert!(wrong.is_empty(), "neither a test nor a reason, or both: {wrong:?}");
}

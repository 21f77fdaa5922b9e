//! What a master of each line sees of a proxy minion, check by check.
//!
//! A check is a function that is named by its number, run on the lines that apply.

use lab::{Release, Result};

use crate::stage::{self, Stage};

/// Makes tests of checks. `plain` ones look at the line's plain proxy minion, which stays as it is; `own` ones make
/// what they need; `newer` ones are `own` ones for 3007 and later, `newest` for 3008.
macro_rules! on_each_line {
    (
        $(plain: $($plain:ident),+;)?
        $(own: $($own:ident),+;)?
        $(newer: $($newer:ident),+;)?
    ) => {
        mod salt_3006 {
            $($(#[test] fn $plain() -> lab::Result<()> { crate::conformance::plain(0, super::$plain) })+)?
            $($(#[test] fn $own() -> lab::Result<()> { crate::conformance::own(0, super::$own) })+)?
        }
        mod salt_3007 {
            $($(#[test] fn $plain() -> lab::Result<()> { crate::conformance::plain(1, super::$plain) })+)?
            $($(#[test] fn $own() -> lab::Result<()> { crate::conformance::own(1, super::$own) })+)?
            $($(#[test] fn $newer() -> lab::Result<()> { crate::conformance::own(1, super::$newer) })+)?
        }
        mod salt_3008 {
            $($(#[test] fn $plain() -> lab::Result<()> { crate::conformance::plain(2, super::$plain) })+)?
            $($(#[test] fn $own() -> lab::Result<()> { crate::conformance::own(2, super::$own) })+)?
            $($(#[test] fn $newer() -> lab::Result<()> { crate::conformance::own(2, super::$newer) })+)?
        }
    };
}

mod events;
mod files;
mod jobs;
mod keys;
mod masters;
mod pillar;
mod returns;
mod running;
mod start;
mod targets;
mod trust;

fn plain(line: usize, check: fn(&Stage) -> Result<()>) -> Result<()> {
    own(line, |release| check(stage::plain(release)?))
}

fn own(line: usize, check: impl FnOnce(&'static Release) -> Result<()>) -> Result<()> {
    let release = &lab::RELEASES[line];
    match stage::tools_of(release) {
        Some(_) => check(release),
        None => Ok(()),
    }
}

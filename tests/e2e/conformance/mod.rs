//! What a master of each line sees of a proxy minion, check by check.
//!
//! `checks.txt` is the list; a check `17` is a function `c017_…` here, run on the lines that apply.

use lab::{Release, Result};

use crate::stage::{self, Stage};

/// Makes tests of checks. `plain` ones look at the line's plain proxy minion, which stays as it is; `own` ones make
/// what they need; `newer` ones are `own` ones for 3007 and later, `older` ones for those before 3008.
macro_rules! on_each_line {
    (
        $(plain: $($plain:ident),+;)?
        $(own: $($own:ident),+;)?
        $(newer: $($newer:ident),+;)?
        $(older: $($older:ident),+;)?
    ) => {
        mod salt_3006 {
            $($(#[test] fn $plain() -> lab::Result<()> { crate::conformance::plain(0, super::$plain) })+)?
            $($(#[test] fn $own() -> lab::Result<()> { crate::conformance::own(0, super::$own) })+)?
            $($(#[test] fn $older() -> lab::Result<()> { crate::conformance::own(0, super::$older) })+)?
        }
        mod salt_3007 {
            $($(#[test] fn $plain() -> lab::Result<()> { crate::conformance::plain(1, super::$plain) })+)?
            $($(#[test] fn $own() -> lab::Result<()> { crate::conformance::own(1, super::$own) })+)?
            $($(#[test] fn $older() -> lab::Result<()> { crate::conformance::own(1, super::$older) })+)?
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
mod recorded;
mod returns;
mod running;
mod start;
mod table;
mod targets;
mod transports;
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

//! Users and groups of the host.

use std::path::Path;

use salt::{Context, Error, Result};

/// Whom a command runs as, when that is not the minion itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's name.
    pub name: String,
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The user's home.
    pub home: String,
}

impl Account {
    /// The account for a user and a group, each of which may be missing. None if both are.
    ///
    /// # Errors
    /// There is no such user or group.
    pub fn wanted(user: Option<&str>, group: Option<&str>) -> Result<Option<Account>> {
        let (user, group) = (user.filter(|user| !user.is_empty()), group.filter(|group| !group.is_empty()));
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        let mut account = match user {
            Some(user) => {
                named(user).ok_or_else(|| Error::Execution(format!("User '{user}' is not available")))?
            }
            None => {
                own().ok_or_else(|| Error::execution("The minion's own user has no entry in /etc/passwd"))?
            }
        };
        if let Some(group) = group {
            account.gid =
                gid(group).ok_or_else(|| Error::Execution(format!("Group '{group}' is not available")))?;
        }
        Ok(Some(account))
    }
}

/// The directory that a command runs in when none is named: the home of its user if it can be read.
pub fn home(cx: &Context, account: Option<&Account>) -> String {
    let home = match account {
        Some(account) => Some(account.home.clone()),
        None => {
            crate::environ::all(cx).get_str("HOME").map(str::to_string).or_else(|| own().map(|own| own.home))
        }
    };
    home.filter(|home| Path::new(home).is_absolute() && std::fs::read_dir(home).is_ok())
        .unwrap_or_else(|| "/".into())
}

/// The user of this name.
pub fn named(name: &str) -> Option<Account> {
    entry("/etc/passwd", |fields| fields.first() == Some(&name))
        .or_else(|| asked("passwd", name))
        .and_then(|line| account(&line))
}

fn own() -> Option<Account> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    entry("/etc/passwd", |fields| fields.get(2) == Some(&uid.as_str())).and_then(|line| account(&line))
}

fn gid(group: &str) -> Option<u32> {
    let line =
        entry("/etc/group", |fields| fields.first() == Some(&group)).or_else(|| asked("group", group))?;
    line.split(':').nth(2)?.parse().ok()
}

fn account(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
    Some(Account { name: name.into(), uid: uid.parse().ok()?, gid: gid.parse().ok()?, home: home.into() })
}

fn entry(file: &str, is: impl Fn(&[&str]) -> bool) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find(|line| is(&line.split(':').collect::<Vec<_>>())).map(str::to_string)
}

/// Directories beyond the files (LDAP and so on) are asked by `getent`, where there is one.
fn asked(database: &str, name: &str) -> Option<String> {
    let output = std::process::Command::new("getent").args([database, name]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().filter(|_| output.status.success()).map(str::to_string)
}

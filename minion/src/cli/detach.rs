//! The background and the user of the daemon. Both need a new process image: the program starts itself again, which
//! is safe at any number of threads, where `fork` is not.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Set for the image that runs in the background.
const DETACHED: &str = "VSALT_DETACHED";
/// Set for the image that runs as the wanted user.
const SWITCHED: &str = "VSALT_SWITCHED";

/// `EX_NOUSER` of sysexits.
const EX_NOUSER: u8 = 67;
/// `EX_SOFTWARE`.
const EX_SOFTWARE: u8 = 70;

/// Which process goes on.
pub(super) enum Settled {
    /// This one.
    Here,
    /// Another one, in the background; this one is done.
    Elsewhere,
}

/// Goes on as the wanted user, in the background if that is wanted.
///
/// # Errors
/// The complaint, and the exit status with it.
pub(super) fn settle(user: Option<&str>, background: bool) -> Result<Settled, (String, u8)> {
    let own = rustix::process::getuid().as_raw();
    if let Some(user) = user
        && std::env::var_os(SWITCHED).is_none()
    {
        let account = find(user).ok_or_else(|| ("The user is not available.".to_string(), EX_NOUSER))?;
        if account.uid != own {
            return Err(switch(account));
        }
    }
    if !background {
        return Ok(Settled::Here);
    }
    if std::env::var_os(DETACHED).is_some() {
        // Away from the terminal, so that it does not take the daemon with it when it closes.
        rustix::process::setsid().map_err(|e| (format!("cannot leave the terminal: {e}"), EX_SOFTWARE))?;
        std::env::set_current_dir("/").map_err(|e| (format!("cannot change to /: {e}"), EX_SOFTWARE))?;
        return Ok(Settled::Here);
    }
    again()
        .and_then(|mut command| {
            command
                .env(DETACHED, "1")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        })
        .map(|_| Settled::Elsewhere)
        .map_err(|e| (format!("cannot start in the background: {e}"), EX_SOFTWARE))
}

/// Replaces this process by one of another user. Comes back with a complaint only.
fn switch(account: Account) -> (String, u8) {
    let error = match again() {
        Ok(mut command) => command
            .env(SWITCHED, "1")
            .env("USER", &account.name)
            .env("HOME", &account.home)
            .uid(account.uid)
            .gid(account.gid)
            .exec(),
        Err(error) => error,
    };
    (format!("cannot run as the user {}: {error}", account.name), 1)
}

fn again() -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut words = std::env::args_os();
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    command.args(words);
    Ok(command)
}

pub(super) struct Account {
    name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    home: String,
}

pub(super) fn find(user: &str) -> Option<Account> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
        (name == user).then(|| {
            Some(Account {
                name: name.into(),
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
                home: home.into(),
            })
        })?
    })
}

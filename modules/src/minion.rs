//! The minion's own process.
//!
//! Facts: `salt/modules/minion.py` of Salt 3007.17. The original restarts the service `salt-minion`, also on a proxy; here
//! it is the proxy itself that ends, or that the service manager starts anew.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};

use crate::cmd::which;

functions![kill, list_, restart];

/// `EX_SOFTWARE` of sysexits.
const EX_SOFTWARE: i64 = 70;
/// The directories of keys that a master has.
const KEYS: [&str; 4] = ["minions", "minions_pre", "minions_rejected", "minions_denied"];
/// What starts the process anew when it has ended, if it is set (`minion_restart_command`).
const RESTART: &str = "minion_restart_command";

/// Lists the keys of a master that runs on the same host, by their state.
///
/// CLI Example:
///
/// ```bash
/// salt 'master' minion.list
/// ```
#[salt_fn]
async fn list_(cx: &Context) -> Result<Map> {
    let pki_dir = crate::config::lookup(cx, "pki_dir", "".into())?.to_string();
    // Beside the keys of a minion or a proxy are those of the master.
    let dir = Path::new(&pki_dir).parent().map(|above| above.join("master")).unwrap_or_default();
    let mut all = Map::new();
    for kind in KEYS {
        let mut names: Vec<String> = std::fs::read_dir(dir.join(kind))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort_by_key(|name| name.to_lowercase());
        all.insert(kind, names);
    }
    Ok(all)
}

/// Ends the minion as SIGTERM does: running jobs have a moment, the vCenter is logged out of. What watches the process
/// may start it again.
///
/// CLI Example:
///
/// ```bash
/// salt '*' minion.kill
/// ```
#[salt_fn]
async fn kill(
    cx: &Context,
    /// Taken for compatibility: this job is among those that the end waits for.
    #[default(15)]
    timeout: i64,
) -> Result<Map> {
    let _ = timeout;
    // Without a daemon the process is this call alone.
    cx.identity().schedule()?;
    terminate()?;
    Ok(map! { "killed" => std::process::id(), "retcode" => 0 })
}

/// Restarts the minion: by the option `minion_restart_command`, else by the service manager if it is what runs it, else
/// by ending, for what watches the process.
///
/// CLI Example:
///
/// ```bash
/// salt '*' minion.restart
/// salt '*' minion.restart systemd=False
/// ```
#[salt_fn]
async fn restart(
    cx: &Context,
    /// Let systemd do it, if it runs the minion.
    #[default(true)]
    systemd: bool,
    /// Taken for compatibility: only Windows has it.
    #[default(true)]
    win_service: bool,
    /// Have the service started once more if it does not come back.
    #[default(false)]
    schedule_retry: bool,
    /// After how many seconds.
    #[default(180)]
    retry_delay: Value,
) -> Result<Map> {
    let _ = win_service;
    cx.identity().schedule()?;
    let mut ret = map! { "killed" => Value::None, "restart" => Map::new(), "service_restart" => Map::new(), "retcode" => 0 };
    let mut comment: Vec<String> = Vec::new();
    let opts = cx.opts();
    let words = opts.get(RESTART).map(words_of).transpose()?.unwrap_or_default();
    if let Some((program, arguments)) = words.split_first() {
        comment.push(format!("Using configuration {RESTART}:"));
        comment.extend(words.iter().map(|word| format!("    {word}")));
        let output = tokio::process::Command::new(program).args(arguments).output().await;
        let output = output.map_err(|e| Error::Execution(format!("{RESTART}: {program}: {e}")))?;
        ret.insert("restart", outputs(&output));
        ret.insert("retcode", i64::from(output.status.code().unwrap_or(1)));
    } else if let Some(unit) = own_unit().filter(|_| systemd) {
        comment.push(format!("Using systemctl to restart {unit}"));
        let done = by_systemd(&unit, schedule_retry, &retry_delay, &mut comment).await;
        ret.insert("retcode", if done.get("result") == Some(&true.into()) { 0 } else { EX_SOFTWARE });
        ret.insert("service_restart", done);
    } else {
        comment.push("Not running in daemon mode - will not restart process after killing".into());
        terminate()?;
        ret.insert("killed", std::process::id());
    }
    if !comment.is_empty() {
        ret.insert("comment", comment);
    }
    Ok(ret)
}

fn terminate() -> Result<()> {
    let own = i32::try_from(std::process::id()).ok().and_then(Pid::from_raw);
    let own = own.ok_or_else(|| Error::execution("The process has no id"))?;
    kill_process(own, Signal::TERM).map_err(|e| Error::Execution(format!("The minion can't be ended: {e}")))
}

fn words_of(command: &Value) -> Result<Vec<String>> {
    match command {
        Value::None => Ok(vec![]),
        Value::List(words) => Ok(words.iter().map(Value::to_string).collect()),
        line => crate::cmd::shlex(&line.to_string()),
    }
}

fn outputs(output: &std::process::Output) -> Map {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_string();
    map! { "stdout" => text(&output.stdout), "stderr" => text(&output.stderr) }
}

/// The unit of systemd that this process is the service of: its control group has its name.
fn own_unit() -> Option<String> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    unit_of(&groups)
}

fn unit_of(groups: &str) -> Option<String> {
    let path = groups.lines().find_map(|line| line.splitn(3, ':').nth(2))?;
    let unit = path.rsplit('/').find(|part| part.ends_with(".service"))?;
    // A session of a user is a service of the system, too, but none that runs a minion.
    (!unit.starts_with("user@")).then(|| unit.to_string())
}

async fn by_systemd(unit: &str, retry: bool, delay: &Value, comment: &mut Vec<String>) -> Map {
    let mut done = Map::new();
    if retry {
        let line = format!("systemctl is-active '{unit}' || systemctl start '{unit}'");
        let after = format!("--on-active={delay}");
        match run("systemd-run", &[&after, "/bin/sh", "-c", &line]).await {
            Ok(detail) => {
                done.insert("schedule_retry", map! { "detail" => detail, "delay" => delay.clone() });
                comment.push(format!("Scheduled retry for minion restart in {delay} seconds"));
            }
            Err(message) => {
                comment.push("Adding scheduled retry failed".into());
                return map! { "schedule_retry" => Map::new(), "result" => false, "stderr" => message };
            }
        }
    }
    match run("systemctl", &["restart", "--no-block", unit]).await {
        Ok(_) => {
            comment.push("Service restart successful".into());
            done.insert("result", true);
        }
        Err(message) => {
            comment.push("Service restart failed".into());
            done.extend(map! { "result" => false, "stderr" => message });
        }
    }
    done
}

/// Runs a program of systemd: what it says, as a success or as a failure.
async fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let place = which(program).ok_or_else(|| format!("There is no {program}"))?;
    let output =
        tokio::process::Command::new(place).args(arguments).output().await.map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_string();
    if output.status.success() { Ok(said) } else { Err(said) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_unit_by_its_control_group() {
        let unit = |path: &str| unit_of(&format!("0::{path}\n"));
        assert_eq!(
            unit("/system.slice/system-salt\\x2dproxy.slice/salt-proxy@vc01.service").as_deref(),
            Some("salt-proxy@vc01.service")
        );
        assert_eq!(unit("/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope"), None);
        assert_eq!(unit("/"), None);
    }
}

//! Which vCenter a function works on.
//!
//! A minion has one session, with the vCenter of its `proxy:` pillar, and functions that are told nothing work on that.
//! What a caller names (`profile=`, `host=`, a user) is checked against it and never silently replaced by it.

use std::sync::Arc;
use std::time::Duration;

use vcenter::Client;
use vcenter::inventory::Inventory;

use crate::{Context, Error, Map, Result, Value};

/// How long a function waits for the first load of the inventory, and for a lost vCenter to come back. Shorter than the
/// patience of whoever asked.
const PATIENCE: Duration = Duration::from_secs(15);

/// The vCenter of the minion, and its inventory as it is now.
///
/// # Errors
/// [`Error::Unavailable`] with the reason why there is no session, or why the inventory is not current.
pub async fn own(cx: &Context) -> Result<(Client, Arc<Inventory>)> {
    let client = cx.vcenter()?;
    client.ready(PATIENCE).await?;
    if !client.inventory().wait_until_live(PATIENCE).await {
        // What the last answer said may be wrong by now. The reason, where there is one, is what a log-in says.
        client.session().login().await?;
        let host = &client.session().config().host;
        return Err(Error::Unavailable(format!(
            "The inventory of {host} is out of date: it has stopped telling of changes"
        )));
    }
    let inventory = client.read();
    Ok((client, inventory))
}

/// The vCenter that a function of `saltext.vmware` was told to work on.
///
/// # Errors
/// [`Error::Invocation`] for a `service_instance`, which is a Python object, and for a profile that is not configured;
/// [`Error::Execution`] for one that names another vCenter than the minion's.
pub async fn of_profile(
    cx: &Context,
    service_instance: Value,
    profile: Option<String>,
) -> Result<(Client, Arc<Inventory>)> {
    refuse_service_instance(&service_instance)?;
    let Some(profile) = profile else { return own(cx).await };
    let section = section(cx).ok_or_else(|| {
        Error::invocation(format!("There is no profile '{profile}': saltext.vmware is not configured"))
    })?;
    let settings = section.get(&profile).and_then(Value::as_map).ok_or_else(|| {
        Error::invocation(format!("There is no profile '{profile}' in the configuration of saltext.vmware"))
    })?;
    let of = |key: &str| settings.get(key).map(Value::to_string).filter(|text| !text.is_empty());
    let Some(host) = of("host") else {
        return Err(Error::invocation(format!("The profile '{profile}' names no host")));
    };
    same_vcenter(&cx.vcenter()?, Some(&host), None, of("user").as_deref())?;
    own(cx).await
}

/// The vCenter that a function of Salt's own `vsphere` module was told to work on, by its connection arguments.
///
/// # Errors
/// [`Error::Execution`] if they are about another vCenter or another user than the minion's.
pub async fn of_arguments(cx: &Context, arguments: Login) -> Result<(Client, Arc<Inventory>)> {
    let Login { host, username, port } = arguments;
    same_vcenter(&cx.vcenter()?, host.as_deref(), port, username.as_deref())?;
    own(cx).await
}

/// The connection arguments that say where to and as whom. The password is not among them: it is compared with nothing.
#[derive(Debug, Default)]
pub struct Login {
    /// `host`
    pub host: Option<String>,
    /// `username`
    pub username: Option<String>,
    /// `port`
    pub port: Option<u64>,
}

/// Functions pass live connections to each other in Python; over the bus there is no such thing.
///
/// # Errors
/// [`Error::Invocation`] for anything but `None`.
pub fn refuse_service_instance(service_instance: &Value) -> Result<()> {
    if service_instance.is_none() {
        return Ok(());
    }
    Err(Error::invocation("'service_instance' is an object of Python's and can't be given: leave it out"))
}

fn same_vcenter(client: &Client, host: Option<&str>, port: Option<u64>, user: Option<&str>) -> Result<()> {
    let own = client.session().config();
    let other_host = host.filter(|host| !host.eq_ignore_ascii_case(&own.host));
    let other_port = port.filter(|port| *port != u64::from(own.port));
    if other_host.is_some() || other_port.is_some() {
        let host = host.unwrap_or(&own.host);
        let port = port.map(|p| format!(":{p}")).unwrap_or_default();
        return Err(Error::execution(format!(
            "This minion serves {}:{} only, not {host}{port}: address the minion of that vCenter instead",
            own.host, own.port
        )));
    }
    match user {
        Some(user) if !user.eq_ignore_ascii_case(&own.credentials.username) => {
            Err(Error::execution(format!(
                "This minion works on {} as the user of its own pillar only, not as '{user}': leave the user out",
                own.host
            )))
        }
        _ => Ok(()),
    }
}

/// The section `saltext.vmware`, or `vmware_config` as it was once called: the first that is not empty, of the options, the
/// grains and the pillar (`saltext/vmware/utils/connect.py`).
fn section(cx: &Context) -> Option<Map> {
    let places = [cx.opts(), cx.grains(), cx.pillar()];
    let mut found = ["saltext.vmware", "vmware_config"].into_iter().flat_map(|name| {
        places.iter().filter_map(move |place| place.get(name)?.as_map().filter(|section| !section.is_empty()))
    });
    found.next().cloned()
}

//! Which vCenter a function works on: the one place where that is decided.
//!
//! | what the caller says | where it leads |
//! |---|---|
//! | `host`, `username`, `password` … ([`of_arguments`]) | there, as that user |
//! | `profile=` ([`of_profile`]) | what the section `saltext.vmware` has below that name |
//! | nothing ([`own`]) | the device of the minion's `proxy:` map; without such a map the section itself, whose `host`, `user` and `password` the environment may replace |
//!
//! What a caller names is never silently replaced by something else: a profile that is not there is an error. Where it turns
//! out to be what the minion is connected to anyway (the same server, user and password), the minion's own session serves
//! it, with the trust that the minion's configuration has; otherwise it gets a session of its own out of the identity's
//! [`vcenter::Pool`], which is closed when nobody uses it.

mod endpoint;
mod proxy;
mod section;

use std::sync::Arc;
use std::time::Duration;

use vcenter::inventory::Inventory;
use vcenter::session::{Credentials, Secret};
use vcenter::transport::Trust;
use vcenter::{Client, Config, Pool};

use crate::{Context, Error, Map, Result, Value};

pub use endpoint::{Endpoint, Names, Reader};
pub use proxy::{Target, is_via_vcenter, proxy_map, proxy_type, supports_proxy, target};

/// How long a function waits for the first load of the inventory, and for a lost vCenter to come back. Shorter than the
/// patience of whoever asked.
const PATIENCE: Duration = Duration::from_secs(15);

/// The text of a service instance: what [`of_profile`] takes for "the connection that there is".
pub const SERVICE_INSTANCE: &str = "ServiceInstance:ServiceInstance";

/// The vCenter of the minion, and its inventory as it is now.
///
/// # Errors
/// [`Error::Unavailable`] with the reason why there is no session, or why the inventory is not current.
pub async fn own(cx: &Context) -> Result<(Client, Arc<Inventory>)> {
    with_inventory(own_client(cx).await?).await
}

/// The vCenter that a function of `saltext.vmware` was told to work on, and its inventory.
///
/// # Errors
/// [`Error::Invocation`] for a `service_instance`, which is a Python object, and for a profile that is not configured;
/// [`Error::Unavailable`] if it cannot be reached.
pub async fn of_profile(
    cx: &Context,
    service_instance: Value,
    profile: Option<String>,
) -> Result<(Client, Arc<Inventory>)> {
    with_inventory(client_of_profile(cx, service_instance, profile).await?).await
}

/// As [`of_profile`], for a function that does without the inventory.
///
/// # Errors
/// As [`of_profile`].
pub async fn client_of_profile(
    cx: &Context,
    service_instance: Value,
    profile: Option<String>,
) -> Result<Client> {
    refuse_service_instance(&service_instance)?;
    match profile {
        None => own_client(cx).await,
        Some(profile) => pooled(cx, section::profile(cx, &profile)?).await,
    }
}

/// The vCenter that a function of Salt's own `vsphere` module was told to work on by its connection arguments, and its
/// inventory.
///
/// # Errors
/// [`Error::Execution`] for arguments that do not suffice or are wrong; [`Error::Unavailable`] if it cannot be reached.
pub async fn of_arguments(cx: &Context, arguments: Login) -> Result<(Client, Arc<Inventory>)> {
    with_inventory(client_of_arguments(cx, arguments).await?).await
}

/// As [`of_arguments`], for a function that does without the inventory.
///
/// # Errors
/// As [`of_arguments`].
pub async fn client_of_arguments(cx: &Context, arguments: Login) -> Result<Client> {
    if arguments.is_about_device(&proxy_map(cx)) {
        return own_client(cx).await;
    }
    let own = cx.vcenter().ok().map(|client| client.session().config().clone());
    match arguments.endpoint(own.as_ref())? {
        None => own_client(cx).await,
        Some(endpoint) => pooled(cx, endpoint).await,
    }
}

/// A pool as the options have it: `vcenter_session_idle`.
pub fn pool(opts: &Map) -> Pool {
    let idle = opts.get("vcenter_session_idle").and_then(Value::as_f64);
    let idle = idle.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Pool::new(idle.unwrap_or(vcenter::pool::IDLE))
}

/// The connection arguments of Salt's `vsphere` functions.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// `host`; none: that of the minion's device.
    pub host: Option<String>,
    /// `username`; none: that of the minion's device, if it is the device that is meant.
    pub username: Option<String>,
    /// `password`; a number is text that YAML has mistaken.
    pub password: Password,
    /// `protocol`; none: `https`.
    pub protocol: Option<String>,
    /// `port`; none: 443, or that of the minion's device, if it is the device that is meant.
    pub port: Option<u64>,
    /// `verify_ssl: False`
    pub insecure: bool,
    /// `ca_bundle`
    pub ca_bundle: Option<String>,
}

/// The password of a call; never shown.
#[derive(Clone, Debug, Default)]
pub struct Password(Option<Secret>);

impl From<Value> for Password {
    fn from(value: Value) -> Password {
        Password(Some(value).filter(Value::truthy).map(|value| Secret::from(value.to_string())))
    }
}

impl Login {
    /// The arguments as the functions have them.
    pub fn new(
        host: Option<String>,
        username: Option<String>,
        password: Value,
        protocol: Option<String>,
        port: Option<u64>,
        verify_ssl: bool,
    ) -> Login {
        Login {
            host,
            username,
            password: password.into(),
            protocol,
            port,
            insecure: !verify_ssl,
            ca_bundle: None,
        }
    }

    /// Whether they say no more than the host of the minion's `proxy:` map, or not even that. This can be told while there
    /// is no connection, and then the reason for that is the answer.
    fn is_about_device(&self, proxy: &Map) -> bool {
        let Login { host, username, password: Password(password), protocol, port, .. } = self;
        let is_device = |host: &String| {
            ["vcenter", "host"]
                .iter()
                .any(|key| proxy.get_str(key).is_some_and(|it| it.eq_ignore_ascii_case(host)))
        };
        username.is_none()
            && password.is_none()
            && protocol.is_none()
            && port.is_none()
            && host.as_ref().is_none_or(is_device)
    }

    /// What the arguments name; none if that is the minion's own device. `own` is what that is connected with.
    fn endpoint(self, own: Option<&Config>) -> Result<Option<Endpoint>> {
        let Login { host, username, password: Password(password), protocol, port, insecure, ca_bundle } =
            self;
        if insecure && ca_bundle.is_some() {
            return Err(Error::execution("'verify_ssl: False' and 'ca_bundle' exclude each other"));
        }
        let host = host.filter(|host| !host.trim().is_empty());
        let username = username.filter(|name| !name.trim().is_empty());
        let given =
            crate::map! { "protocol" => protocol.clone(), "port" => port.map(|port| port.to_string()) };
        let mut reader = Reader::new(&given);
        let asked = (host.as_deref().map(|host| reader.host(host)), reader.port(), reader.protocol());
        let own_host = own.map(|own| own.host.clone());
        if !reader.problems.is_empty() {
            return Err(Error::execution(reader.problems.join("; ")));
        }
        // What is left out is as with the minion's own device, if it is the host that is meant.
        let own = own.filter(|own| {
            let (host, port_asked, protocol_asked) = &asked;
            host.as_ref().is_none_or(|host| host.eq_ignore_ascii_case(&own.host))
                && (port.is_none() || *port_asked == own.port)
                && (protocol.is_none() || *protocol_asked == own.protocol)
        });
        if let (Some(own), None) = (own, &password)
            && username.as_ref().is_none_or(|name| same_user(name, &own.credentials.username))
        {
            return Ok(None);
        }
        let (Some(host), port, protocol) = (match own {
            Some(own) => (Some(own.host.clone()), own.port, own.protocol),
            None => (asked.0.or(own_host), asked.1, asked.2),
        }) else {
            // Nothing is said, and there is no device: its own error says why.
            return if username.is_none() && password.is_none() { Ok(None) } else { Err(mandatory("host")) };
        };
        let username = username.or_else(|| own.map(|own| own.credentials.username.clone()));
        let username = username.ok_or_else(|| mandatory("username"))?;
        let password = password.ok_or_else(|| mandatory("password"))?;
        let trust = match own {
            _ if insecure => Trust::Insecure,
            _ if ca_bundle.is_some() => Trust::Verify { ca_bundle: ca_bundle.map(Into::into) },
            Some(own) if own.trust != Trust::Insecure => own.trust.clone(),
            _ => Trust::default(),
        };
        let credentials = Credentials::new(username, password);
        Ok(Some(Endpoint { host, port, protocol, credentials, trust }))
    }
}

/// Functions pass live connections to each other in Python; over the bus there is only the name of the one there is.
///
/// # Errors
/// [`Error::Invocation`] for anything but `None` and [`SERVICE_INSTANCE`].
pub fn refuse_service_instance(service_instance: &Value) -> Result<()> {
    if service_instance.is_none() || service_instance.as_str() == Some(SERVICE_INSTANCE) {
        return Ok(());
    }
    Err(Error::invocation("'service_instance' is an object of Python's and can't be given: leave it out"))
}

/// In Salt's words (`salt/utils/vmware.py`, `_get_service_instance`).
fn mandatory(name: &str) -> Error {
    Error::execution(format!(
        "Login mechanism userpass was specified but the mandatory parameter '{name}' is missing"
    ))
}

fn same_user(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The minion's device; without one, what the section is about.
///
/// # Errors
/// [`Error::Unavailable`] with the reason why there is no session.
pub async fn own_client(cx: &Context) -> Result<Client> {
    match cx.identity().vcenter_soon(PATIENCE).await {
        Err(_) if proxy_map(cx).is_empty() => match section::unnamed(cx)? {
            Some(endpoint) => pooled(cx, endpoint).await,
            None => cx.vcenter(),
        },
        client => client,
    }
}

/// The client of an endpoint: the minion's own, if that has the same server, user and password.
async fn pooled(cx: &Context, endpoint: Endpoint) -> Result<Client> {
    let config = endpoint.config(cx.id(), &cx.opts());
    if let Ok(client) = cx.vcenter() {
        let (session, own) = (client.session(), client.session().config());
        let same = own.same_server(&config)
            && same_user(&own.credentials.username, &config.credentials.username)
            && session.knows(&config.credentials.passwords);
        if same {
            return Ok(client);
        }
    }
    Ok(cx.identity().vcenters().client(config).await?)
}

async fn with_inventory(client: Client) -> Result<(Client, Arc<Inventory>)> {
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

#[cfg(test)]
mod tests;

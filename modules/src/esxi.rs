//! The proxy of an ESXi host, by itself or through its vCenter.
//!
//! Facts: `salt/modules/esxi.py` and `salt/proxy/esxi.py` of Salt 3007.17.

use salt::{Args, Context, Map, Result, Value, functions, map, salt_fn};

use crate::{clean_kwargs, proxy_details};

functions![cmd, get_details];

/// The arguments that say where to log in: the proxy knows that itself.
const CONNECTION: [&str; 7] = ["host", "username", "password", "protocol", "port", "verify_ssl", "credstore"];

/// Runs a function of `vsphere` on the minion's host. The arguments that say where to log in are left out; through a
/// vCenter, `host_names` is the minion's host unless other hosts are given.
///
/// CLI Example:
///
/// ```bash
/// salt '*' esxi.cmd system_info
/// salt '*' esxi.cmd get_service_running service_name=ssh
/// ```
#[salt_fn(proxies("esxi"))]
async fn cmd(
    cx: &Context,
    /// The function, without its module.
    command: String,
    /// Its arguments.
    #[args]
    args: Vec<Value>,
    /// Its arguments by name.
    #[kwargs]
    kwargs: Map,
) -> Result<Value> {
    let name = format!("vsphere.{command}");
    let Some(function) = cx.modules().get(&name) else {
        return Ok(map! { "retcode" => -1, "message" => format!("{name} is not available.") }.into());
    };
    let mut keywords = clean_kwargs(kwargs);
    let names = function.params.iter().map(|param| param.name).filter(|name| !CONNECTION.contains(name));
    let mut positional = args.into_iter();
    for (name, value) in names.clone().zip(positional.by_ref()) {
        keywords.insert(name, value);
    }
    let hosts = ["host_names", "esxi_hosts"];
    if let Some(hosts) = names.clone().find(|name| hosts.contains(name))
        && salt::connection::is_via_vcenter(cx)
        && !keywords.contains_key(hosts)
    {
        let own = salt::connection::proxy_map(cx).get("esxi_host").cloned().unwrap_or_default();
        keywords.insert(hosts, vec![own]);
    }
    // What is left over is too much, and is told as such by the function itself.
    cx.call(&name, Args { positional: positional.collect(), keywords }).await
}

/// Shows how the minion reaches its host: by itself, or through its vCenter. Passwords are masked.
///
/// CLI Example:
///
/// ```bash
/// salt '*' esxi.get_details
/// ```
#[salt_fn(proxies("esxi"))]
async fn get_details(cx: &Context) -> Result<Map> {
    let mut login = proxy_details::login(cx);
    let mut details = map! { "proxytype" => "esxi" };
    if salt::connection::is_via_vcenter(cx) {
        details.extend(proxy_details::keys(cx, &["esxi_host", "vcenter"]));
        details.extend(login);
        details.extend(proxy_details::keys(cx, &["protocol", "port", "credstore"]));
        for (key, usual) in [("protocol", "https"), ("port", "443")] {
            if details.get(key).is_none_or(Value::is_none) {
                details.insert(key, usual);
            }
        }
        return Ok(details);
    }
    details.extend(proxy_details::keys(cx, &["host"]));
    for key in ["mechanism", "passwords"] {
        login.remove(key);
    }
    if login.get("username").is_some_and(Value::is_none) {
        login.insert("username", "root");
    }
    details.extend(login);
    details.extend(proxy_details::keys(cx, &["protocol", "port"]));
    Ok(details)
}

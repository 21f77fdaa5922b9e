//! The proxy of a cluster.
//!
//! Facts: `salt/modules/esxcluster.py` and `salt/proxy/esxcluster.py` of Salt 3007.17.

use salt::{Context, Map, Result, functions, salt_fn};

use crate::proxy_details;

functions![get_details];

/// Shows how the minion reaches its cluster: the vCenter, the place in it and the user. Passwords are masked.
///
/// CLI Example:
///
/// ```bash
/// salt '*' esxcluster.get_details
/// ```
#[salt_fn(proxies("esxcluster"))]
async fn get_details(cx: &Context) -> Result<Map> {
    let mut details = proxy_details::keys(cx, &["vcenter", "datacenter", "cluster"]);
    details.extend(proxy_details::login(cx));
    details.extend(proxy_details::keys(cx, &["protocol", "port"]));
    Ok(details)
}

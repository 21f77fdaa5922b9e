//! The proxy of a vCenter.
//!
//! Facts: `salt/modules/vcenter.py` and `salt/proxy/vcenter.py` of Salt 3007.17.

use salt::{Context, Map, Result, functions, salt_fn};

use crate::proxy_details;

functions![get_details];

/// Shows how the minion connects to its vCenter. Passwords are masked.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vcenter.get_details
/// ```
#[salt_fn(proxies("vcenter"))]
async fn get_details(cx: &Context) -> Result<Map> {
    let mut details = proxy_details::keys(cx, &["vcenter"]);
    details.extend(proxy_details::login(cx));
    details.extend(proxy_details::keys(cx, &["protocol", "port", "verify_ssl", "ca_bundle"]));
    Ok(details)
}

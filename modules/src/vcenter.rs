//! The proxy of a vCenter.
//!
//! Facts: `salt/modules/vcenter.py` and `salt/proxy/vcenter.py` of Salt 3007.17.

use salt::{Context, Map, Result, Value, functions, map, salt_fn};

functions![get_details];

/// Shows how the minion connects to its vCenter. Passwords are masked.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vcenter.get_details
/// ```
#[salt_fn]
async fn get_details(cx: &Context) -> Result<Map> {
    let pillar = cx.pillar();
    let opts = cx.opts();
    let of = |key: &str| {
        let place = |map: &Map| map.get("proxy").and_then(|proxy| proxy.get(key)).cloned();
        place(&pillar).or_else(|| place(&opts)).unwrap_or_default()
    };
    let mechanism = of("mechanism");
    let mut details = map! { "vcenter" => of("vcenter"), "mechanism" => mechanism.clone() };
    let (keys, secret) = match mechanism.as_str() {
        Some("sspi") => (["domain", "principal"].as_slice(), None),
        _ => (["username"].as_slice(), Some(crate::config::MASK)),
    };
    for key in keys {
        details.insert(*key, of(key));
    }
    if let Some(mask) = secret {
        let passwords = of("passwords").as_list().map_or(0, <[Value]>::len);
        details.insert("passwords", vec![mask; passwords]);
        details.insert("password", mask);
    }
    for key in ["protocol", "port", "verify_ssl", "ca_bundle"] {
        details.insert(key, of(key));
    }
    Ok(details)
}

//! How the minion's proxy is connected, as the proxies' `get_details` show it. Passwords are masked, their number is not.
//!
//! Facts: `salt/proxy/*.py` of Salt 3007.17.

use salt::{Context, Map, Value, map};

use crate::config::MASK;

/// The mechanism and what it needs: the user and the passwords, or the domain and the principal.
pub fn login(cx: &Context) -> Map {
    let proxy = salt::connection::proxy_map(cx);
    let of = |key: &str| proxy.get(key).cloned().unwrap_or_default();
    let mechanism = proxy.get_str("mechanism").unwrap_or("userpass");
    if mechanism == "sspi" {
        return map! { "mechanism" => mechanism, "domain" => of("domain"), "principal" => of("principal") };
    }
    let passwords = match (proxy.get("passwords"), proxy.get("password")) {
        (Some(Value::List(all)), _) => all.len(),
        (Some(Value::None) | None, Some(password)) => usize::from(!password.is_none()),
        (Some(Value::None) | None, None) => 0,
        (Some(_), _) => 1,
    };
    map! {
        "mechanism" => mechanism,
        "username" => proxy.get("username").or_else(|| proxy.get("user")).cloned().unwrap_or_default(),
        "passwords" => vec![MASK; passwords],
        "password" => MASK,
    }
}

/// These keys of the configuration, null where they are not set.
pub fn keys(cx: &Context, keys: &[&str]) -> Map {
    let proxy = salt::connection::proxy_map(cx);
    keys.iter().map(|key| (Value::from(*key), proxy.get(key).cloned().unwrap_or_default())).collect()
}

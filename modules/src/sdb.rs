//! Values kept elsewhere, named by `sdb://profile/key`.
//!
//! Facts: `salt/modules/sdb.py` and `salt/utils/sdb.py` of Salt 3007.17. A profile in options or pillar names its driver.
//! Of the drivers there is `env`, which needs nobody else: the environment of the minion.

use salt::{Context, Error, Map, Result, Value, functions, salt_fn};

functions![get];

/// Gives a value. What is no such name, or has no profile, is given back as it is.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sdb.get sdb://mymemcached/foo strict=True
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// The name of the value.
    uri: Value,
    /// Fail instead of giving the name back.
    #[default(false)]
    strict: bool,
) -> Result<Value> {
    let unless = |message: String| if strict { Err(Error::Invocation(message)) } else { Ok(uri.clone()) };
    let Some(rest) = uri.as_str().and_then(|text| text.strip_prefix("sdb://")) else {
        return unless("SDB uri must start with \"sdb://\"".into());
    };
    let Some((name, key)) = rest.split_once('/').filter(|(_, key)| !key.is_empty()) else {
        return unless("SDB uri must have a profile name as a first part of the uri before the /".into());
    };
    let profile = |place: &Map| place.get(name).and_then(Value::as_map).filter(|p| !p.is_empty()).cloned();
    let profile = profile(&cx.opts()).or_else(|| profile(&cx.pillar())).unwrap_or_default();
    match profile.get("driver") {
        None => unless(format!("SDB profile \"{name}\" wasnt found in the minion configuration")),
        Some(driver) if driver.as_str() == Some("env") => {
            Ok(crate::environ::all(cx).get(key).cloned().unwrap_or_default())
        }
        Some(driver) => Err(Error::exception("KeyError", Value::from(format!("{driver}.get")).repr())),
    }
}

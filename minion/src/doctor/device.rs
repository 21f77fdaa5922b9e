//! The vCenter: name, certificate, password, clock, privileges.

use std::time::Duration;

use config::proxy::Proxy;
use jiff::{SignedDuration, Timestamp};
use salt::{Map, Value};
use vcenter::ops::service;
use vcenter::session::Session;
use vcenter::{Config, Error};

use super::Report;
use crate::settings::Settings;

const PART: &str = "vcenter";
/// How long a vCenter has for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Clocks that differ by more than this mislead everybody who compares times.
const ODD: SignedDuration = SignedDuration::from_secs(30);
/// By more than this, certificates and tokens are refused.
const WRONG: SignedDuration = SignedDuration::from_secs(300);
/// Without these the inventory can't be read.
const TO_READ: [&str; 2] = ["System.View", "System.Read"];
/// A few of those without which much of what the functions change is refused.
const TO_CHANGE: [&str; 6] = [
    "VirtualMachine.Interact.PowerOn",
    "VirtualMachine.Inventory.Create",
    "Host.Config.Maintenance",
    "Folder.Create",
    "Datastore.AllocateSpace",
    "Network.Assign",
];

/// Looks at the device of these options.
pub async fn examine(opts: &Map, report: &mut Report) {
    let Some(device) = opts.get("proxy").and_then(Value::as_map) else { return };
    let proxy = match Proxy::read(device) {
        Ok(proxy) => proxy,
        Err(problems) => {
            report.trouble(
                PART,
                problems.to_string(),
                "Correct the map 'proxy' of the pillar or the configuration.",
            );
            return;
        }
    };
    for warning in &proxy.warnings {
        report.doubt(
            PART,
            warning.to_string(),
            "Correct the map 'proxy' of the pillar or the configuration.",
        );
    }
    let mut config = proxy.endpoint.config(opts.text("id").unwrap_or_default(), opts);
    config.user_agent = format!("vsalt-doctor/{}", env!("CARGO_PKG_VERSION"));
    config.timeouts.connect = config.timeouts.connect.min(PATIENCE);
    config.timeouts.request = config.timeouts.request.min(PATIENCE);
    config.login.attempts = 1;
    config.login.refusals = 1;
    let session = match Session::connect(config.clone()).await {
        Ok(session) => session,
        Err(error) => {
            refused(&config, &error, report);
            return;
        }
    };
    inside(&config, &session, report).await;
    session.close().await;
}

async fn inside(config: &Config, session: &Session, report: &mut Report) {
    let product = match session.content().await {
        Ok(content) => {
            let about =
                |name: &str| content.object("about").and_then(|about| about.str(name)).unwrap_or_default();
            format!("{} ({})", about("fullName"), about("apiType"))
        }
        Err(error) => error.to_string(),
    };
    report.fine(PART, format!("signed in to {} as {}: {product}", config.host, config.credentials.username));
    match service::clock(session).await.map(|time| time.timestamp()) {
        Ok(Some(theirs)) => clock(Timestamp::now(), theirs, report),
        Ok(None) => report.doubt(PART, "its clock can't be read", "See whether the vCenter is healthy."),
        Err(error) => report.trouble(PART, error.to_string(), "See whether the vCenter is healthy."),
    }
    let asked: Vec<&str> = TO_READ.into_iter().chain(TO_CHANGE).collect();
    match service::lacking(session, &asked).await {
        Ok(lacking) => privileges(&lacking, report),
        Err(error) if error.is("NoPermission") => privileges(&TO_READ.map(String::from), report),
        Err(error) => report.doubt(
            PART,
            format!("what the user may do can't be found out: {error}"),
            "Look at the user's roles in the vSphere Client.",
        ),
    }
}

/// Why there is no session.
pub(super) fn refused(config: &Config, error: &Error, report: &mut Report) {
    let port = config.port;
    let advice = match error {
        Error::Login { reason, .. } if reason.contains("is locked") || reason.contains("locked out") => {
            "Unlock the account in vCenter, and correct the password first: the minion has stopped trying.".into()
        }
        Error::Login { .. } => {
            "Correct username and passwords in the pillar. If they are right, the account may be locked, disabled or \
             expired: vCenter does not tell these apart."
                .into()
        }
        Error::Tls(_) => "Put the certificate of the authority that signed the vCenter's into a file and name it as \
                          ca_bundle, or its own thumbprint as ssl_thumbprint."
            .into(),
        Error::Transport { reason, .. } if ["dns", "resolve", "lookup"].iter().any(|word| reason.contains(word)) => {
            "Correct the key vcenter of the map 'proxy', or make the name known to this host.".into()
        }
        Error::Transport { .. } | Error::Timeout { .. } => format!(
            "Is {}:{port} the vCenter, is it up, and does every firewall on the way let port {port} through?",
            config.host
        ),
        _ => "See whether the vCenter is healthy.".to_string(),
    };
    report.trouble(PART, error.to_string(), advice);
}

/// How far the clocks are apart.
pub(super) fn clock(ours: Timestamp, theirs: Timestamp, report: &mut Report) {
    let apart = ours.duration_since(theirs);
    let text = || {
        let way = if apart.is_negative() { "behind" } else { "ahead of" };
        format!("the clock of this host is {} s {way} the vCenter's", apart.abs().as_secs())
    };
    let advice = "Let both follow the same time servers.";
    match apart.abs() {
        far if far > WRONG => report.trouble(PART, text(), advice),
        far if far > ODD => report.doubt(PART, text(), advice),
        _ => report.fine(PART, "its clock is that of this host"),
    }
}

/// What the user may not do.
pub(super) fn privileges(lacking: &[String], report: &mut Report) {
    let of = |wanted: &[&str]| {
        let those: Vec<&str> =
            wanted.iter().copied().filter(|one| lacking.iter().any(|l| l == one)).collect();
        those.join(", ")
    };
    let (read, change) = (of(&TO_READ), of(&TO_CHANGE));
    if !read.is_empty() {
        report.trouble(
            PART,
            format!("the user may not read the inventory: {read} is missing on the root folder"),
            "Give the user a role on the vCenter itself, propagating to all below it.",
        );
    } else if !change.is_empty() {
        report.doubt(
            PART,
            format!("the user may not change everything: on the root folder {change} is missing"),
            "That is right for a user who is to read only, or whose role stands further down.",
        );
    } else {
        report.fine(PART, "the user may read and change the inventory");
    }
}

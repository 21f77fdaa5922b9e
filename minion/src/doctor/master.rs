//! The masters: name, ports, keys, pillar.

use std::path::{Path, PathBuf};
use std::time::Duration;

use salt::context::PillarRequest;
use salt::{Map, Value};

use super::Report;
use crate::channel::{AuthOutcome, Error, MasterChannel};
use crate::connection::{Address, Channel};
use crate::minion::{channel_config, masters_in_order};
use crate::settings::Settings;
use crate::transport::{self, probe};
use crate::{grains, pillar, proxy};

const PART: &str = "master";
const PILLAR: &str = "pillar";
/// How long a master has for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at the masters, and gives the pillar if one of them gave it.
pub async fn examine(opts: &Map, report: &mut Report) -> Option<Map> {
    if opts.text("master_type") == Some("disable") {
        report.doubt(
            PART,
            "there is none (master_type: disable)",
            "Nobody can send jobs to the minion then.",
        );
        return local(opts, report);
    }
    let masters = match masters_in_order(opts) {
        Ok(masters) => masters,
        Err(exit) => {
            report.trouble(PART, exit.reason, "Correct the options master, master_type and master_port.");
            return None;
        }
    };
    let mut pillar = None;
    for master in &masters {
        if let Some(channel) = reached(opts, master, report).await
            && pillar.is_none()
        {
            pillar = asked(opts, &channel, report).await;
        }
    }
    pillar
}

/// Without a master, the configuration alone says what the device is.
fn local(opts: &Map, report: &mut Report) -> Option<Map> {
    judged(opts, Map::new(), report)
}

/// Goes from the name of a master to agreed keys.
async fn reached(opts: &Map, master: &Address, report: &mut Report) -> Option<MasterChannel> {
    let mut config = match channel_config(opts, master) {
        Ok(config) => config,
        Err(message) => {
            report.trouble(PART, message, "Correct the option.");
            return None;
        }
    };
    let mut network = config.network.clone();
    network.connect_timeout = network.connect_timeout.min(PATIENCE);
    if let Err(error) = probe(&master.host, master.port, config.network.source_ret_port, &network).await {
        unreachable(&error, master.port, "master_port", report);
        return None;
    }
    config.request_timeout = PATIENCE;
    config.request_tries = 1;
    config.auth_timeout = PATIENCE;
    config.auth_tries = 1;
    let transport = config.transport;
    // Without a key there is nobody to sign in as, and none shall be made here.
    let scratch = (!config.pki_dir.join("minion.pem").exists()).then(Scratch::new);
    match &scratch {
        Some(Ok(scratch)) => config.pki_dir.clone_from(&scratch.0),
        Some(Err(error)) => {
            report.trouble(
                PART,
                format!("no temporary directory can be made: {error}"),
                "Make room for one.",
            );
            return None;
        }
        None => {}
    }
    let channel = match MasterChannel::open(config).await {
        Ok(channel) => channel,
        Err(error) => {
            report.trouble(PART, error.to_string(), "See what was said of the keys above.");
            return None;
        }
    };
    if let Err(error) = Channel::ping(&channel, PATIENCE).await {
        report.trouble(
            PART,
            format!("{master} takes connections, but does not answer as a salt-master does: {error}"),
            format!(
                "Is {} the master_port (4506), not the publish_port (4505) or another program's? Does the master speak \
                 the same transport ({transport:?})? Is it busy?",
                master.port
            ),
        );
        return None;
    }
    if scratch.is_some() {
        report.fine(PART, format!("{master} answers. There is no key yet to sign in with"));
        return None;
    }
    let port = signed_in(master, channel.authenticate().await, report)?;
    let port = channel.config().publish_port.unwrap_or(port);
    if let Err(error) =
        probe(&master.host, port, channel.config().network.source_publish_port, &network).await
    {
        unreachable(&error, port, "publish_port", report);
        return None;
    }
    report.fine(PART, format!("{master} has accepted the key, and publishes on port {port}"));
    Some(channel)
}

/// What a connection that can't be made says about the set-up.
fn unreachable(error: &transport::Error, port: u16, option: &str, report: &mut Report) {
    let advice = match error {
        transport::Error::Resolve { .. } => {
            "Correct the option master, or make the name known to this host.".into()
        }
        transport::Error::Connect { why, .. } if why.contains("in use") || why.contains("os error 98") => {
            "Another program of this host has that local port: free it, or change source_ret_port or \
             source_publish_port."
                .into()
        }
        transport::Error::Connect { why, .. } if why.contains("refused") => {
            format!("Does the salt-master run there, and is {option} ({port}) its port?")
        }
        _ => format!("Is the host up, and does every firewall on the way let port {port} through?"),
    };
    report.trouble(PART, error.to_string(), advice);
}

/// What the answer to the key says. Gives the port of publications.
pub(super) fn signed_in(
    master: &Address,
    outcome: Result<AuthOutcome, Error>,
    report: &mut Report,
) -> Option<u16> {
    let (text, advice) = match outcome {
        Ok(AuthOutcome::Accepted { publish_port, .. }) => return Some(publish_port),
        Ok(outcome) => {
            let advice = match &outcome {
                AuthOutcome::Accepted { .. } | AuthOutcome::Pending => {
                    "Compare the fingerprints (key.finger, salt-key -f ID) and accept it on the master: salt-key -a ID."
                }
                AuthOutcome::Rejected => {
                    "Was it rejected, or does another minion use this id with another key? salt-key -L on the master \
                     tells; salt-key -d ID makes it forget, then the minion asks anew."
                }
                AuthOutcome::Full => {
                    "Raise max_minions on the master, or delete keys of minions that are gone."
                }
                AuthOutcome::ClusterNotReady => "Wait, and look into the log of the master's cluster.",
                AuthOutcome::BadEncryptionAlgorithm => {
                    "Set encryption_algorithm to one that the master knows."
                }
                AuthOutcome::BadSigningAlgorithm => "Set signing_algorithm to one that the master knows.",
                AuthOutcome::MasterKeyChanged => {
                    "If the master was set up anew, remove minion_master.pub from pki_dir. If not, somebody else \
                     answers in its place."
                }
                AuthOutcome::FingerMismatch { .. } => {
                    "Compare with salt-key -F on the master, and correct master_finger if it is really that master."
                }
                AuthOutcome::MasterUnverified(_) => {
                    "Let both sides agree on master_sign_pubkey and verify_master_pubkey_sign."
                }
            };
            (outcome.to_string(), advice)
        }
        Err(error) => {
            let advice = match &error {
                Error::Timeout | Error::Transport(_) => {
                    "The master is there, but slow or about to end: see its log."
                }
                Error::Keys(_) => "Put the key that is named aside.",
                Error::Signature(_) | Error::Replay(_) => {
                    "Whoever answers there does not prove to be the master."
                }
                _ => "Is it a salt-master of a release that is still maintained?",
            };
            (error.to_string(), advice)
        }
    };
    report.trouble(PART, format!("{master}: {text}"), advice);
    None
}

/// The pillar, with the grains of the host, so that the master forgets none.
async fn asked(opts: &Map, channel: &MasterChannel, report: &mut Report) -> Option<Map> {
    let id = opts.text("id").unwrap_or_default();
    let grains = grains::compute(opts, id, None).await;
    let load = pillar::load(opts, id, &grains, &PillarRequest::default());
    match pillar::compile_over(channel, load).await {
        Ok(pillar) => judged(opts, pillar, report),
        Err(error) => {
            report.trouble(
                PILLAR,
                format!("the master does not give it: {error}"),
                "See the log of the master.",
            );
            None
        }
    }
}

/// What the pillar, together with the options, says of the device.
pub(super) fn judged(opts: &Map, pillar: Map, report: &mut Report) -> Option<Map> {
    let errors = pillar.get("_errors").and_then(Value::as_list).unwrap_or_default().to_vec();
    for error in &errors {
        let advice =
            "Correct the SLS of the pillar on the master; pillar.items on another minion shows no more.";
        report.trouble(PILLAR, format!("it does not render: {error}"), advice);
    }
    let whole = pillar::into_opts(opts, &pillar);
    let device = whole.get("proxy").and_then(Value::as_map);
    if let Err(exit) = proxy::check(opts.text("id").unwrap_or_default(), device) {
        let advice = match device {
            None => {
                "Give the id a map 'proxy' with proxytype: vcenter in the pillar's top file and SLS, then try again."
            }
            Some(_) => "Set proxytype: vcenter.",
        };
        report.trouble(PILLAR, exit.reason, advice);
        return None;
    }
    if errors.is_empty() {
        report.fine(PILLAR, "it renders, and says what the device is");
    }
    Some(pillar)
}

/// A directory for the time of an examination.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Scratch> {
        use std::os::unix::fs::DirBuilderExt;
        let place = std::env::temp_dir().join(format!(
            "vsalt-doctor-{}-{}",
            std::process::id(),
            rand::random::<u32>()
        ));
        std::fs::DirBuilder::new().mode(0o700).create(&place)?;
        Ok(Scratch(place))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let place: &Path = &self.0;
        if let Err(error) = std::fs::remove_dir_all(place) {
            tracing::warn!("{} can't be removed: {error}", place.display());
        }
    }
}

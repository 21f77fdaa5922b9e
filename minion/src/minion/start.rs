//! What a life is made of: registries, the channel's configuration, and the parts that hang together.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use salt::context::{Identity, Parts};
use salt::{Map, Registry, Value};
use tokio::sync::{mpsc, watch};

use super::life::Life;
use crate::channel::{ChannelConfig, MasterChannel};
use crate::connection::{Address, Channel, Connection, Exit, Opener, Policy};
use crate::files::RemoteFiles;
use crate::job::journal::Journal;
use crate::job::{Desk, Jobs, Seen};
use crate::link::Link;
use crate::master::RemoteMaster;
use crate::proxy::Proxy;
use crate::settings::Settings;
use crate::spool::{Limits, Spool};
use crate::transport;

/// What one life begins with.
pub(super) struct Start {
    pub opts: Map,
    pub masters: Vec<Address>,
    /// There is no other life in this process.
    pub alone: bool,
    /// The one of several that runs the schedule.
    pub leads: bool,
    /// The running jobs of all lives.
    pub jobs: Arc<Jobs>,
    pub seen: Arc<Seen>,
    pub stop: watch::Receiver<bool>,
    /// The vCenters of all lives of the process.
    pub vcenters: vcenter::Pool,
}

impl Start {
    /// Puts the parts together and lives until the end.
    pub async fn live(self) -> Result<(), Exit> {
        let mut opts = self.opts.clone();
        if self.masters.len() > 1 {
            // There is another master to ask instead (`salt/minion.py`, `eval_master`).
            opts.insert("auth_tries", 1);
        }
        let open = opener(opts);
        self.assemble(open)?.live().await
    }

    /// The parts of a life, put together.
    pub fn assemble(self, open: Opener) -> Result<Life, Exit> {
        let (modules, states) = registries(&self.opts).map_err(|e| Exit::new(70, e))?;
        self.assemble_with(open, modules, states)
    }

    /// The same with other functions.
    pub fn assemble_with(self, open: Opener, modules: Registry, states: Registry) -> Result<Life, Exit> {
        let Start { opts, masters, alone, leads, jobs, seen, stop, vcenters } = self;
        let id = opts.text("id").unwrap_or_default().to_string();
        let cachedir = cachedir(&opts);
        let (refused, refusals) = mpsc::unbounded_channel();
        let (refresh, refreshes) = mpsc::unbounded_channel();
        let (connected, connections) = mpsc::unbounded_channel();
        let link = Link::new(refused);
        let master = RemoteMaster::new(&id, link.clone(), jobs.clone(), refresh);
        let identity = Identity::new(Parts {
            id,
            opts: opts.clone(),
            modules: Arc::new(modules),
            states: Arc::new(states),
            master: master.clone(),
            files: Arc::new(RemoteFiles::new(link.clone(), &cachedir)),
        });
        identity.set_vcenters(vcenters);
        master.belongs_to(&identity);
        identity.set_queue(jobs.queue());
        let unusable =
            |place: &Path, e: io::Error| Exit::new(73, format!("{} can't be used: {e}", place.display()));
        let place = place(&cachedir, "spool", &masters, alone);
        let spool = Spool::open_within(&place, Limits::of(&opts)).map_err(|e| unusable(&place, e))?;
        let place = self::place(&cachedir, "journal", &masters, alone);
        let (journal, left) = Journal::open(&place).map_err(|e| unusable(&place, e))?;
        Ok(Life {
            proxy: Proxy::new(identity.clone(), connected),
            desk: Desk::new(identity.clone(), jobs.clone(), seen, spool.clone(), journal),
            left,
            connection: Some(Connection::new(masters, Policy::of(&opts), open)),
            identity,
            configured: opts,
            leads,
            jobs,
            spool,
            link,
            refusals,
            refreshes,
            connections,
            stop,
        })
    }
}

/// Where everything is that may be lost without harm, and the spool.
pub fn cachedir(opts: &Map) -> PathBuf {
    PathBuf::from(opts.text("cachedir").unwrap_or("/var/cache/salt/proxy"))
}

/// Returns and jobs belong to the master that published the job: each master of several has folders of its own.
fn place(cachedir: &Path, what: &str, masters: &[Address], alone: bool) -> PathBuf {
    let place = cachedir.join(what);
    match masters {
        [only] if !alone => {
            let name: String =
                only.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            place.join(name)
        }
        _ => place,
    }
}

/// All execution and state functions, without those that the options hide (`disable_modules`, `whitelist_modules`).
///
/// # Errors
/// The sentence that names both places of a function that is declared twice.
pub fn registries(opts: &Map) -> Result<(Registry, Registry), String> {
    let mut modules = Registry::new(modules::MODULES.iter().chain(states::MODULES).copied())?;
    let states = Registry::new(states::STATES.iter().copied())?;
    let hidden = opts.words("disable_modules");
    let shown = opts.words("whitelist_modules");
    modules.retain_modules(|module| {
        !hidden.iter().any(|m| m == module) && (shown.is_empty() || shown.iter().any(|m| m == module))
    });
    Ok((modules, states))
}

/// Opens real channels.
pub fn opener(opts: Map) -> Opener {
    Arc::new(move |master| {
        let config = channel_config(&opts, &master);
        Box::pin(async move {
            let config = config.map_err(|e| Exit::new(1, e))?;
            let channel = MasterChannel::open(config).await.map_err(|e| Exit::new(1, e.to_string()))?;
            Ok(Arc::new(channel) as Arc<dyn Channel>)
        })
    })
}

/// The configuration of a channel to one master.
///
/// # Errors
/// A sentence that names the option and what is wrong with it.
pub fn channel_config(opts: &Map, master: &Address) -> Result<ChannelConfig, String> {
    let id = opts.text("id").unwrap_or_default();
    let pki_dir = opts.text("pki_dir").unwrap_or("/etc/salt/pki/proxy");
    let mut config = ChannelConfig::new(id, master.host.as_str(), pki_dir);
    config.transport = parsed(opts, "transport", config.transport)?;
    config.master_port = master.port;
    config.publish_port = opts
        .get("publish_port")
        .and_then(Value::as_i64)
        .and_then(|p| u16::try_from(p).ok())
        .filter(|p| *p > 0);
    config.keysize = whole(opts, "keysize", config.keysize);
    config.auth_timeout = opts.seconds("auth_timeout", 5);
    config.auth_tries = whole(opts, "auth_tries", 7);
    config.request_timeout = opts.seconds("request_channel_timeout", 60);
    config.request_tries = whole(opts, "request_channel_tries", 3);
    config.encryption_algorithm = parsed(opts, "encryption_algorithm", config.encryption_algorithm)?;
    config.signing_algorithm = parsed(opts, "signing_algorithm", config.signing_algorithm)?;
    config.hash_type = parsed(opts, "hash_type", config.hash_type)?;
    config.master_finger = opts.text("master_finger").map(str::to_string);
    config.verify_master_pubkey_sign = opts.flag("verify_master_pubkey_sign", false);
    config.always_verify_signature = opts.flag("always_verify_signature", false);
    if let Some(name) = opts.text("master_sign_key_name") {
        config.master_sign_key_name = name.into();
    }
    config.sign_pub_messages = opts.flag("sign_pub_messages", false);
    config.minion_sign_messages = opts.flag("minion_sign_messages", false);
    config.zmq_filtering = opts.flag("zmq_filtering", false);
    config.autosign_grains = autosign_grains(opts);
    network(opts, id, &mut config)?;
    Ok(config)
}

fn network(opts: &Map, id: &str, config: &mut ChannelConfig) -> Result<(), String> {
    let network = &mut config.network;
    let milliseconds = |option: &str, default: Duration| {
        let number = opts.number(option, -1);
        u64::try_from(number).map_or(default, Duration::from_millis)
    };
    let unless_negative = |option: &str| u64::try_from(opts.number(option, -1)).ok();
    network.ipv6 = opts.get("ipv6").and_then(Value::as_bool);
    network.source_interface = opts.text("source_interface_name").map(str::to_string);
    if network.source_interface.is_some() {
        // The interface brings its own address.
    } else if let Some(address) = opts.text("source_address") {
        let parsed =
            address.parse().map_err(|_| format!("the option 'source_address' is no address: {address}"))?;
        network.source_address = Some(parsed);
    }
    network.source_ret_port = whole(opts, "source_ret_port", 0);
    network.source_publish_port = whole(opts, "source_publish_port", 0);
    network.tcp_keepalive = opts.flag("tcp_keepalive", true);
    network.tcp_keepalive_idle = Some(opts.seconds("tcp_keepalive_idle", 300));
    network.tcp_keepalive_cnt = unless_negative("tcp_keepalive_cnt").and_then(|n| u32::try_from(n).ok());
    network.tcp_keepalive_intvl = unless_negative("tcp_keepalive_intvl").map(Duration::from_secs);
    network.recon_default = milliseconds("recon_default", network.recon_default);
    network.recon_max = milliseconds("recon_max", network.recon_max);
    network.recon_randomize = opts.flag("recon_randomize", true);
    network.tcp_reconnect_backoff = opts.seconds("tcp_reconnect_backoff", 1);
    if config.transport != transport::Kind::Zeromq {
        network.tls = transport::Tls::of(opts.get("ssl"))?;
    }
    network.publish_identity = id.into();
    Ok(())
}

/// The grains for automatic acceptance. A proxy has none of its own yet, only those of its configuration.
fn autosign_grains(opts: &Map) -> Option<Map> {
    let names = opts.words("autosign_grains");
    let configured = opts.get("grains").and_then(Value::as_map);
    let value = |name: &String| configured.and_then(|grains| grains.get(name)).cloned().unwrap_or_default();
    let grains: Map = names.iter().map(|name| (Value::from(name), value(name))).collect();
    (!grains.is_empty()).then_some(grains)
}

fn whole<T: TryFrom<i64>>(opts: &Map, option: &str, default: T) -> T {
    match opts.get(option) {
        None | Some(Value::None) => default,
        // The default is what a number that makes no sense counts as.
        Some(_) => T::try_from(opts.number(option, -1)).unwrap_or(default),
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    opts: &Map,
    option: &str,
    default: T,
) -> Result<T, String> {
    match opts.text(option) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|e| format!("the option '{option}' is wrong: {e}")),
    }
}

//! What functions may want of their master, over the channel.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use salt::context::{Identity, Master, PillarRequest};
use salt::function::BoxFuture;
use salt::{Error, Map, Result, Value, map};
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use crate::channel::MasterChannel;
use crate::connection::Address;
use crate::crypt::MinionKeys;
use crate::job::Jobs;
use crate::link::{Link, exception};
use crate::minion::channel_config;
use crate::pillar;
use crate::refresh::{Refresh, What};
use crate::settings::Settings;

/// The master of the daemon.
pub struct RemoteMaster {
    id: String,
    link: Arc<Link>,
    jobs: Arc<Jobs>,
    refreshes: mpsc::UnboundedSender<Refresh>,
    identity: OnceLock<Weak<Identity>>,
}

impl RemoteMaster {
    /// A master over a link. Refreshes are not done here but asked of the loop.
    pub fn new(
        id: &str,
        link: Arc<Link>,
        jobs: Arc<Jobs>,
        refreshes: mpsc::UnboundedSender<Refresh>,
    ) -> Arc<RemoteMaster> {
        Arc::new(RemoteMaster { id: id.into(), link, jobs, refreshes, identity: OnceLock::new() })
    }

    /// Tells the identity that this master belongs to: it is made of this master, and its pillar request needs its grains.
    pub fn belongs_to(&self, identity: &Arc<Identity>) {
        // Told twice is told the same.
        let _ = self.identity.set(Arc::downgrade(identity));
    }

    fn identity(&self) -> Result<Arc<Identity>> {
        self.identity
            .get()
            .and_then(Weak::upgrade)
            .ok_or_else(|| Error::Execution("the minion is about to end".into()))
    }

    fn ask(&self, what: What, done: Option<oneshot::Sender<bool>>) -> Result<()> {
        self.refreshes
            .send(Refresh { what, done })
            .map_err(|_| Error::Execution("the minion is about to end".into()))
    }
}

/// The load of a single event (`_minion_event`). Data may be anything; the start events have text.
pub fn event_load(id: &str, tag: &str, data: Value) -> Map {
    // The channel puts the token in the place that is kept for it here.
    map! {
        "id" => id, "cmd" => "_minion_event", "pretag" => Value::None, "tok" => "", "data" => data, "tag" => tag,
    }
}

impl Master for RemoteMaster {
    fn fire_event(&self, tag: String, data: Map, preload: Option<Map>) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let load = match preload {
                None => event_load(&self.id, &tag, data.into()),
                Some(preload) => {
                    let mut load = map! {
                        "id" => self.id.as_str(), "tag" => tag, "data" => data, "cmd" => "_minion_event",
                    };
                    load.extend(preload);
                    load
                }
            };
            self.link.request(load, None).await.map_err(exception)?;
            Ok(true)
        })
    }

    fn request(&self, load: Map) -> BoxFuture<'_, Result<Value>> {
        Box::pin(async move { self.link.request(load, None).await.map_err(exception) })
    }

    fn compile_pillar(&self, request: PillarRequest) -> BoxFuture<'_, Result<Map>> {
        Box::pin(async move {
            let identity = self.identity()?;
            let load = pillar::load(&identity.opts(), identity.id(), &identity.grains(), &request);
            pillar::compile(&self.link, load).await
        })
    }

    fn refresh_pillar(&self, wait: Option<Duration>, clean_cache: bool) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let what = What::Pillar { clean_cache };
            let Some(wait) = wait else {
                self.ask(what, None)?;
                return Ok(true);
            };
            let (done, came) = oneshot::channel();
            self.ask(what, Some(done))?;
            Ok(matches!(tokio::time::timeout(wait, came).await, Ok(Ok(true))))
        })
    }

    fn refresh_grains(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let (done, came) = oneshot::channel();
            self.ask(What::Grains, Some(done))?;
            Ok(came.await.unwrap_or(false))
        })
    }

    fn regen_keys(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let identity = self.identity()?;
            let opts = identity.opts();
            let config = opts.text("master").map(|master| Address { host: master.into(), port: 0 });
            let address = config.ok_or_else(|| Error::execution("The option master is not set"))?;
            let config = channel_config(&opts, &address).map_err(Error::execution)?;
            MinionKeys::replace(&config.pki_dir, config.keysize).await.map_err(Error::execution)?;
            info!("There is a new key pair of the minion, for its next authentication");
            Ok(())
        })
    }

    fn ping(&self, master: String) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let opts = self.identity()?.opts();
            let port = u16::try_from(opts.number("master_port", 4506)).unwrap_or(4506);
            let Ok(address) = Address::parse(&master, port) else { return Ok(false) };
            let Ok(config) = channel_config(&opts, &address) else { return Ok(false) };
            let patience = opts.seconds("auth_timeout", 60);
            let Ok(channel) = MasterChannel::open(config).await else { return Ok(false) };
            Ok(channel.clear(map! { "cmd" => "ping" }, patience).await.is_ok())
        })
    }

    fn running(&self) -> Vec<Map> {
        self.jobs.all()
    }

    fn queued(&self) -> Vec<Map> {
        self.jobs.queued()
    }

    fn signal_job(&self, jid: &str, signal: i64) -> Option<i64> {
        self.jobs.signal(jid, signal)
    }
}

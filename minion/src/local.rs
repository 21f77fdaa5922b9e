//! A minion without a master (`vsalt call --local`).

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use salt::context::{Identity, Master, PillarRequest};
use salt::function::BoxFuture;
use salt::{Context, Error, Map, Result, Value};
use tracing::warn;

use crate::job::Jobs;
use crate::refresh::{self, Refresh, What};

/// What stands in for the master: pillar from `pillar_roots`, and nobody to talk to.
pub struct LocalMaster {
    configured: Map,
    jobs: Arc<Jobs>,
    identity: OnceLock<Weak<Identity>>,
}

impl LocalMaster {
    /// Of these options.
    pub fn new(configured: Map, jobs: Arc<Jobs>) -> Arc<LocalMaster> {
        Arc::new(LocalMaster { configured, jobs, identity: OnceLock::new() })
    }

    /// Tells the identity that this master belongs to.
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

    async fn renew(&self, what: What) -> Result<bool> {
        let identity = self.identity()?;
        let wishes = vec![Refresh { what, done: None }];
        let own = identity.clone();
        let compile = async move |_: &Identity, grains: &Map, request| compile(&own, grains, request).await;
        let renewed = refresh::renew(identity.clone(), wishes, compile).await;
        renewed.apply(&identity, &self.configured);
        Ok(true)
    }
}

/// The pillar of `pillar_roots`, for these grains.
pub async fn compile(identity: &Arc<Identity>, grains: &Map, request: PillarRequest) -> Result<Map> {
    if request.ext.is_some() {
        return Err(Error::execution(
            "An external pillar is rendered by the master, and there is none in local mode",
        ));
    }
    let cx = Context::new(identity.clone(), Arc::default());
    let local = states::pillar::Local { cx: &cx, grains, request: &request };
    Ok(states::pillar::compile(&local).await)
}

impl Master for LocalMaster {
    fn fire_event(&self, tag: String, _data: Map, _preload: Option<Map>) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            warn!("Local mode detected. Event with tag {tag} will NOT be sent.");
            Ok(false)
        })
    }

    fn request(&self, load: Map) -> BoxFuture<'_, Result<Value>> {
        Box::pin(async move {
            let cmd = load.get_str("cmd").unwrap_or("the request").to_string();
            Err(Error::Execution(format!("{cmd} needs a master, and there is none in local mode")))
        })
    }

    fn compile_pillar(&self, request: PillarRequest) -> BoxFuture<'_, Result<Map>> {
        Box::pin(async move {
            let identity = self.identity()?;
            compile(&identity, &identity.grains(), request).await
        })
    }

    fn refresh_pillar(&self, _wait: Option<Duration>, clean_cache: bool) -> BoxFuture<'_, Result<bool>> {
        Box::pin(self.renew(What::Pillar { clean_cache }))
    }

    fn refresh_grains(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(self.renew(What::Grains))
    }

    fn running(&self) -> Vec<Map> {
        self.jobs.all()
    }

    fn signal_job(&self, jid: &str, signal: i64) -> Option<i64> {
        self.jobs.signal(jid, signal)
    }
}

//! Renewing grains and pillar while the minion works.

use std::sync::Arc;

use salt::context::{Identity, PillarRequest};
use salt::{Map, Result};
use tokio::sync::oneshot;
use tracing::error;

use crate::{grains, pillar};

/// What a refresh shall renew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The grains; the pillar follows if they changed.
    Grains,
    /// Grains and pillar.
    Pillar {
        /// `clean_cache` of the request.
        clean_cache: bool,
    },
}

/// A wish to renew what is in memory, and who waits for it.
#[derive(Debug)]
pub struct Refresh {
    /// What.
    pub what: What,
    /// Told whether it came.
    pub done: Option<oneshot::Sender<bool>>,
}

/// What a refresh brought.
pub struct Renewed {
    grains: Map,
    pillar: Option<Result<Map>>,
    wishes: Vec<Refresh>,
}

/// Computes the grains; the pillar follows if one of the wishes is for it or if they changed.
///
/// `compile` gives the pillar for these grains.
pub async fn renew<F>(identity: Arc<Identity>, wishes: Vec<Refresh>, compile: F) -> Renewed
where
    F: AsyncFnOnce(&Identity, &Map, PillarRequest) -> Result<Map>,
{
    let clean_cache = wishes.iter().any(|wish| wish.what == What::Pillar { clean_cache: true });
    let wanted = wishes.iter().any(|wish| wish.what != What::Grains);
    let vcenter = identity.vcenter().ok();
    let grains = grains::compute(&identity.opts(), identity.id(), vcenter.as_ref()).await;
    let pillar = if wanted || grains != *identity.grains() {
        let request = PillarRequest { clean_cache, ..PillarRequest::default() };
        Some(compile(&identity, &grains, request).await)
    } else {
        None
    };
    Renewed { grains, pillar, wishes }
}

impl Renewed {
    /// Puts it into place. `configured` are the options before the pillar has its say.
    pub fn apply(self, identity: &Identity, configured: &Map) -> Applied {
        let asked = self.pillar.is_some();
        identity.set_grains(self.grains);
        let came = match self.pillar {
            None => true,
            Some(Ok(pillar)) => {
                identity.set_opts(pillar::into_opts(configured, &pillar));
                identity.set_pillar(pillar);
                true
            }
            Some(Err(e)) => {
                error!("Pillar data could not be refreshed. One or more masters may be down! {e}");
                false
            }
        };
        let waiting = self.wishes.into_iter().filter_map(|wish| wish.done).collect();
        Applied { is_new: asked && came, came, waiting }
    }
}

/// A refresh that is in place. Those who wait for it are told when this is dropped, so that what depends on the pillar can
/// follow before.
#[derive(Debug)]
pub struct Applied {
    /// There is a new pillar.
    pub is_new: bool,
    came: bool,
    waiting: Vec<oneshot::Sender<bool>>,
}

impl Drop for Applied {
    fn drop(&mut self) {
        for done in self.waiting.drain(..) {
            // Who waited may have run out of time.
            let _ = done.send(self.came);
        }
    }
}

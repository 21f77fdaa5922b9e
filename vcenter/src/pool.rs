//! Several vCenters at once: a client for each target, made when it is first asked for and closed when nobody has needed it
//! for a while.
//!
//! A target is a server, a user and what is trusted. Who asks for one that is there gets the client that is there, so that
//! however many ask, the server has one session of ours for it. Who comes with a password that the session does not
//! have gets a session of its own, and so is refused by the server without anybody else's being touched.
//!
//! | an entry is | it leads to |
//! |---|---|
//! | connecting: made, and its first log-in is under way; all who ask wait for that one | live, or refused, or gone with its error |
//! | live: logged in, and its client has been handed out | idle, when the last clone of the client is dropped |
//! | idle: nobody has a clone | live, when somebody asks; closed, when the time is over |
//! | refused: the server does not take the password; it is not asked again until [`Pool::forgive`] | connecting; closed, when the time is over |
//! | retired: replaced by [`Pool::retire`], handed out no more | closed, when the last clone is dropped |

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::session::{Config, Protocol, Session};
use crate::transport::Trust;

/// How long a session that nobody uses is kept unless said otherwise.
pub const IDLE: Duration = Duration::from_secs(600);

/// How long a retired client may go on for those who still work with it.
const RETIREMENT: Duration = Duration::from_secs(3600);

/// How often is looked for what can be closed: at least and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// The clients of a process. Cheap to clone: all clones are one pool.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    /// There is something new to look after.
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Inner {
    idle: Duration,
    entries: Vec<Arc<Entry>>,
    retired: Vec<(Arc<Entry>, Instant)>,
    /// The servers whose certificates are not checked, each warned of once.
    warned: HashSet<String>,
    /// Something looks after the entries.
    attended: bool,
    closed: bool,
}

struct Entry {
    session: Session,
    client: OnceLock<Client>,
    used: Mutex<Instant>,
}

impl Pool {
    /// An empty pool whose clients are closed when nobody has used them for `idle`.
    pub fn new(idle: Duration) -> Pool {
        let inner = Mutex::new(Inner { idle, ..Inner::default() });
        Pool { shared: Arc::new(Shared { inner, changed: Arc::default() }) }
    }

    /// The client for this target, logged in. Must be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// As [`Pool::hold`] and [`Held::client`].
    pub async fn client(&self, config: Config) -> Result<Client> {
        self.hold(config)?.client().await
    }

    /// A target that is kept for as long as it is held, also while it cannot be reached. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// That the configuration cannot work, or that the pool is closed.
    pub fn hold(&self, config: Config) -> Result<Held> {
        let mut inner = self.shared.inner();
        if inner.closed {
            return Err(Error::Closed);
        }
        if let Some(entry) = inner.entries.iter().find(|entry| entry.serves(&config)) {
            entry.touch();
            return Ok(Held(entry.clone()));
        }
        let (plain, insecure) = (config.protocol == Protocol::Http, config.trust == Trust::Insecure);
        let session = Session::new(config)?;
        let endpoint = session.endpoint().to_owned();
        if (plain || insecure) && inner.warned.insert(endpoint.clone()) {
            let what = match plain {
                true => "The connection is not encrypted",
                false => "The SSL certificate is not verified (verify_ssl is False)",
            };
            tracing::warn!("{endpoint}: {what}: whoever sits in between can read the password");
        }
        let entry = Arc::new(Entry { session, client: OnceLock::new(), used: Mutex::new(Instant::now()) });
        inner.entries.push(entry.clone());
        if !std::mem::replace(&mut inner.attended, true) {
            tokio::spawn(attend(Arc::downgrade(&self.shared), self.shared.changed.clone()));
        }
        drop(inner);
        self.shared.changed.notify_one();
        Ok(Held(entry))
    }

    /// Hands a target out no more, and closes it when nobody works with it any longer.
    pub fn retire(&self, held: Held) {
        let mut inner = self.shared.inner();
        inner.entries.retain(|entry| !Arc::ptr_eq(entry, &held.0));
        if !inner.retired.iter().any(|(entry, _)| Arc::ptr_eq(entry, &held.0)) && !inner.closed {
            inner.retired.push((held.0, Instant::now()));
        }
        drop(inner);
        self.shared.changed.notify_one();
    }

    /// Passwords that were refused may be tried again: somebody may have corrected what was wrong.
    pub fn forgive(&self) {
        for entry in self.shared.inner().entries.iter().filter(|entry| entry.session.is_refused()) {
            entry.session.reset();
        }
    }

    /// How many targets there are, those among them that nobody uses at the moment and those that are on their way out.
    pub fn len(&self) -> usize {
        let inner = self.shared.inner();
        inner.entries.len() + inner.retired.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes all clients and logs out everywhere. Nothing is handed out from now on. May be called again.
    pub async fn close(&self) {
        let all: Vec<_> = {
            let mut inner = self.shared.inner();
            inner.closed = true;
            let retired: Vec<_> = inner.retired.drain(..).map(|(entry, _)| entry).collect();
            inner.entries.drain(..).chain(retired).collect()
        };
        self.shared.changed.notify_one();
        join_all(all.iter().map(|entry| entry.close())).await;
    }
}

/// A target in use: it stays in the pool until this and its clones are dropped.
#[derive(Clone)]
pub struct Held(Arc<Entry>);

impl Held {
    /// Its session, which may not have logged in yet.
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    /// Its client, logged in.
    ///
    /// # Errors
    ///
    /// Why the log-in failed. A refused password is remembered, and tried again as often as
    /// [`LoginLimits`](crate::session::LoginLimits) allow.
    pub async fn client(&self) -> Result<Client> {
        self.0.session.login().await?;
        // Made after the first log-in: what a client does by itself would take part in failed ones.
        let client = self.0.client.get_or_init(|| Client::new(self.0.session.clone())).clone();
        self.0.touch();
        Ok(client)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.0.session.endpoint()).finish()
    }
}

/// Targets and states; no user's password is in it.
impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.shared.inner();
        let entry = |entry: &Entry| {
            let user = &entry.session.config().credentials.username;
            format!("{user} on {}: {:?}", entry.session.endpoint(), entry.session.state())
        };
        let entries: Vec<String> = inner.entries.iter().map(|it| entry(it)).collect();
        let retired: Vec<String> = inner.retired.iter().map(|(it, _)| entry(it)).collect();
        f.debug_struct("Pool").field("entries", &entries).field("retired", &retired).finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

impl Shared {
    /// Nothing panics while it holds the lock; were it so, what is inside is still whole.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out what is to be closed.
    fn due(&self) -> Vec<Arc<Entry>> {
        let mut inner = self.inner();
        let (now, idle) = (Instant::now(), inner.idle);
        let mut due = Vec::new();
        inner.entries.retain(|entry| {
            // Clones of the client are made under this very lock, so who is alone here stays alone.
            let stays = entry.is_in_use() || now.duration_since(entry.used()) < idle;
            if entry.is_in_use() {
                entry.touch();
            }
            if !stays {
                due.push(entry.clone());
            }
            stays
        });
        inner.retired.retain(|(entry, since)| {
            let stays = entry.is_in_use() && now.duration_since(*since) < RETIREMENT;
            if !stays {
                due.push(entry.clone());
            }
            stays
        });
        due
    }

    /// The pause until the next look; none if there is nothing to look after.
    fn pause(&self) -> Option<Duration> {
        let inner = self.inner();
        match (inner.retired.is_empty(), inner.entries.is_empty()) {
            (false, _) => Some(LOOK.0),
            (true, false) => Some((inner.idle / 4).clamp(LOOK.0, LOOK.1)),
            (true, true) => None,
        }
    }
}

impl Entry {
    fn serves(&self, config: &Config) -> bool {
        self.session.config().same_target(config) && self.session.knows(&config.credentials.passwords)
    }

    fn is_in_use(self: &Arc<Self>) -> bool {
        // The pool's own; another one waits for the log-in.
        Arc::strong_count(self) > 1 || self.client.get().is_some_and(Client::is_shared)
    }

    fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn close(&self) {
        match self.client.get() {
            Some(client) => client.close().await,
            None => self.session.close().await,
        }
    }
}

/// Closes what is due, for as long as there is a pool.
async fn attend(pool: Weak<Shared>, changed: Arc<Notify>) {
    loop {
        let Some((due, pause)) = pool.upgrade().map(|pool| (pool.due(), pool.pause())) else { return };
        for entry in due {
            tracing::info!("Closing the session on {}: nobody uses it any more", entry.session.endpoint());
            entry.close().await;
        }
        match pause {
            Some(pause) => {
                // What is new is looked at a pause later at most.
                let _ = tokio::time::timeout(pause, changed.notified()).await;
            }
            None => changed.notified().await,
        }
    }
}

#[cfg(test)]
mod tests;

//! The loop: everything that can wake the minion is an [`Event`], and one match says what follows.

mod look;

use std::sync::Arc;
use std::time::Duration;

use salt::context::{Identity, PillarRequest};
use salt::{Map, Value, map};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::{debug, error, info, warn};

use crate::channel::{AuthOutcome, Error, PubEvent};
use crate::connection::{Channel, Connection, Exit, Subscription};
use crate::job::journal::Left;
use crate::job::{Desk, Jobs};
use crate::link::Link;
use crate::master::event_load;
use crate::proxy::{self, Proxy};
use crate::refresh::{self, Refresh, Renewed, What};
use crate::schedule::Scheduler;
use crate::settings::Settings;
use crate::spool::{Spool, Timing};
use crate::transport::syslog::notify;
use crate::{beacon, clock, pillar};
use look::{Look, Watch};

/// How long the start waits for the device, so that its grains are in the first full pillar request.
const DEVICE_PATIENCE: Duration = Duration::from_secs(20);
/// A master that was gone for longer than the original tries to authenticate makes the original restart, and so load
/// its pillar anew.
const RESTART_AFTER: Duration = Duration::from_secs(35);
/// How long jobs and returns have at the end (`salt/minion.py`, `stop_async`).
const FAREWELL: Duration = Duration::from_secs(5);

/// One minion of one master.
pub(super) struct Life {
    pub identity: Arc<Identity>,
    /// The options of files and command line, before the pillar had its say.
    pub configured: Map,
    /// This one runs the schedule.
    pub leads: bool,
    /// None while a task of its own makes the connection.
    pub connection: Option<Connection>,
    pub link: Arc<Link>,
    pub proxy: Proxy,
    pub desk: Arc<Desk>,
    /// The jobs that an earlier process has left.
    pub left: Vec<Left>,
    pub jobs: Arc<Jobs>,
    pub spool: Arc<Spool>,
    pub refusals: mpsc::UnboundedReceiver<AuthOutcome>,
    pub refreshes: mpsc::UnboundedReceiver<Refresh>,
    pub connections: mpsc::UnboundedReceiver<()>,
    pub stop: watch::Receiver<bool>,
}

/// All that can wake the minion.
enum Event {
    /// Something on the publish connection.
    Publication(PubEvent),
    /// A request was told that this minion is not authenticated.
    Refused(AuthOutcome),
    /// The connection is made again, or never will be.
    Reconnected(Connection, Result<(Arc<dyn Channel>, bool), Exit>),
    /// Somebody wants grains or pillar renewed.
    Refresh(Refresh),
    /// They are.
    Refreshed(Renewed),
    /// There is a new session with the device.
    Device,
    /// The start events go out.
    Announce,
    /// `ping_interval` is over.
    Ping,
    /// `grains_refresh_every` is over.
    GrainsDue,
    /// It is time to ask whether a master is there.
    Look(Look),
    /// It is, or it is not.
    Seen(Look, bool),
    /// SIGTERM or SIGINT.
    Stop,
}

/// What the loop keeps between two events.
struct Serving {
    publications: Box<dyn Subscription>,
    channel: Arc<dyn Channel>,
    subscribed: bool,
    /// The start events are due. They wait for the publish connection: a job sent on their receipt has to be seen.
    announce: bool,
    lost: Option<Instant>,
    /// `startup_states`, until they have been started.
    startup: Option<Map>,
    wishes: Vec<Refresh>,
    refreshing: bool,
    chores: JoinSet<Option<Event>>,
    ping: Option<Interval>,
    grains: Option<Interval>,
    watch: Watch,
}

impl Life {
    /// From the first authentication to the last return.
    pub async fn live(mut self) -> Result<(), Exit> {
        let mut stop = self.stop.clone();
        let started = tokio::select! {
            started = self.start() => Some(started),
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let outcome = match started {
            // Told to stop before there was anything to stop.
            None => Ok(()),
            Some(Err(exit)) => Err(exit),
            Some(Ok(serving)) => {
                let delivery = tokio::spawn(
                    self.spool.clone().deliver(self.link.clone(), Timing::of(&self.identity.opts())),
                );
                let schedule =
                    Scheduler::new(&self.identity, self.jobs.clone(), self.spool.clone(), self.leads);
                let beacons = beacon::Engine::new(&self.identity, self.jobs.clone(), self.leads);
                if self.leads {
                    self.identity.set_schedule(schedule.clone());
                    self.identity.set_beacons(beacons.clone());
                }
                let scheduling = tokio::spawn(schedule.live());
                let watching = self.leads.then(|| tokio::spawn(beacons.live()));
                self.desk.resume(std::mem::take(&mut self.left));
                let outcome = self.serve(serving).await;
                scheduling.abort();
                watching.inspect(|watching| watching.abort());
                self.farewell(outcome.is_ok()).await;
                delivery.abort();
                outcome
            }
        };
        self.proxy.close().await;
        outcome
    }

    /// Authentication, pillar, device, grains: all that a job needs.
    async fn start(&mut self) -> Result<Serving, Exit> {
        let (channel, pillar) = loop {
            let (channel, _) = self.connect().await?;
            match self.first_pillar(&*channel).await {
                Ok(pillar) => break (channel, pillar),
                Err(e) => {
                    let wait = self.configured.seconds("acceptance_wait_time", 10);
                    error!(
                        "The pillar could not be fetched: {e}. Next attempt in {} seconds",
                        wait.as_secs()
                    );
                    tokio::time::sleep(wait).await;
                }
            }
        };
        let publications = channel.subscribe().map_err(|e| Exit::new(1, e.to_string()))?;
        self.identity.set_opts(pillar::into_opts(&self.configured, &pillar));
        self.identity.set_pillar(pillar);
        let opts = self.identity.opts();
        let device = opts.get("proxy").and_then(Value::as_map);
        proxy::check(self.identity.id(), device)?;
        if let Some(device) = device {
            self.proxy.apply(device, false).await;
        }
        self.proxy.first_attempt(DEVICE_PATIENCE).await;
        // Its news is already in the grains.
        while self.connections.try_recv().is_ok() {}
        let wish = Refresh { what: What::Pillar { clean_cache: false }, done: None };
        let renewed = renew(self.identity.clone(), self.link.clone(), vec![wish]).await;
        self.apply(renewed, false).await;
        let opts = self.identity.opts();
        Ok(Serving {
            publications,
            channel,
            subscribed: false,
            announce: true,
            lost: None,
            startup: startup_states(&opts),
            wishes: vec![],
            refreshing: false,
            chores: JoinSet::new(),
            ping: opts.minutes("ping_interval").map(every),
            grains: opts.minutes("grains_refresh_every").map(every),
            watch: Watch::of(&opts),
        })
    }

    async fn connect(&mut self) -> Result<(Arc<dyn Channel>, bool), Exit> {
        let Some(connection) = self.connection.as_mut() else {
            return Err(Exit::new(70, "the connection is in use twice"));
        };
        let (channel, renewed) = connection.establish().await?;
        self.configured.insert("master", connection.master().host.as_str());
        self.link.up(channel.clone());
        Ok((channel, renewed))
    }

    /// The first request of a proxy has the grains of its configuration only: the others need the device, which needs
    /// the pillar.
    async fn first_pillar(&self, channel: &dyn Channel) -> salt::Result<Map> {
        let none = Map::new();
        let grains = self.configured.get("grains").and_then(Value::as_map).unwrap_or(&none);
        let load = pillar::load(&self.configured, self.identity.id(), grains, &PillarRequest::default());
        pillar::compile_over(channel, load).await
    }

    async fn serve(&mut self, mut now: Serving) -> Result<(), Exit> {
        loop {
            let event = self.next(&mut now).await;
            match event {
                Event::Publication(PubEvent::Job(load)) => self.desk.accept(load),
                Event::Publication(PubEvent::Connected) => {
                    now.subscribed = true;
                    debug!("The publish connection is there");
                }
                Event::Publication(PubEvent::Disconnected) => {
                    now.subscribed = false;
                    warn!("Connection to master {} lost", self.master());
                    // The original authenticates anew and tells that it is back (3007 and later).
                    now.lost.get_or_insert_with(Instant::now);
                    self.reconnect(&mut now, Connection::lost);
                }
                Event::Publication(PubEvent::Dropped(Error::Unauthenticated(outcome)))
                | Event::Refused(outcome) => {
                    warn!("The master does not know this minion's key any more: {outcome}");
                    self.reconnect(&mut now, Connection::refused);
                }
                Event::Publication(PubEvent::Dropped(e)) => warn!("A publication was dropped: {e}"),
                Event::Reconnected(connection, outcome) => {
                    self.connection = Some(connection);
                    let (channel, _) = outcome?;
                    self.reconnected(&mut now, channel)?;
                }
                Event::Refresh(wish) => {
                    now.wishes.push(wish);
                    self.refresh(&mut now);
                }
                Event::Refreshed(renewed) => {
                    now.refreshing = false;
                    self.apply(renewed, true).await;
                    self.refresh(&mut now);
                }
                Event::Device | Event::GrainsDue => {
                    now.wishes.push(Refresh { what: What::Grains, done: None });
                    self.refresh(&mut now);
                }
                Event::Announce => {
                    info!("Minion is ready to receive requests!");
                    notify("READY=1");
                    now.announce = false;
                    now.lost = None;
                    now.chores.spawn(announce(self.identity.clone(), self.link.clone()));
                    if let Some(load) = now.startup.take() {
                        self.desk.begin(load);
                    }
                }
                Event::Ping => {
                    now.chores.spawn(ping(self.identity.clone(), self.link.clone()));
                }
                Event::Look(look) => self.look(&mut now, look),
                Event::Seen(Look::Alive, there) => {
                    if now.watch.counts_as_lost(there) {
                        warn!("Master {} does not answer any more", self.master());
                        now.lost.get_or_insert_with(Instant::now);
                        self.reconnect(&mut now, Connection::lost);
                    }
                }
                Event::Seen(Look::FailBack, there) => {
                    if there {
                        info!("The first master is there again: leaving master {} for it", self.master());
                        now.lost.get_or_insert_with(Instant::now);
                        self.reconnect(&mut now, Connection::fail_back);
                    }
                }
                Event::Stop => return Ok(()),
            }
        }
    }

    async fn next(&mut self, now: &mut Serving) -> Event {
        loop {
            if now.announce && now.subscribed {
                return Event::Announce;
            }
            tokio::select! {
                publication = now.publications.next() => return Event::Publication(publication),
                Some(outcome) = self.refusals.recv() => return Event::Refused(outcome),
                Some(wish) = self.refreshes.recv() => return Event::Refresh(wish),
                Some(()) = self.connections.recv() => return Event::Device,
                Some(done) = now.chores.join_next() => match done {
                    Ok(Some(event)) => return event,
                    Ok(None) => {}
                    Err(e) => error!("a defect ended a chore of the minion: {e}"),
                },
                () = tick(&mut now.ping) => return Event::Ping,
                () = tick(&mut now.grains) => return Event::GrainsDue,
                look = now.watch.next() => return Event::Look(look),
                _ = self.stop.wait_for(|stop| *stop) => return Event::Stop,
            }
        }
    }

    /// Makes the connection anew, unless that is being done already. `why` says what is wrong with the old one.
    fn reconnect(&mut self, now: &mut Serving, why: fn(&mut Connection)) {
        self.link.down();
        let Some(mut connection) = self.connection.take() else { return };
        why(&mut connection);
        now.chores.spawn(async move {
            let outcome = connection.establish().await;
            Some(Event::Reconnected(connection, outcome))
        });
    }

    fn reconnected(&mut self, now: &mut Serving, channel: Arc<dyn Channel>) -> Result<(), Exit> {
        if !Arc::ptr_eq(&channel, &now.channel) {
            now.publications = channel.subscribe().map_err(|e| Exit::new(1, e.to_string()))?;
            now.subscribed = false;
            now.lost.get_or_insert_with(Instant::now);
            now.channel = channel.clone();
        }
        let moved = self.connection.as_ref().map(|c| c.master().host.clone()).filter(|m| *m != self.master());
        self.link.up(channel);
        now.watch.fresh();
        // What was refused before is settled now.
        while self.refusals.try_recv().is_ok() {}
        if let Some(master) = &moved {
            info!("Re-initialising subsystems for new master {master}");
            self.configured.insert("master", master.as_str());
            let opts = Map::clone(&self.identity.opts());
            self.identity.set_opts(opts.with("master", master.as_str()));
        }
        if let Some(lost) = now.lost {
            now.announce = true;
            // A master that does not know our grains can't target by them: the request for the pillar brings them.
            if moved.is_some() || lost.elapsed() > RESTART_AFTER {
                now.wishes.push(Refresh { what: What::Pillar { clean_cache: false }, done: None });
                self.refresh(now);
            }
        }
        Ok(())
    }

    /// Asks a master whether it is there, unless the connection is being made anyway.
    fn look(&self, now: &mut Serving, look: Look) {
        let Some(connection) = &self.connection else { return };
        let patience = self.configured.seconds("auth_timeout", 5);
        match (look, connection.preferred()) {
            (Look::Alive, _) => {
                let channel = now.channel.clone();
                now.chores.spawn(async move {
                    Some(Event::Seen(Look::Alive, channel.ping(patience).await.is_ok()))
                });
            }
            (Look::FailBack, Some(first)) => {
                let channel = connection.beside(first.clone());
                now.chores.spawn(async move {
                    let there = match channel.await {
                        Ok(channel) => channel.ping(patience).await.is_ok(),
                        Err(_) => false,
                    };
                    Some(Event::Seen(Look::FailBack, there))
                });
            }
            (Look::FailBack, None) => {}
        }
    }

    /// The master of the moment, for the log.
    fn master(&self) -> &str {
        self.configured.text("master").unwrap_or_default()
    }

    /// Begins a refresh, unless one is under way: its end asks again.
    fn refresh(&mut self, now: &mut Serving) {
        if now.refreshing || now.wishes.is_empty() {
            return;
        }
        now.refreshing = true;
        let wishes = std::mem::take(&mut now.wishes);
        let (identity, link) = (self.identity.clone(), self.link.clone());
        now.chores.spawn(async move { Some(Event::Refreshed(renew(identity, link, wishes).await)) });
    }

    /// Puts what a refresh brought into place. The device follows its configuration.
    async fn apply(&mut self, renewed: Renewed, retry: bool) {
        let applied = renewed.apply(&self.identity, &self.configured);
        if !applied.is_new {
            // Without a new pillar nobody has corrected anything: a device that refused the user is left in peace.
            return;
        }
        let opts = self.identity.opts();
        if let Some(device) = opts.get("proxy").and_then(Value::as_map) {
            self.proxy.apply(device, retry).await;
        }
        // Who has waited for the pillar finds the device told of it.
        drop(applied);
    }

    /// Jobs and returns have a moment to come to their end.
    async fn farewell(&self, patient: bool) {
        notify("STOPPING=1");
        let settled = async {
            self.jobs.idle().await;
            if self.link.is_up() {
                self.spool.drained().await;
            }
        };
        if patient && tokio::time::timeout(FAREWELL, settled).await.is_err() {
            info!(
                "{} jobs are ended, {} returns are kept for the next start",
                self.jobs.all().len(),
                self.spool.len()
            );
        }
        self.jobs.abort_all();
    }
}

/// Renews grains and pillar over the link.
async fn renew(identity: Arc<Identity>, link: Arc<Link>, wishes: Vec<Refresh>) -> Renewed {
    refresh::renew(
        identity,
        wishes,
        async move |identity: &Identity, grains: &Map, request: PillarRequest| {
            pillar::compile(&link, pillar::load(&identity.opts(), identity.id(), grains, &request)).await
        },
    )
    .await
}

/// The job that `startup_states` asks for (`salt/minion.py`, `_state_run`). The master gives it its jid.
fn startup_states(opts: &Map) -> Option<Map> {
    let (fun, arg) = match opts.text("startup_states")? {
        "sls" => ("state.sls", vec![opts.get("sls_list").cloned().unwrap_or_default()]),
        "top" => ("state.top", vec![opts.get("top_file").cloned().unwrap_or_default()]),
        _ => ("state.highstate", vec![]),
    };
    Some(
        map! { "jid" => "req", "ret" => opts.text("ext_job_cache").unwrap_or_default(), "fun" => fun, "arg" => arg },
    )
}

/// The start events (`salt/minion.py`, `_fire_master_minion_start`).
async fn announce(identity: Arc<Identity>, link: Arc<Link>) -> Option<Event> {
    let id = identity.id();
    let opts = identity.opts();
    let text = format!("Minion {id} started at {}", clock::asctime());
    let all = identity.grains();
    let mut shown = Map::new();
    for name in opts.words("start_event_grains") {
        if let Some(value) = all.get(&name) {
            shown.insert(name, value.clone());
        }
    }
    let mut tags = vec![format!("salt/minion/{id}/start")];
    if opts.flag("enable_legacy_startup_events", true) {
        tags.insert(0, "minion_start".into());
    }
    for tag in tags {
        let mut load = event_load(id, &tag, text.as_str().into());
        if !shown.is_empty() {
            load.insert("grains", shown.clone());
        }
        if let Err(e) = link.request(load, None).await {
            warn!("The start event {tag} could not be fired: {e}");
        }
    }
    None
}

async fn ping(identity: Arc<Identity>, link: Arc<Link>) -> Option<Event> {
    if let Err(e) = link.request(event_load(identity.id(), "minion_ping", "ping".into()), None).await {
        debug!("The ping event could not be fired: {e}");
    }
    None
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;

//! A vCenter (or an ESXi host): its session, its live inventory, and the tasks it does for us.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::inventory::collected::{self, Collected};
use crate::inventory::watcher::{self, Command};
use crate::inventory::{self, EntityRef, Inventory, Store, VirtualMachine};
use crate::rest::{Rest, Tags};
use crate::session::{CallOptions, Config, Lane, Session};
use crate::task::{self, TaskInfo, Tasks};
use crate::vim::{Args, MoRef, Object, Value};
use crate::work::{About, Intent, Step};

/// How long the inventory may take to tell of what we have done, before it is read directly: reading is one cheap question,
/// and somebody is waiting for the answer.
const SETTLE: Duration = Duration::from_millis(400);

/// How long a task may take unless said otherwise; cloning and moving take longer, and say so.
pub const TASK_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a call that starts no task may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A vCenter. Cheap to clone: all clones share one session, one inventory, one wait for tasks.
///
/// Reads go to [`Client::inventory`] and cost nothing. Writes are in [`crate::ops`]; each returns when the vCenter has done
/// it *and* the inventory shows it.
#[derive(Clone, Debug)]
pub struct Client {
    session: Session,
    store: Store,
    tasks: Tasks,
    commands: mpsc::Sender<Command>,
    tags: Tags,
    workers: Arc<Workers>,
}

/// The loops behind the client. They end with the last clone.
#[derive(Debug)]
struct Workers(Mutex<Vec<JoinHandle<()>>>);

impl Client {
    /// Logs in and begins to follow the inventory. Fails if the login does; does not wait for the inventory
    /// ([`Client::ready`]).
    pub async fn connect(config: Config) -> Result<Client> {
        Ok(Client::new(Session::connect(config).await?))
    }

    /// A client that needs no vCenter yet: it logs in as soon as there is one. Must be called within a Tokio runtime.
    pub fn new(session: Session) -> Client {
        let (writer, store) = inventory::store();
        let (tasks, follower) = Tasks::new(session.clone());
        let (commands, receiver) = mpsc::channel(64);
        let source = Collected::new(session.clone(), session.config().timeouts.updates);
        let workers = vec![tokio::spawn(watcher::run(source, writer, receiver)), tokio::spawn(follower)];
        Client {
            tags: Tags::new(Rest::new(&session)),
            session,
            store,
            tasks,
            commands,
            workers: Arc::new(Workers(Mutex::new(workers))),
        }
    }

    /// The session, for calls that no verb of [`crate::ops`] covers.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The live inventory.
    pub fn inventory(&self) -> &Store {
        &self.store
    }

    /// The inventory at this moment: `client.read().find::<VirtualMachine>("vm01", None)`.
    pub fn read(&self) -> Arc<Inventory> {
        self.store.read()
    }

    /// The Automation API, under a login of its own that is made at its first call.
    pub fn rest(&self) -> Rest {
        Rest::new(&self.session)
    }

    /// The vCenter's tags.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The tasks the vCenter does.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Waits until the inventory has been loaded for the first time.
    pub async fn ready(&self, timeout: Duration) -> Result<()> {
        if self.store.wait_until_ready(timeout).await {
            return Ok(());
        }
        // If the reason is the login, say that.
        self.session.login().await?;
        Err(Error::Timeout { what: "The inventory's first load".to_owned(), after: timeout })
    }

    /// What the server is (`AboutInfo`).
    pub async fn about(&self) -> Result<Object> {
        let content = self.session.content().await?;
        content.object("about").cloned().ok_or_else(|| Error::Decode {
            method: "RetrieveServiceContent".to_owned(),
            at: "about".to_owned(),
        })
    }

    /// Whether the server is an ESXi host, not a vCenter.
    pub async fn is_host(&self) -> Result<bool> {
        Ok(self.about().await?.str("apiType") == Some("HostAgent"))
    }

    /// Calls a method and waits for the task it starts; gives the task's result. Where as many tasks are under way as are
    /// allowed at once ([`crate::session::Limits::tasks`]), it waits for its turn first; that does not count as time of
    /// the task.
    ///
    /// # Errors
    ///
    /// Among others [`Error::Busy`] if its turn does not come within `timeout`.
    pub async fn run(
        &self,
        object: &MoRef,
        method: &str,
        args: impl Into<Args>,
        timeout: Duration,
    ) -> Result<Value> {
        self.run_with(object, method, args, timeout, |_| ()).await
    }

    /// As [`Client::run`], telling how the task proceeds.
    ///
    /// The witness of the [`crate::Work`] that this is part of hears of it before it is sent. Where the connection or the task
    /// is lost, the vCenter is looked at for what has become of it; it is never sent twice.
    pub async fn run_with(
        &self,
        object: &MoRef,
        method: &str,
        args: impl Into<Args>,
        timeout: Duration,
        mut progress: impl FnMut(&TaskInfo),
    ) -> Result<Value> {
        let args = args.into();
        let _host = match self.host_of(object) {
            Some(host) => Some(self.session.host_turn(host.moid(), method, timeout).await?),
            None => None,
        };
        let _turn = self.session.turn(Lane::Task, method, timeout).await?;
        let step = self.begin(object, method, &args).await?;
        let progress = |info: &TaskInfo| {
            step.proceeds(info);
            progress(info);
        };
        let outcome = match self.session.call_with(&named(&step), object, method, args).await {
            Ok(answer) => match answer.as_moref() {
                Some(task) => {
                    step.started(task).await;
                    self.end_of(step.intent(), task, timeout, progress).await
                }
                None => Err(Error::Decode { method: method.to_owned(), at: "no task".to_owned() }),
            },
            Err(error) if error.is_ambiguous() => {
                self.tasks.resolve(step.intent(), None, &error.to_string(), timeout, progress).await
            }
            Err(error) => Err(error),
        };
        step.end(outcome).await
    }

    /// Calls a method that changes something and starts no task. As with [`Client::run`], a witness hears of it first, and
    /// where the answer is lost the vCenter is looked at.
    pub async fn call(
        &self,
        object: &MoRef,
        method: &str,
        args: impl Into<Args>,
        timeout: Duration,
    ) -> Result<Value> {
        let args = args.into();
        let step = self.begin(object, method, &args).await?;
        let options = CallOptions { timeout: Some(timeout), ..named(&step) };
        let outcome = match self.session.call_with(&options, object, method, args).await {
            Err(error) if error.is_ambiguous() => {
                self.tasks.resolve(step.intent(), None, &error.to_string(), timeout, |_| ()).await
            }
            other => other,
        };
        step.end(outcome).await
    }

    /// Finds out what has become of something that an earlier process asked, as its witness has kept it: the intent, and the
    /// task if it was known.
    ///
    /// # Errors
    ///
    /// What it ended with; [`Error::Lost`] if it was not carried out, or if that cannot be told.
    pub async fn resolve(
        &self,
        intent: &Intent,
        task: Option<&MoRef>,
        why: &str,
        timeout: Duration,
    ) -> Result<Value> {
        let own = self.instance_uuid().await?;
        if own != intent.vcenter {
            let reason = format!("{why}; and this is another vCenter now ({own}, not {})", intent.vcenter);
            return Err(Error::Lost { what: intent.what(), done: None, reason });
        }
        self.tasks.resolve(intent, task, why, timeout, |_| ()).await
    }

    async fn begin(&self, object: &MoRef, method: &str, args: &Args) -> Result<Step> {
        let vcenter = self.instance_uuid().await?;
        let entity = EntityRef::from_moref(object);
        let inventory = self.read();
        let name = entity.as_ref().and_then(|entity| inventory.get(entity)).map(|it| it.name().to_owned());
        let entity = entity.map(|entity| entity.moref());
        Step::begin(&self.tasks, About { vcenter: &vcenter, object, entity, name, method, args }).await
    }

    /// The end of a task that is known. One that is not there any more, as after a restart of the vCenter, is looked for.
    async fn end_of(
        &self,
        intent: &Intent,
        task: &MoRef,
        timeout: Duration,
        mut progress: impl FnMut(&TaskInfo),
    ) -> Result<Value> {
        match self.tasks.wait_with(task, timeout, Some(&intent.method), &mut progress).await {
            Err(error) if task::is_forgotten(&error) => {
                let why = format!("The vCenter has forgotten {task}");
                self.tasks.resolve(intent, None, &why, timeout, progress).await
            }
            other => other,
        }
    }

    /// The host that a virtual machine is on.
    fn host_of(&self, object: &MoRef) -> Option<EntityRef> {
        let vm = EntityRef::from_moref(object)?;
        self.read().entity::<VirtualMachine>(&vm)?.host.clone()
    }

    /// The vCenter's own UUID; empty for an ESXi host.
    async fn instance_uuid(&self) -> Result<String> {
        let content = self.session.content().await?;
        Ok(content.str("about.instanceUuid").unwrap_or_default().to_owned())
    }

    /// Waits until the inventory shows what we have done, so that who reads next reads that. If the vCenter does not tell
    /// of it soon, the objects are read directly.
    ///
    /// False if even then they are not as wanted: somebody else has changed them meanwhile, or they cannot be read.
    pub async fn settle(&self, objects: &[EntityRef], mut wanted: impl FnMut(&Inventory) -> bool) -> bool {
        if self.store.wait_until(SETTLE, &mut wanted).await {
            return true;
        }
        tracing::debug!(?objects, "the inventory has not told of a change of ours, reading it");
        if let Err(error) = self.refresh(objects).await {
            tracing::debug!(%error, "cannot read what has been changed");
        }
        wanted(&self.read())
    }

    /// Reads what the inventory keeps of these objects directly into it. Those that are not there leave it.
    pub async fn refresh(&self, objects: &[EntityRef]) -> Result<()> {
        let events = collected::read(&self.session, objects, &Default::default()).await?;
        let (done, applied) = oneshot::channel();
        if self.commands.send(Command::Apply(events, done)).await.is_err() || applied.await.is_err() {
            return Err(Error::Closed);
        }
        Ok(())
    }

    /// Loads the whole inventory anew: page by page, and seen by readers as one change. For who does not trust what was told
    /// of changes; many who ask at once share one load.
    pub async fn reload(&self, timeout: Duration) -> Result<()> {
        let (done, loaded) = oneshot::channel();
        if self.commands.send(Command::Reload(done)).await.is_err() {
            return Err(Error::Closed);
        }
        match tokio::time::timeout(timeout, loaded).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::Closed),
            Err(_) => Err(Error::Timeout { what: "Loading the inventory anew".to_owned(), after: timeout }),
        }
    }

    /// Whether there are other clones of this client: somebody works with it.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.workers) > 1
    }

    /// Stops following the inventory and logs out. What the vCenter holds for us ends with the session. May be called
    /// again; other clones fail from now on.
    pub async fn close(&self) {
        self.workers.stop();
        self.session.close().await;
    }
}

/// The call of a step carries its id.
fn named(step: &Step) -> CallOptions {
    CallOptions { op_id: Some(step.intent().op_id.clone()), timeout: None }
}

impl Workers {
    fn stop(&self) {
        for worker in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            worker.abort();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop();
    }
}

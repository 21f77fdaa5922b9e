//! Doubles for tests: a channel whose master follows a script, and functions to publish. No byte goes over a wire here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salt::context::{Identity, Parts};
use salt::function::BoxFuture;
use salt::{
    Context, Error as SaltError, Function, Map, Registry, Result as SaltResult, Value, functions, map,
    salt_fn,
};
use tokio::sync::mpsc;

use crate::channel::{AuthOutcome, Error, PubEvent};
use crate::connection::{Channel, Opener, Patience, Subscription};
use crate::files::LocalFiles;
use crate::job::Jobs;
use crate::local::LocalMaster;

type Answer = Box<dyn Fn(&Map) -> Result<Value, Error> + Send + Sync>;

/// A channel to a master that follows a script and remembers what it was sent.
pub struct Scripted {
    outcomes: Mutex<VecDeque<Result<AuthOutcome, Error>>>,
    answer: Mutex<Answer>,
    heard: Mutex<Vec<Map>>,
    pub published: mpsc::UnboundedSender<PubEvent>,
    publications: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<PubEvent>>>,
    forgotten: Mutex<u32>,
}

pub fn accepted() -> Result<AuthOutcome, Error> {
    Ok(AuthOutcome::Accepted { publish_port: 4505, renewed: true })
}

impl Scripted {
    /// A master that accepts, has this pillar, and says nothing to anything else.
    pub fn new(pillar: Map) -> Arc<Scripted> {
        let (published, publications) = mpsc::unbounded_channel();
        Arc::new(Scripted {
            outcomes: Mutex::default(),
            answer: Mutex::new(Box::new(move |load| match load.get_str("cmd") {
                Some("_pillar") => Ok(pillar.clone().into()),
                _ => Ok(Value::None),
            })),
            heard: Mutex::default(),
            published,
            publications: Arc::new(tokio::sync::Mutex::new(publications)),
            forgotten: Mutex::default(),
        })
    }

    /// What the next `_auth` end in, before they are accepted.
    pub fn outcomes(&self, outcomes: impl IntoIterator<Item = Result<AuthOutcome, Error>>) {
        self.outcomes.lock().unwrap().extend(outcomes);
    }

    /// What requests are answered with from now on.
    pub fn answers(&self, answer: impl Fn(&Map) -> Result<Value, Error> + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// All loads so far.
    pub fn heard(&self) -> Vec<Map> {
        self.heard.lock().unwrap().clone()
    }

    /// The loads of one command.
    pub fn of(&self, cmd: &str) -> Vec<Map> {
        self.heard().into_iter().filter(|load| load.get_str("cmd") == Some(cmd)).collect()
    }

    /// The tags of the events so far.
    pub fn tags(&self) -> Vec<String> {
        self.of("_minion_event").iter().map(|e| e.get_str("tag").unwrap().to_string()).collect()
    }

    /// How often the credentials were dropped.
    pub fn forgotten(&self) -> u32 {
        *self.forgotten.lock().unwrap()
    }

    /// Publishes a job.
    pub fn publish(&self, jid: &str, fun: &str, arg: Vec<Value>) {
        let load = map! {
            "fun" => fun, "arg" => arg, "tgt" => "vc0*", "jid" => jid, "ret" => "", "tgt_type" => "glob", "user" => "root",
        };
        self.published.send(PubEvent::Job(load)).unwrap();
    }

    /// An opener that opens this channel for every master.
    pub fn opener(self: &Arc<Scripted>) -> Opener {
        let channel = self.clone();
        Arc::new(move |_| {
            let channel = channel.clone();
            Box::pin(async move { Ok(channel as Arc<dyn Channel>) })
        })
    }

    fn take(&self, load: Map) -> Result<Value, Error> {
        self.heard.lock().unwrap().push(load.clone());
        self.answer.lock().unwrap()(&load)
    }
}

impl Channel for Scripted {
    fn authenticate(&self) -> BoxFuture<'_, Result<AuthOutcome, Error>> {
        let outcome = self.outcomes.lock().unwrap().pop_front().unwrap_or_else(accepted);
        Box::pin(async move { outcome })
    }

    fn forget(&self) {
        *self.forgotten.lock().unwrap() += 1;
    }

    fn request(&self, load: Map, _patience: Option<Patience>) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move { self.take(load) })
    }

    fn request_bytes(&self, load: Map) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move { self.take(load) })
    }

    fn pillar(&self, load: Map) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move { self.take(load) })
    }

    fn ping(&self, _patience: Duration) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.take(map! { "cmd" => "ping" }).map(drop) })
    }

    fn subscribe(&self) -> Result<Box<dyn Subscription>, Error> {
        self.published.send(PubEvent::Connected).unwrap();
        Ok(Box::new(Queue(self.publications.clone())))
    }
}

struct Queue(Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<PubEvent>>>);

impl Subscription for Queue {
    fn next(&mut self) -> BoxFuture<'_, PubEvent> {
        Box::pin(async move {
            match self.0.lock().await.recv().await {
                Some(event) => event,
                None => std::future::pending().await,
            }
        })
    }
}

functions![echo, fails, invalid, invocation, leaves, panics, waits, killed];

/// Gives back.
#[salt_fn]
async fn echo(_cx: &Context, text: Value) -> SaltResult<Value> {
    Ok(text)
}

/// Fails.
#[salt_fn]
async fn fails(_cx: &Context) -> SaltResult<Value> {
    Err(SaltError::execution("no"))
}

/// Fails in a way that nobody foresaw.
#[salt_fn]
async fn invalid(_cx: &Context) -> SaltResult<Value> {
    Err(SaltError::exception("ValueError", "x"))
}

/// Is called wrongly.
#[salt_fn]
async fn invocation(_cx: &Context) -> SaltResult<Value> {
    Err(SaltError::invocation("wrong"))
}

/// Leaves a return code.
#[salt_fn(out = "highstate")]
async fn leaves(cx: &Context, retcode: i64) -> SaltResult<Value> {
    cx.set_retcode(retcode);
    Ok(Value::None)
}

/// Has a defect.
#[salt_fn]
async fn panics(_cx: &Context) -> SaltResult<Value> {
    panic!("a defect")
}

/// Takes its time.
#[salt_fn]
async fn waits(_cx: &Context, seconds: u64) -> SaltResult<bool> {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok(true)
}

/// Says that its job was killed.
#[salt_fn]
async fn killed(_cx: &Context) -> SaltResult<Value> {
    Err(SaltError::Killed)
}

/// These functions as a registry.
pub fn registry() -> Registry {
    let table: &'static [Function] = FUNCTIONS;
    Registry::new([table]).unwrap()
}

/// An identity with these functions and no master.
pub fn identity(opts: Map) -> Arc<Identity> {
    let master = LocalMaster::new(opts.clone(), Arc::new(Jobs::default()));
    Identity::new(Parts {
        id: "vc01".into(),
        files: Arc::new(LocalFiles::new(&opts)),
        opts,
        modules: Arc::new(registry()),
        states: Arc::default(),
        master,
    })
}

/// Waits until something is true, in the time of the test's clock.
pub async fn eventually(mut is: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to be");
}

//! A minion without a master: what functions may want of one is answered from memory, and written down.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salt::context::{FileHash, Files, Identity, Job, Master, Parts, PillarRequest};
use salt::function::BoxFuture;
use salt::{Args, Context, Error, Map, Registry, Result, Value, map};

/// A master that compiles one pillar, knows some jobs, and notes what it is told.
#[derive(Default)]
pub struct Memory {
    /// The pillar that it compiles.
    pub pillar: Map,
    /// The jobs that run.
    pub running: Vec<Map>,
    /// Events fired, loads sent, signals given, refreshes asked for, in order.
    pub told: Mutex<Vec<String>>,
    /// What the next loads are answered with; `True` when there is no more.
    pub answers: Mutex<VecDeque<Value>>,
}

impl Memory {
    fn note(&self, what: String) {
        self.told.lock().expect("no test panics here").push(what);
    }
}

/// The double as both master and file server.
pub struct Double {
    /// What stands behind it.
    pub memory: Memory,
    /// The files of the environment `base`: path and content.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Where files are cached.
    pub cachedir: PathBuf,
}

impl Master for Double {
    fn fire_event(&self, tag: String, data: Map, _preload: Option<Map>) -> BoxFuture<'_, Result<bool>> {
        self.memory.note(format!("event {tag} {}", Value::Map(data).repr()));
        Box::pin(async { Ok(true) })
    }

    fn request(&self, load: Map) -> BoxFuture<'_, Result<Value>> {
        self.memory.note(format!("load {}", Value::Map(load).repr()));
        let answer = self.memory.answers.lock().expect("no test panics here").pop_front();
        Box::pin(async { Ok(answer.unwrap_or_else(|| true.into())) })
    }

    fn compile_pillar(&self, request: PillarRequest) -> BoxFuture<'_, Result<Map>> {
        if let Some(ext) = &request.ext {
            self.memory.note(format!("ext {}", ext.repr()));
        }
        let mut pillar = self.memory.pillar.clone();
        pillar.merge_recursive(request.pillar_override);
        Box::pin(async { Ok(pillar) })
    }

    fn refresh_pillar(&self, _wait: Option<Duration>, clean_cache: bool) -> BoxFuture<'_, Result<bool>> {
        self.memory.note(format!("refresh pillar {clean_cache}"));
        Box::pin(async { Ok(true) })
    }

    fn refresh_grains(&self) -> BoxFuture<'_, Result<bool>> {
        self.memory.note("refresh grains".into());
        Box::pin(async { Ok(true) })
    }

    fn running(&self) -> Vec<Map> {
        self.memory.running.clone()
    }

    fn signal_job(&self, jid: &str, signal: i64) -> Option<i64> {
        self.memory.note(format!("signal {signal} to {jid}"));
        let there = self.memory.running.iter().any(|job| job.get_str("jid") == Some(jid));
        there.then_some(4711)
    }
}

impl Files for Double {
    fn envs(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async { Ok(vec!["dev".into(), "base".into()]) })
    }

    fn list(&self, saltenv: String, prefix: String) -> BoxFuture<'_, Result<Vec<String>>> {
        let there = self.files.keys().filter(|path| saltenv == "base" && path.starts_with(&prefix));
        let there = there.cloned().collect();
        Box::pin(async { Ok(there) })
    }

    fn list_dirs(&self, saltenv: String, prefix: String) -> BoxFuture<'_, Result<Vec<String>>> {
        let mut dirs: Vec<String> = Vec::new();
        for path in self.files.keys().filter(|path| saltenv == "base" && path.starts_with(&prefix)) {
            if let Some((dir, _)) = path.rsplit_once('/')
                && !dirs.iter().any(|known| known == dir)
            {
                dirs.push(dir.into());
            }
        }
        Box::pin(async { Ok(dirs) })
    }

    fn hash(&self, path: String, saltenv: String) -> BoxFuture<'_, Result<Option<FileHash>>> {
        let there = saltenv == "base" && self.files.contains_key(&path);
        let hash = there.then(|| FileHash { hash_type: "sha256".into(), hsum: format!("hash of {path}") });
        Box::pin(async { Ok(hash) })
    }

    fn cache(&self, path: String, saltenv: String) -> BoxFuture<'_, Result<Option<PathBuf>>> {
        let cached = self.files.get(&path).filter(|_| saltenv == "base").map(|content| {
            let place = self.cachedir.join("files").join(saltenv).join(&path);
            let dir = place.parent().expect("it is below the cache");
            std::fs::create_dir_all(dir).expect("the temporary directory can be written");
            std::fs::write(&place, content).expect("the temporary directory can be written");
            place
        });
        Box::pin(async { Ok(cached) })
    }

    fn master_opts(&self) -> BoxFuture<'_, Result<Map>> {
        Box::pin(async { Ok(Map::new()) })
    }
}

/// What the double answers to one call: as a job returns it.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// `return`
    pub ret: Value,
    /// `retcode`
    pub retcode: i64,
    /// `out`
    pub out: Option<&'static str>,
}

/// A minion of the double, with the grains and the pillar of the recorded one.
pub struct Minion {
    /// The identity, for tests that change it.
    pub identity: Arc<Identity>,
    /// The double, to look at what it was told.
    pub double: Arc<Double>,
    /// Where its configuration and cache are; gone with it.
    pub dir: tempfile::TempDir,
}

impl Minion {
    /// A minion like the recorded one, with files and jobs.
    pub fn new(files: &[(&str, &str)], running: Vec<Map>) -> Minion {
        let dir = tempfile::tempdir().expect("there is a temporary directory");
        std::fs::create_dir(dir.path().join("cache")).expect("it is empty");
        let pillar = map! {
            "proxy" => map! { "proxytype" => "dummy" },
            "foo" => "bar",
            "nested" => map! { "a" => 1, "b" => ["x", "y"] },
            "secret" => "hunter2",
        };
        let double = Arc::new(Double {
            memory: Memory {
                pillar: pillar.clone(),
                running,
                told: Mutex::default(),
                answers: Mutex::default(),
            },
            files: files.iter().map(|(path, text)| (path.to_string(), text.as_bytes().to_vec())).collect(),
            cachedir: dir.path().join("cache"),
        });
        let modules = Registry::new(modules::MODULES.iter().copied()).expect("no name is declared twice");
        let identity = Identity::new(Parts {
            id: "px1".into(),
            opts: map! {
                "id" => "px1",
                "master" => "127.0.0.1",
                "conf_file" => dir.path().join("proxy").display().to_string(),
                "cachedir" => dir.path().join("cache").display().to_string(),
                "pki_dir" => dir.path().join("pki").display().to_string(),
                "saltenv" => Value::None,
                "pillarenv" => Value::None,
                "hash_type" => "sha256",
                "file_client" => "remote",
                "backup_mode" => "",
                "proxy" => map! { "proxytype" => "dummy" },
            },
            modules: Arc::new(modules),
            states: Arc::new(Registry::default()),
            master: double.clone(),
            files: double.clone(),
        });
        identity.set_pillar(pillar);
        identity.set_grains(map! {
            "id" => "px1",
            "os" => "proxy",
            "os_family" => "proxy",
            "saltversioninfo" => [3007, 17],
            "dns" => map! { "nameservers" => ["10.255.255.53"], "domain" => "" },
        });
        Minion { identity, double, dir }
    }

    /// A context for one job.
    pub fn context(&self, jid: &str, fun: &str) -> Context {
        let load = map! { "fun" => fun, "jid" => jid, "tgt" => "px1", "ret" => "" };
        Context::new(self.identity.clone(), Arc::new(Job::new(jid, load)))
    }

    /// What a job of this function returns (`salt/metaproxy/proxy.py`, `thread_return`). Of an exception only its last
    /// line is kept.
    pub async fn call(&self, fun: &str, mut args: Args) -> Answer {
        let cx = self.context("20261122150000000000", fun);
        if cx.modules().get(fun).is_some_and(|function| function.kwargs) {
            args.keywords.extend(cx.pub_data());
        }
        self.answered(&cx, fun, args).await
    }

    /// What a function that is called from within a job answers.
    #[allow(dead_code, reason = "not all tests call from within")]
    pub async fn call_from_within(&self, fun: &str, args: Args) -> Answer {
        let cx = self.context("20261122150000000000", fun);
        self.answered(&cx, fun, args).await
    }

    async fn answered(&self, cx: &Context, fun: &str, args: Args) -> Answer {
        match cx.call(fun, args).await {
            Ok(ret) => {
                let failed = ret.as_map().is_some_and(|map| {
                    ["result", "success"].iter().any(|key| map.get(key).is_some_and(|v| !v.truthy()))
                });
                let retcode = if cx.job().retcode() == 0 && failed { 1 } else { cx.job().retcode() };
                Answer { ret, retcode, out: cx.modules().get(fun).and_then(|f| f.out) }
            }
            Err(error) => {
                let ret = match &error {
                    Error::Exception(..) => format!("EXC {}", error.traceback_line()),
                    other => other.job_return(fun, "").trim_end().to_string(),
                };
                Answer { ret: ret.into(), retcode: 1, out: Some("nested") }
            }
        }
    }

    /// What the master will answer to the next load that has no answer yet.
    #[allow(dead_code, reason = "not all tests script the master")]
    pub fn answer(&self, answer: impl Into<Value>) {
        self.double.memory.answers.lock().expect("no test panics here").push_back(answer.into());
    }

    /// What the master and the minion were told so far.
    pub fn told(&self) -> Vec<String> {
        self.double.memory.told.lock().expect("no test panics here").clone()
    }
}

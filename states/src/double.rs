//! Doubles of a master and of its file server, for tests: the files are those of `data/`, nothing is sent anywhere.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salt::context::{FileHash, Files, Identity, Job, Master, Parts, PillarRequest};
use salt::{BoxFuture, Context, Error, Map, Registry, Result, Value, list, map};

/// What is told to the double, and what it is asked for.
#[derive(Default)]
pub struct Double {
    /// The top file of `base`: a name below `data/tops`.
    pub top: Option<String>,
    /// The grains.
    pub grains: Map,
    /// Pillar errors.
    pub errors: Vec<Value>,
    /// The options of the master for states.
    pub master_opts: Map,
    /// Jobs that run.
    pub jobs: Arc<Mutex<Vec<Map>>>,
    /// Events that were fired.
    pub events: Arc<Mutex<Vec<(String, Map)>>>,
}

impl Double {
    /// A context for one job with that jid.
    pub fn context(self, jid: &str, opts: Map) -> Context {
        let tables = crate::MODULES.iter().copied().chain([crate::test::functions::FUNCTIONS]);
        let modules = Arc::new(Registry::new(tables).expect("no name is declared twice"));
        let tables = crate::STATES.iter().copied().chain([crate::test::odd::FUNCTIONS]);
        let states = Arc::new(Registry::new(tables).expect("no name is declared twice"));
        let double = Arc::new(self);
        let identity = Identity::new(Parts {
            id: "minion".into(),
            opts,
            modules,
            states,
            master: double.clone(),
            files: double.clone(),
        });
        identity.set_grains(double.grains.clone().with("os", "proxy"));
        Context::new(identity, Arc::new(Job::new(jid, map! { "fun" => "state.apply", "jid" => jid })))
    }

    fn root(saltenv: &str) -> Option<PathBuf> {
        let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data");
        match saltenv {
            "base" => Some(data.join("sls")),
            "dev" => Some(data.join("dev")),
            _ => None,
        }
    }
}

impl Master for Double {
    fn fire_event(&self, tag: String, data: Map, _preload: Option<Map>) -> BoxFuture<'_, Result<bool>> {
        self.events.lock().expect("no test panics with it").push((tag, data));
        Box::pin(async { Ok(true) })
    }

    fn request(&self, _load: Map) -> BoxFuture<'_, Result<Value>> {
        Box::pin(async { Err(Error::execution("there is no master")) })
    }

    fn compile_pillar(&self, request: PillarRequest) -> BoxFuture<'_, Result<Map>> {
        let mut pillar = map! { "foo" => "bar", "nested" => map! { "a" => 1, "b" => ["x", "y"] } };
        if !self.errors.is_empty() {
            pillar.insert("_errors", self.errors.clone());
        }
        pillar.merge_recursive(request.pillar_override);
        Box::pin(async { Ok(pillar) })
    }

    fn refresh_pillar(&self, _wait: Option<Duration>, _clean_cache: bool) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async { Ok(true) })
    }

    fn refresh_grains(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async { Ok(true) })
    }

    fn running(&self) -> Vec<Map> {
        self.jobs.lock().expect("no test panics with it").clone()
    }

    fn signal_job(&self, _jid: &str, _signal: i64) -> Option<i64> {
        None
    }
}

impl Files for Double {
    fn envs(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async { Ok(vec!["base".into(), "dev".into()]) })
    }

    fn list(&self, saltenv: String, _prefix: String) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async move {
            let Some(root) = Double::root(&saltenv) else { return Ok(vec![]) };
            let (mut files, mut open) = (Vec::new(), vec![root.clone()]);
            while let Some(dir) = open.pop() {
                for entry in std::fs::read_dir(dir).expect("a directory of the data") {
                    let path = entry.expect("an entry").path();
                    match path.is_dir() {
                        true => open.push(path),
                        false => {
                            let relative = path.strip_prefix(&root).expect("below its root");
                            files.push(relative.to_str().expect("text").to_string());
                        }
                    }
                }
            }
            files.sort();
            Ok(files)
        })
    }

    fn list_dirs(&self, _saltenv: String, _prefix: String) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn hash(&self, _path: String, _saltenv: String) -> BoxFuture<'_, Result<Option<FileHash>>> {
        Box::pin(async { Ok(None) })
    }

    fn cache(&self, path: String, saltenv: String) -> BoxFuture<'_, Result<Option<PathBuf>>> {
        Box::pin(async move {
            let Some(mut place) = Double::root(&saltenv).map(|root| root.join(&path)) else {
                return Ok(None);
            };
            if path == "top.sls" && saltenv == "base" {
                let Some(top) = &self.top else { return Ok(None) };
                place = Double::root("base").expect("there is a base").join(format!("../tops/{top}.sls"));
            }
            Ok(place.is_file().then_some(place))
        })
    }

    fn master_opts(&self) -> BoxFuture<'_, Result<Map>> {
        let mut opts =
            map! { "renderer" => "jinja|yaml", "state_top" => "salt://top.sls", "env_order" => list![] };
        opts.extend(self.master_opts.clone());
        Box::pin(async { Ok(opts) })
    }
}

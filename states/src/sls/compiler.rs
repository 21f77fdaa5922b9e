//! What one compile holds: options, the environments and SLS files there are, and the running order number.

use std::path::PathBuf;

use indexmap::{IndexMap, IndexSet};
use render::{RenderError, Shared, Source};
use salt::{Context, Map, Value, list};

/// SLS names to render, by environment, in order.
pub type Matches = IndexMap<String, Vec<String>>;

/// Compiles SLS files of the file server (`salt/state.py`, `BaseHighState`).
pub struct Compiler {
    pub(super) cx: Context,
    pub(super) opts: Map,
    envs: Option<Vec<String>>,
    available: IndexMap<String, Vec<String>>,
    pub(super) order: i64,
    /// The SLS files that were rendered, also those that hold no state.
    pub rendered: IndexSet<String>,
    /// Grains, pillar and options as the templates of this run see them.
    shared: Shared,
}

/// An SLS file on this machine.
pub(super) struct Found {
    pub bytes: Vec<u8>,
    /// Where it lies.
    pub place: PathBuf,
    /// The file is the `init.sls` of a directory: relative includes start inside of it.
    pub init: bool,
}

impl Compiler {
    /// A compiler for one run. Takes the options that steer states from the master (`__gen_opts`).
    pub async fn new(cx: &Context) -> Compiler {
        let mut opts = (*cx.opts()).clone();
        if !opts.get("local_state").is_some_and(Value::truthy) {
            match cx.files().master_opts().await {
                Ok(master) => take_master_opts(&mut opts, &master),
                Err(e) => {
                    tracing::warn!("The master's options for states are not known: {e}");
                    take_master_opts(&mut opts, &Map::new());
                }
            }
        }
        Compiler {
            cx: cx.clone().with_opts(opts.clone()),
            opts,
            envs: None,
            available: IndexMap::new(),
            order: 10_000,
            rendered: IndexSet::new(),
            shared: Shared::default(),
        }
    }

    /// The context of the run: the caller's, with the options of the compile.
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// Replaces one option, for example another `state_top`.
    pub fn set_opt(&mut self, key: &str, value: impl Into<Value>) {
        self.opts.insert(key, value);
        self.cx = self.cx.clone().with_opts(self.opts.clone());
        self.shared = Shared::default();
    }

    /// The environments, `base` first unless `env_order` says otherwise.
    pub async fn envs(&mut self) -> Vec<String> {
        if let Some(envs) = &self.envs {
            return envs.clone();
        }
        let served = self.cx.files().envs().await.unwrap_or_else(|e| {
            tracing::error!("The environments of the file server are not known: {e}");
            vec![]
        });
        let mut order: Vec<String> = Vec::new();
        for env in self.opts.get("env_order").and_then(Value::as_list).unwrap_or_default() {
            let env = env.to_string();
            if !order.contains(&env) {
                order.push(env);
            }
        }
        let envs = match (order.is_empty(), served.is_empty()) {
            (false, false) => order.into_iter().filter(|env| served.contains(env)).collect(),
            (false, true) => order,
            (true, _) => {
                let mut envs = vec!["base".to_string()];
                let roots = self.opts.get("file_roots").and_then(Value::as_map);
                let named = roots.into_iter().flat_map(|roots| roots.keys().map(Value::to_string));
                for env in named.chain(served) {
                    if !envs.contains(&env) {
                        envs.push(env);
                    }
                }
                envs
            }
        };
        self.envs = Some(envs.clone());
        envs
    }

    /// True if there is such an environment.
    pub async fn knows(&mut self, saltenv: &str) -> bool {
        saltenv == "base" || self.envs().await.iter().any(|env| env == saltenv)
    }

    /// The SLS files of an environment, by their dotted names.
    pub async fn available(&mut self, saltenv: &str) -> Vec<String> {
        if let Some(names) = self.available.get(saltenv) {
            return names.clone();
        }
        let files = self.cx.files().list(saltenv.to_string(), String::new()).await.unwrap_or_else(|e| {
            tracing::error!("The files of environment '{saltenv}' are not known: {e}");
            vec![]
        });
        let names: Vec<String> = files.iter().filter_map(|path| sls_name(path)).collect();
        self.available.insert(saltenv.to_string(), names.clone());
        names
    }

    /// The file of an SLS: `a/b.sls` before `a/b/init.sls`.
    pub(super) async fn find(&self, sls: &str, saltenv: &str) -> Option<Found> {
        let path = sls.replace('.', "/");
        for (path, init) in [(format!("{path}.sls"), false), (format!("{path}/init.sls"), true)] {
            if let Some((bytes, place)) = self.file(&path, saltenv).await {
                return Some(Found { bytes, place, init });
            }
        }
        None
    }

    /// The content of a file of the file server, and where it lies.
    pub(super) async fn file(&self, path: &str, saltenv: &str) -> Option<(Vec<u8>, PathBuf)> {
        let cached = self.cx.files().cache(path.to_string(), saltenv.to_string()).await;
        match cached {
            Ok(Some(place)) => match tokio::fs::read(&place).await {
                Ok(bytes) => Some((bytes, place)),
                Err(e) => {
                    tracing::error!("{} can't be read: {e}", place.display());
                    None
                }
            },
            Ok(None) => None,
            Err(e) => {
                tracing::error!("{path} of environment '{saltenv}' can't be fetched: {e}");
                None
            }
        }
    }

    /// Renders a text with the renderers of this run. `sls` is empty for what is no SLS file, `place` for what is no file.
    ///
    /// # Errors
    /// [`RenderError`] in Salt's words.
    pub async fn render(
        &self,
        bytes: &[u8],
        saltenv: &str,
        sls: &str,
        place: Option<PathBuf>,
    ) -> Result<Value, RenderError> {
        let source = Source {
            saltenv: saltenv.to_string(),
            sls: Some(sls.to_string()),
            path: place.map(|place| place.to_string_lossy().into_owned()),
            shared: self.shared.clone(),
            ..Source::default()
        };
        let value = render::render(&self.cx, bytes, &source).await?;
        Ok(if value.truthy() { value } else { Map::new().into() })
    }

    /// The environment of the call; none for all of them.
    pub fn saltenv(&self) -> Option<String> {
        self.opts.get("saltenv").filter(|env| env.truthy()).map(Value::to_string)
    }
}

fn sls_name(path: &str) -> Option<String> {
    let dotted = path.trim_start_matches('/').replace('/', ".");
    match path.ends_with("/init.sls") {
        true => dotted.strip_suffix(".init.sls").map(str::to_string),
        false => dotted.strip_suffix(".sls").map(str::to_string),
    }
}

fn take_master_opts(opts: &mut Map, master: &Map) {
    let taken = [
        ("renderer", "jinja|yaml".into()),
        ("failhard", false.into()),
        ("state_top_saltenv", Value::None),
        ("nodegroups", Map::new().into()),
        ("file_roots", Map::new().into()),
        ("jinja_env", Map::new().into()),
        ("jinja_sls_env", Map::new().into()),
    ];
    for (key, default) in taken {
        opts.insert(key, master.get(key).cloned().unwrap_or(default));
    }
    let either = [
        ("state_auto_order", true.into()),
        ("top_file_merging_strategy", "merge".into()),
        ("env_order", list![]),
        ("default_top", "base".into()),
    ];
    for (key, default) in either {
        let own = opts.get(key).cloned();
        opts.insert(key, master.get(key).cloned().or(own).unwrap_or(default));
    }
    for key in ["state_events", "state_aggregate"] {
        if !opts.get(key).is_some_and(Value::truthy) {
            opts.insert(key, master.get(key).cloned().filter(Value::truthy).unwrap_or(false.into()));
        }
    }
    let top = master.get_str("state_top").unwrap_or("salt://top.sls");
    opts.insert("state_top", top_url(top));
}

/// The `salt://` address of a top file, however it is given.
pub fn top_url(top: &str) -> String {
    match top.starts_with("salt://") {
        true => top.to_string(),
        false => format!("salt://{}", top.strip_prefix('/').unwrap_or(top)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_dotted_names() {
        for (path, name) in [
            ("a.sls", Some("a")),
            ("a/b.sls", Some("a.b")),
            ("a/init.sls", Some("a")),
            ("init.sls", Some("init")),
            ("a.txt", None),
        ] {
            assert_eq!(sls_name(path).as_deref(), name, "{path}");
        }
    }
}

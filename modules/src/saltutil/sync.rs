//! `sync_*`: modules that users keep beside their states.
//!
//! They are written in Python, which this minion can't run. So the functions bring nothing and answer in Salt's shapes,
//! which highstates, orchestrations and the states of `saltutil` rely on; one warning in the log names what was left.

mod kind;

use salt::{Context, Error, Function, Map, Result, Value, Words, functions, salt_fn};

functions![sync_all, sync_grains, sync_pillar, sync_sdb, sync_tops, sync_wrapper];

/// The tables of the functions here.
pub const TABLES: [&[Function]; 2] = [FUNCTIONS, kind::FUNCTIONS];

/// Synchronises everything: a list a kind of module, each of them empty.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_all
/// salt '*' saltutil.sync_all saltenv=dev
/// ```
#[salt_fn]
async fn sync_all(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Refresh the pillar afterwards.
    #[default(true)]
    refresh: bool,
    /// Kinds of modules, each with the names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// Kinds of modules, each with the names that may not be synchronised.
    extmod_blacklist: Option<Value>,
    /// Let the master drop its cached pillar.
    #[default(false)]
    clean_pillar_cache: bool,
) -> Result<Map> {
    let filter = Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist };
    let left = filter.left_on_server(cx, None).await;
    warn_of(&left);
    if refresh {
        cx.master().refresh_pillar(None, clean_pillar_cache).await?;
    }
    let kinds = KINDS.iter().map(|(name, _)| *name);
    let mut ret = Map::new();
    // Without a master these have a use too.
    let (first, last) =
        if is_masterless(cx) { (&["tops"][..], &["pillar", "wrapper"][..]) } else { (&[][..], &[][..]) };
    for name in first.iter().copied().chain(kinds).chain(last.iter().copied()) {
        ret.insert(name, Value::List(Vec::new()));
    }
    Ok(ret)
}

/// Synchronises custom grains: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_grains
/// ```
#[salt_fn]
async fn sync_grains(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Refresh the pillar afterwards.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
    /// Let the master drop its cached pillar.
    #[default(false)]
    clean_pillar_cache: bool,
) -> Result<Vec<Value>> {
    let filter = Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist };
    if refresh {
        cx.master().refresh_pillar(None, clean_pillar_cache).await?;
    }
    sync(cx, "grains", filter).await
}

/// Synchronises custom sdb modules: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_sdb
/// ```
#[salt_fn]
async fn sync_sdb(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    sync(cx, "sdb", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom top modules of a master: only a minion without a master has a use for them, and none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt-call --local saltutil.sync_tops
/// ```
#[salt_fn]
async fn sync_tops(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    masterless_only(cx, "Master top modules")?;
    sync(cx, "tops", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom wrapper modules of salt-ssh: only a minion without a master has a use for them, and none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt-call --local saltutil.sync_wrapper
/// ```
#[salt_fn]
async fn sync_wrapper(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    masterless_only(cx, "Wrapper modules")?;
    sync(cx, "wrapper", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom external pillars: only a minion without a master has a use for them, and none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt-call --local saltutil.sync_pillar
/// ```
#[salt_fn]
async fn sync_pillar(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Refresh the pillar afterwards.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
    /// Let the master drop its cached pillar.
    #[default(false)]
    clean_pillar_cache: bool,
) -> Result<Vec<Value>> {
    masterless_only(cx, "Pillar modules")?;
    if refresh {
        cx.master().refresh_pillar(None, clean_pillar_cache).await?;
    }
    sync(cx, "pillar", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// The kinds that `sync_all` knows, in its order, and the directories below the roots that hold them.
const KINDS: [(&str, &str); 17] = [
    ("clouds", "clouds"),
    ("beacons", "beacons"),
    ("modules", "modules"),
    ("states", "states"),
    ("sdb", "sdb"),
    ("grains", "grains"),
    ("renderers", "renderers"),
    ("returners", "returners"),
    ("output", "output"),
    ("utils", "utils"),
    ("log_handlers", "log_handlers"),
    ("executors", "executors"),
    ("proxymodules", "proxy"),
    ("engines", "engines"),
    ("thorium", "thorium"),
    ("serializers", "serializers"),
    ("matchers", "matchers"),
];

/// Which of the files on the server are meant.
struct Filter {
    saltenv: Option<Words>,
    whitelist: Option<Value>,
    blacklist: Option<Value>,
}

impl Filter {
    /// The files of a kind (or of all) that Python would have loaded. A server that doesn't answer has none: that the
    /// list is empty is the answer anyway.
    async fn left_on_server(&self, cx: &Context, kind: Option<&str>) -> Vec<String> {
        let envs = match &self.saltenv {
            Some(Words(envs)) => envs.clone(),
            None => cx.files().envs().await.unwrap_or_else(|_| vec!["base".into()]),
        };
        let mut left = Vec::new();
        for env in envs {
            let prefix = kind.map(|kind| format!("_{kind}")).unwrap_or_default();
            for path in cx.files().list(env, prefix).await.unwrap_or_default() {
                let Some((dir, file)) = path.strip_prefix('_').and_then(|p| p.split_once('/')) else {
                    continue;
                };
                let known = kind.map_or_else(|| KINDS.iter().any(|(_, d)| *d == dir), |kind| kind == dir);
                if known && self.lets_through(dir, file) {
                    left.push(path);
                }
            }
        }
        left
    }

    fn lets_through(&self, dir: &str, file: &str) -> bool {
        let name = file.split('.').next().unwrap_or(file);
        let names = |list: &Value| match list {
            Value::Map(kinds) => kinds.get(dir).and_then(Value::as_list).map(|l| l.contains(&name.into())),
            Value::List(items) => Some(items.contains(&name.into())),
            Value::Str(text) => Some(text.split(',').any(|word| word.trim() == name)),
            _ => None,
        };
        let white = self.whitelist.as_ref().filter(|l| l.truthy()).and_then(names).unwrap_or(true);
        let black = self.blacklist.as_ref().filter(|l| l.truthy()).and_then(names).unwrap_or(false);
        white && !black
    }
}

async fn sync(cx: &Context, kind: &str, filter: Filter) -> Result<Vec<Value>> {
    warn_of(&filter.left_on_server(cx, Some(kind)).await);
    Ok(Vec::new())
}

fn warn_of(left: &[String]) {
    if !left.is_empty() {
        tracing::warn!("not loaded, this minion is native and can't run Python: {}", left.join(", "));
    }
}

fn is_masterless(cx: &Context) -> bool {
    cx.opts().get_str("file_client") == Some("local")
}

fn masterless_only(cx: &Context, what: &str) -> Result<()> {
    if is_masterless(cx) {
        return Ok(());
    }
    Err(Error::execution(format!("{what} can only be synced to masterless minions")))
}

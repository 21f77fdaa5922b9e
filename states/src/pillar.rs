//! The pillar without a master: top file and SLS files of local roots (`salt/pillar/__init__.py`), for
//! `vsalt call --local`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use render::{RenderError, Shared, Source};
use salt::context::PillarRequest;
use salt::target::{self, Subject};
use salt::{BoxFuture, Context, Map, Value, map};

use crate::sls::fnmatch::filter;

/// What a local pillar is compiled of.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    /// The id, the functions that templates call, and options: `pillar_roots` (environments with their directories),
    /// `renderer`, `state_top`, `nodegroups`, `env_order`, `pillar_merge_lists`, `pillar_source_merging_strategy`,
    /// `pillar_safe_render_error`.
    pub cx: &'a Context,
    /// The grains.
    pub grains: &'a Map,
    /// Environments and override of the call.
    pub request: &'a PillarRequest,
}

/// The pillar. What went wrong is under `_errors`, as from a master.
pub async fn compile(local: &Local<'_>) -> Map {
    let opts = local.cx.opts();
    let mut pillar = Pillar {
        local,
        roots: Roots::of(&opts),
        opts,
        rendered: HashMap::new(),
        ignored: Vec::new(),
        errors: Vec::new(),
        shared: Shared::default(),
    };
    pillar.compile().await
}

struct Pillar<'a> {
    local: &'a Local<'a>,
    opts: Arc<Map>,
    roots: Roots,
    /// What templates see and share.
    shared: Shared,
    /// What an SLS file of an environment came to; none where it has failed.
    rendered: HashMap<(String, String), Option<Map>>,
    /// SLS files that may be missing (`ignore_missing`).
    ignored: Vec<(String, String)>,
    errors: Vec<String>,
}

impl Pillar<'_> {
    async fn compile(&mut self) -> Map {
        let top = self.top().await;
        let over = &self.local.request.pillar_override;
        let mut pillar = over.clone();
        for (env, names) in self.matches(&top) {
            let available = self.roots.names(&env).await;
            let mut files: Vec<String> = Vec::new();
            for pattern in names {
                match filter(&available, &pattern).as_slice() {
                    [] => files.push(pattern),
                    hits => files.extend(hits.iter().map(|sls| sls.to_string())),
                }
            }
            for sls in files {
                if let Some(data) = self.sls(sls, env.clone()).await {
                    self.merge(&mut pillar, data);
                }
            }
        }
        if !self.errors.is_empty() {
            pillar.insert("_errors", std::mem::take(&mut self.errors));
        }
        self.merge(&mut pillar, over.clone());
        pillar
    }

    async fn render(&self, file: &Found, env: &str, sls: &str) -> Result<Value, RenderError> {
        let grains = self.local.grains.clone();
        let source = Source {
            saltenv: env.to_string(),
            sls: Some(sls.to_string()),
            path: Some(file.place.to_string_lossy().into_owned()),
            context: map! { "grains" => grains, "pillar" => self.local.request.pillar_override.clone() },
            pillar_roots: Some(self.roots.0.get(env).cloned().unwrap_or_default()),
            renderer: None,
            shared: self.shared.clone(),
        };
        let value = render::render(self.local.cx, &file.bytes, &source).await?;
        Ok(if value.truthy() { value } else { Map::new().into() })
    }

    fn merge(&self, into: &mut Map, other: Map) {
        match self.opts.get_str("pillar_source_merging_strategy") {
            Some("overwrite") => into.extend(other),
            _ => merge(into, other, self.opts.get("pillar_merge_lists").is_some_and(Value::truthy)),
        }
    }

    /// The sections of all top files: by environment, targets with their items.
    async fn top(&mut self) -> IndexMap<String, Map> {
        let path = self.opts.get_str("state_top").unwrap_or("top.sls");
        let path = path.strip_prefix("salt://").unwrap_or(path).trim_start_matches('/').to_string();
        let mut tops = Vec::new();
        for env in self.environments() {
            let Some(file) = self.roots.read(&env, &path).await else { continue };
            match self.render(&file, &env, "").await {
                Ok(Value::Map(mut top)) => {
                    let includes = top.remove("include");
                    tops.push(top);
                    for sls in includes.iter().filter_map(Value::as_list).flatten() {
                        let Some(file) = self.roots.find(&env, &sls.to_string()).await else {
                            continue;
                        };
                        match self.render(&file, &env, "").await {
                            Ok(Value::Map(top)) => tops.push(top),
                            Ok(_) => {}
                            Err(e) => self.errors.push(format!(
                                "Rendering Top file {sls} failed, render error:\n{}",
                                e.text()
                            )),
                        }
                    }
                }
                Ok(_) => self.errors.push("Error encountered while rendering pillar top file.".into()),
                Err(e) => {
                    self.errors
                        .push(format!("Rendering Primary Top file failed, render error:\n{}", e.text()));
                }
            }
        }
        let mut merged: IndexMap<String, Map> = IndexMap::new();
        for top in tops {
            for (env, targets) in top {
                match targets {
                    Value::Map(targets) => merged.entry(env.to_string()).or_default().extend(targets),
                    _ => self.errors.push("Error encountered while rendering pillar top file.".into()),
                }
            }
        }
        merged
    }

    fn environments(&self) -> Vec<String> {
        let request = self.local.request;
        match &request.pillarenv {
            Some(env) => vec![env.clone()],
            None if self.opts.get_str("pillar_source_merging_strategy") == Some("none") => {
                vec![request.saltenv.clone().unwrap_or_else(|| "base".into())]
            }
            None => self.roots.environments(),
        }
    }

    /// The SLS files of this minion, by environment.
    fn matches(&mut self, top: &IndexMap<String, Map>) -> Vec<(String, Vec<String>)> {
        let mut matches = Vec::new();
        for (env, targets) in top {
            if self.local.request.pillarenv.as_ref().is_some_and(|only| only != env) {
                continue;
            }
            let mut hits: Vec<(i64, Vec<String>)> = Vec::new();
            for (target, items) in targets {
                let items = items.as_list().unwrap_or_default();
                let option = |key: &str| items.iter().filter_map(|item| item.get(key)).next_back();
                let kind = option("match").map_or_else(|| "compound".to_string(), Value::to_string);
                let names: Vec<String> = items.iter().filter_map(Value::as_str).map(str::to_string).collect();
                if option("ignore_missing").is_some_and(Value::truthy) {
                    self.ignored.extend(names.iter().map(|sls| (env.clone(), sls.clone())));
                }
                let order = match option("order") {
                    Some(Value::Int(order)) => *order,
                    Some(Value::Str(order)) => order.trim().parse().unwrap_or(0),
                    _ => 0,
                };
                let nodegroups = self.opts.get("nodegroups").and_then(Value::as_map);
                let pillar = &self.local.request.pillar_override;
                let subject =
                    Subject { id: self.local.cx.id(), grains: self.local.grains, pillar, nodegroups };
                match target::by_kind(&kind, &target.to_string().into(), ":", subject) {
                    Some(true) => hits.push((order, names)),
                    Some(false) => {}
                    None => {
                        self.errors.push(format!("There is no matcher '{kind}' for the pillar top file."))
                    }
                }
            }
            hits.sort_by_key(|(order, _)| *order);
            let mut names: Vec<String> = Vec::new();
            for sls in hits.into_iter().flat_map(|(_, names)| names) {
                if !names.contains(&sls) {
                    names.push(sls);
                }
            }
            matches.push((env.clone(), names));
        }
        let order = self.opts.get("env_order").and_then(Value::as_list).unwrap_or_default();
        let place = |env: &str| order.iter().position(|one| one.as_str() == Some(env)).unwrap_or(order.len());
        matches.sort_by_key(|(env, _)| place(env));
        matches
    }

    /// One SLS file with what it includes (`render_pstate`).
    fn sls(&mut self, sls: String, env: String) -> BoxFuture<'_, Option<Map>> {
        Box::pin(async move {
            let key = (env.clone(), sls.clone());
            let Some(file) = self.roots.find(&env, &sls).await else {
                if !self.ignored.contains(&key) && self.roots.has(&env) {
                    self.errors.push(format!(
                        "Specified SLS '{sls}' in environment '{env}' is not available on the salt master"
                    ));
                }
                return None;
            };
            // A file that includes itself meets this entry.
            self.rendered.insert(key.clone(), None);
            let mut own = match self.render(&file, &env, &sls).await {
                Ok(Value::Map(own)) => own,
                Ok(_) => {
                    self.errors.push(format!("SLS '{sls}' does not render to a dictionary"));
                    return None;
                }
                Err(e) => {
                    tracing::error!("Rendering SLS '{sls}' failed, render error:\n{}", e.text());
                    let safe = self.opts.get("pillar_safe_render_error").is_none_or(Value::truthy);
                    self.errors.push(match safe {
                        true => format!("Rendering SLS '{sls}' failed. Please see master log for details."),
                        false => format!("Rendering SLS '{sls}' failed, render error:\n{}", e.text()),
                    });
                    return None;
                }
            };
            match own.remove("include") {
                None => {}
                Some(Value::List(includes)) => {
                    let included = self.included(includes, &sls, &env, file.init).await;
                    let own_last = !self.opts.get("pillar_includes_override_sls").is_some_and(Value::truthy);
                    let mut merged = Map::new();
                    let (first, last) = if own_last { (included, vec![own]) } else { (vec![own], included) };
                    for data in first.into_iter().chain(last) {
                        self.merge(&mut merged, data);
                    }
                    own = merged;
                }
                Some(_) => {
                    self.errors.push(format!("Include Declaration in SLS '{sls}' is not formed as a list"));
                }
            }
            self.rendered.insert(key, Some(own.clone()));
            Some(own)
        })
    }

    async fn included(&mut self, includes: Vec<Value>, sls: &str, env: &str, init: bool) -> Vec<Map> {
        let available = self.roots.names(env).await;
        let mut found = Vec::new();
        for include in includes {
            let (name, under) = match include {
                Value::Map(map) => match map.into_iter().next() {
                    Some((name, options)) => (
                        name.to_string(),
                        options.get("key").filter(|key| key.truthy()).map(Value::to_string),
                    ),
                    None => continue,
                },
                name => (name.to_string(), None),
            };
            let mut targets = filter(&available, &name.trim_start_matches('.').replace('/', "."));
            let mut absolute = name.clone();
            if let Some(rest) = name.strip_prefix('.') {
                let mut parts: Vec<&str> = sls.split('.').collect();
                if !init {
                    parts.pop();
                }
                parts.push(rest);
                absolute = parts.join(".");
            }
            for hit in filter(&available, &absolute) {
                if !targets.contains(&hit) {
                    targets.push(hit);
                }
            }
            let mut targets: Vec<String> = targets.into_iter().map(str::to_string).collect();
            if targets.is_empty() {
                targets.push(absolute);
            }
            for target in targets {
                let known = self.rendered.get(&(env.to_string(), target.clone())).cloned();
                let data = match known {
                    Some(data) => data,
                    None => self.sls(target, env.to_string()).await,
                };
                let Some(mut data) = data else { continue };
                for part in under.iter().flat_map(|key| key.rsplit(':')) {
                    data = Map::new().with(part, data);
                }
                found.push(data);
            }
        }
        found
    }
}

/// Merges maps key by key; lists are joined without doubles if asked for, else replaced (`dictupdate.update`).
fn merge(into: &mut Map, other: Map, lists: bool) {
    for (key, value) in other {
        match (into.get_key_mut(&key), value) {
            (Some(Value::Map(mine)), Value::Map(theirs)) => merge(mine, theirs, lists),
            (Some(Value::List(mine)), Value::List(theirs)) if lists => {
                for item in theirs {
                    if !mine.contains(&item) {
                        mine.push(item);
                    }
                }
            }
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// An SLS file of the pillar.
struct Found {
    bytes: Vec<u8>,
    place: PathBuf,
    /// It is the `init.sls` of a directory.
    init: bool,
}

/// Environments with their directories.
struct Roots(IndexMap<String, Vec<PathBuf>>);

impl Roots {
    fn of(opts: &Map) -> Roots {
        let roots = opts.get("pillar_roots").and_then(Value::as_map).into_iter().flatten();
        let paths = |paths: &Value| match paths {
            Value::List(paths) => paths.iter().map(|path| PathBuf::from(path.to_string())).collect(),
            Value::None => vec![],
            one => vec![PathBuf::from(one.to_string())],
        };
        Roots(roots.map(|(env, dirs)| (env.to_string(), paths(dirs))).collect())
    }

    /// `base` first.
    fn environments(&self) -> Vec<String> {
        let mut envs = vec!["base".to_string()];
        envs.extend(self.0.keys().filter(|env| *env != "base").cloned());
        envs
    }

    fn has(&self, env: &str) -> bool {
        self.0.get(env).is_some_and(|dirs| !dirs.is_empty())
    }

    async fn read(&self, env: &str, path: &str) -> Option<Found> {
        // A name from a file must not lead out of the roots.
        if Path::new(path).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return None;
        }
        for dir in self.0.get(env)? {
            let place = dir.join(path);
            if let Ok(bytes) = tokio::fs::read(&place).await {
                return Some(Found { bytes, place, init: path.ends_with("/init.sls") });
            }
        }
        None
    }

    /// The file of an SLS.
    async fn find(&self, env: &str, sls: &str) -> Option<Found> {
        let path = sls.replace('.', "/");
        match self.read(env, &format!("{path}.sls")).await {
            Some(found) => Some(found),
            None => self.read(env, &format!("{path}/init.sls")).await,
        }
    }

    /// The dotted names of all SLS files of an environment.
    async fn names(&self, env: &str) -> Vec<String> {
        let mut names = Vec::new();
        for root in self.0.get(env).into_iter().flatten() {
            let mut open = vec![root.clone()];
            while let Some(dir) = open.pop() {
                let Ok(mut entries) = tokio::fs::read_dir(&dir).await else { continue };
                while let Ok(Some(entry)) = entries.next_entry().await {
                    let path = entry.path();
                    // Links to directories are not followed, so that one that leads up can't hold us.
                    match entry.file_type().await {
                        Ok(kind) if kind.is_dir() => open.push(path),
                        Ok(_) => names.extend(path.strip_prefix(root).ok().and_then(sls_name)),
                        Err(_) => {}
                    }
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }
}

fn sls_name(path: &Path) -> Option<String> {
    let dotted = path.to_str()?.strip_suffix(".sls")?.replace('/', ".");
    Some(dotted.strip_suffix(".init").map_or_else(|| dotted.clone(), str::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::list;

    async fn compiled(files: &[(&str, &str)], request: PillarRequest) -> Map {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let opts = map! { "pillar_roots" => map! { "base" => [dir.path().to_str().expect("text")] } };
        let grains = map! { "os" => "proxy" };
        let cx = crate::double::Double::default().context("1", opts);
        compile(&Local { cx: &cx, grains: &grains, request: &request }).await
    }

    #[tokio::test]
    async fn targets_includes_and_overrides_come_together() {
        let files = [
            (
                "top.sls",
                "base:\n  'min*': [a, sub]\n  'os:proxy':\n    - match: grain\n    - b\n  other: [never]\n",
            ),
            ("a.sls", "include: [inc, {c: {key: 'x:y'}}]\nk: {one: 1, two: 2}\n"),
            ("inc.sls", "k: {two: 0, three: 3}\nl: [1]\n"),
            ("c.sls", "deep: true\n"),
            ("b.sls", "k: {one: 9}\nl: [2]\n"),
            ("sub/init.sls", "include: [.more]\n"),
            ("sub/more.sls", "sub: more\n"),
        ];
        let request =
            PillarRequest { pillar_override: map! { "k" => map! { "four" => 4 } }, ..Default::default() };
        assert_eq!(
            compiled(&files, request).await,
            map! {
                "k" => map! { "four" => 4, "two" => 2, "three" => 3, "one" => 9 },
                "l" => list![2],
                "x" => map! { "y" => map! { "deep" => true } },
                "sub" => "more",
            }
        );
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let files =
            [("top.sls", "base:\n  '*': [a, gone, b]\n"), ("a.sls", "- a\n"), ("b.sls", "x: {{ y }}\n")];
        let pillar = compiled(&files, PillarRequest::default()).await;
        assert_eq!(
            pillar,
            map! { "_errors" => [
                "SLS 'a' does not render to a dictionary",
                "Specified SLS 'gone' in environment 'base' is not available on the salt master",
                "Rendering SLS 'b' failed. Please see master log for details.",
            ] }
        );
    }
}

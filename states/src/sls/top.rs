//! Top files: which SLS files are this minion's (`BaseHighState.get_tops`, `merge_tops`, `top_matches`).

use indexmap::IndexMap;
use render::RenderError;
use salt::target::{self, Subject};
use salt::{Context, Error, Map, Result, Value, map};

use crate::sls::compiler::{Compiler, Matches};
use crate::sls::fnmatch::filter;

/// Why there is no top data.
#[derive(Clone, Debug, PartialEq)]
pub enum TopError {
    /// Salt's `SaltRenderError`, while top files are merged.
    Render(String),
    /// Any other exception.
    Other(Error),
}

impl From<TopError> for Error {
    fn from(error: TopError) -> Error {
        match error {
            TopError::Render(text) => Error::exception("salt.exceptions.SaltRenderError", text),
            TopError::Other(error) => error,
        }
    }
}

/// Rendered top files by environment.
type Tops = IndexMap<String, Vec<Value>>;

impl Compiler {
    /// The merged top data; empty where a top file could not be rendered.
    ///
    /// # Errors
    /// [`TopError`] where the data are not as top data are.
    pub async fn top(&mut self) -> Result<Map, TopError> {
        let strategy = self.opts.get_str("top_file_merging_strategy").unwrap_or("merge").to_string();
        let tops = match self.tops(&strategy).await {
            Ok(tops) => tops,
            Err(RenderError::Render(text)) => {
                tracing::error!("Unable to render top file: {text}");
                return Ok(Map::new());
            }
            Err(other) => return Err(TopError::Other(other.into())),
        };
        match strategy.as_str() {
            "same" => merge_same(&tops, &self.opts),
            "merge_all" => merge_all(&tops),
            "merge" => merge(tops),
            other => {
                tracing::warn!("Invalid top_file_merging_strategy '{other}', falling back to 'merge'");
                merge(tops)
            }
        }
    }

    async fn tops(&mut self, strategy: &str) -> Result<Tops, RenderError> {
        if strategy == "same"
            && self.saltenv().is_none()
            && !self.opts.get("default_top").is_some_and(Value::truthy)
        {
            return Err(RenderError::Render(
                "top_file_merging_strategy set to 'same', but no default_top configuration option was set"
                    .into(),
            ));
        }
        let envs = match (self.saltenv(), self.opts.get("state_top_saltenv").filter(|env| env.truthy())) {
            (Some(env), _) => vec![env],
            (None, Some(env)) => vec![env.to_string()],
            (None, None) => self.envs().await,
        };
        let url = self.opts.get_str("state_top").unwrap_or("salt://top.sls").to_string();
        let path = url.strip_prefix("salt://").unwrap_or(&url).to_string();
        let mut tops = Tops::new();
        for env in envs {
            let top = match self.file(&path, &env).await {
                Some((bytes, place)) => self.render(&bytes, &env, "", Some(place)).await?,
                None => Value::Map(Map::new()),
            };
            tops.entry(env).or_default().push(top);
        }
        self.included(&mut tops).await?;
        Ok(tops)
    }

    /// Adds the top files that top files include.
    async fn included(&mut self, tops: &mut Tops) -> Result<(), RenderError> {
        let mut wanted = Vec::new();
        for (env, tops) in tops.iter_mut() {
            for top in tops.iter_mut().filter_map(Value::as_map_mut) {
                if let Some(Value::List(patterns)) = top.remove("include") {
                    wanted.extend(patterns.into_iter().map(|pattern| (env.clone(), pattern.to_string())));
                }
            }
        }
        for (env, pattern) in wanted {
            let available = self.available(&env).await;
            for sls in filter(&available, &pattern) {
                let Some(found) = self.find(sls, &env).await else { continue };
                let top = self.render(&found.bytes, &env, "", Some(found.place)).await?;
                tops.entry(env.clone()).or_default().push(top);
            }
        }
        Ok(())
    }

    /// The SLS files whose targets match this minion, by environment.
    ///
    /// # Errors
    /// Python's `KeyError` for a kind of match that there is not, `TypeError` for items of a wrong type.
    pub async fn matches(&mut self, top: &Map) -> Result<Matches> {
        let only = self.saltenv();
        let mut matches = Matches::new();
        for (env, body) in top {
            let env = env.to_string();
            if only.as_ref().is_some_and(|only| *only != env) {
                continue;
            }
            for (target, data) in body.as_map().into_iter().flatten() {
                self.take_matches(&env, &target.to_string(), data, &mut matches).await?;
            }
        }
        self.take_master_tops(&mut matches).await;
        Ok(matches)
    }

    async fn take_matches(
        &mut self,
        env: &str,
        target: &str,
        data: &Value,
        matches: &mut Matches,
    ) -> Result<()> {
        // `subfilter` opens further targets below one that matched.
        let mut open = vec![(target.to_string(), data.clone())];
        while let Some((target, data)) = open.pop() {
            let items = match data {
                Value::List(items) => items,
                one => vec![one],
            };
            let kind = match items.iter().filter_map(|item| item.get("match")).next_back() {
                None => "compound".to_string(),
                Some(Value::Str(kind)) => kind.clone(),
                Some(other) => {
                    let text =
                        format!("unsupported operand type(s) for +: '{}' and 'str'", other.type_name());
                    return Err(Error::exception("TypeError", text));
                }
            };
            if !matcher(&self.cx, &kind, &target, self.opts.get("nodegroups"))? {
                continue;
            }
            matches.entry(env.to_string()).or_default();
            for item in items {
                match item {
                    Value::Str(sls) => matches.entry(env.to_string()).or_default().push(sls),
                    Value::Map(mut item) => {
                        if let Some(Value::Map(below)) = item.remove("subfilter") {
                            open.extend(below.into_iter().map(|(target, data)| (target.to_string(), data)));
                        }
                        // `{env: sls}`; `{match: kind}` falls through, since there is no such environment.
                        let Some((other, sls)) = item.into_iter().next_back() else { continue };
                        let other = other.to_string();
                        if other != "match" && self.knows(&other).await {
                            matches.entry(other).or_default().push(sls.to_string());
                        }
                    }
                    Value::List(_) => {}
                    other => {
                        let text = format!("argument of type '{}' is not iterable", other.type_name());
                        return Err(Error::exception("TypeError", text));
                    }
                }
            }
        }
        Ok(())
    }

    /// What the master's own `master_tops` say.
    async fn take_master_tops(&mut self, matches: &mut Matches) {
        if self.opts.get_str("file_client") == Some("local") {
            return;
        }
        let mut opts = map! { "id" => self.cx.id(), "grains" => (*self.cx.grains()).clone() };
        for key in ["saltenv", "pillarenv", "environment", "test"] {
            if let Some(value) = self.opts.get(key) {
                opts.insert(key, value);
            }
        }
        let load = map! { "cmd" => "_master_tops", "id" => self.cx.id(), "opts" => opts };
        let tops = match self.cx.master().request(load).await {
            Ok(Value::Map(tops)) => tops,
            Ok(_) => return,
            Err(e) => {
                tracing::warn!("The master's tops are not known: {e}");
                return;
            }
        };
        let master_first = self.opts.get("master_tops_first").is_some_and(Value::truthy);
        for (env, names) in tops {
            let theirs: Vec<String> =
                names.as_list().unwrap_or_default().iter().map(Value::to_string).collect();
            let ours = matches.entry(env.to_string()).or_default();
            let (first, second) = match master_first {
                true => (theirs, std::mem::take(ours)),
                false => (std::mem::take(ours), theirs),
            };
            let more: Vec<String> = second.into_iter().filter(|sls| !first.contains(sls)).collect();
            *ours = first;
            ours.extend(more);
        }
    }
}

/// All that is wrong with top data (`verify_tops`).
pub fn verify(top: &Map) -> Vec<String> {
    let mut errors = Vec::new();
    for (env, targets) in top {
        match env.as_str() {
            Some("include") => continue,
            Some("") => errors.push("Empty saltenv statement in top file".to_string()),
            Some(_) => {}
            None => errors.push(format!("Environment {env} in top file is not formed as a string")),
        }
        let Some(targets) = targets.as_map() else {
            errors.push(format!("The top file matches for saltenv {env} are not formatted as a dict"));
            continue;
        };
        for (target, items) in targets {
            let Some(items) = items.as_list() else {
                errors.push(format!(
                    "Malformed topfile: state declarations for matcher {} in saltenv {} are not formed as a list (got {})",
                    target.repr(),
                    env.repr(),
                    items.type_name()
                ));
                continue;
            };
            for item in items {
                match item {
                    Value::Map(option) => {
                        errors.extend(option.values().filter(|value| !value.truthy()).map(|value| {
                            format!("Improperly formatted top file matcher in saltenv {item}: {value} file")
                        }))
                    }
                    Value::Str(sls) if sls.is_empty() => {
                        errors.push(format!("Environment {env} contains an empty sls index"));
                    }
                    _ => {}
                }
            }
        }
    }
    errors
}

/// The environments and targets of one top file.
fn sections(top: &Value) -> Result<Vec<(&Value, &Map)>, TopError> {
    let Some(top) = top.as_map() else {
        let text = format!("'{}' object has no attribute 'items'", top.type_name());
        return Err(TopError::Other(Error::exception("AttributeError", text)));
    };
    let mut sections = Vec::new();
    for (env, targets) in top {
        if env.as_str() == Some("include") {
            continue;
        }
        match targets {
            Value::Map(targets) => sections.push((env, targets)),
            _ => return Err(TopError::Render("Unable to render top file. No targets found.".into())),
        }
    }
    Ok(sections)
}

fn put(merged: &mut Map, env: &Value, targets: &Map) {
    let section = merged.entry(env).or_insert_with(|| Map::new().into());
    if let Value::Map(section) = section {
        section.extend(targets.clone());
    }
}

/// `base` decides; other environments count for themselves, where `base` does not speak of them.
fn merge(mut tops: Tops) -> Result<Map, TopError> {
    let mut merged = Map::new();
    for top in tops.shift_remove("base").unwrap_or_default() {
        for (env, targets) in sections(&top)? {
            put(&mut merged, env, targets);
        }
    }
    for (own, tops) in &tops {
        for top in tops {
            for (env, targets) in sections(top)? {
                if env.as_str() == Some(own) && merged.get_key(env).is_none() {
                    put(&mut merged, env, targets);
                }
            }
        }
    }
    Ok(merged)
}

/// Every environment from its own top file, else from that of `default_top`.
fn merge_same(tops: &Tops, opts: &Map) -> Result<Map, TopError> {
    let empty = |tops: &[Value]| !tops.iter().any(Value::truthy);
    let fallback = opts.get_str("default_top").and_then(|env| tops.get(env)).map_or(&[][..], Vec::as_slice);
    let mut merged = Map::new();
    for (own, tops) in tops {
        let tops = if empty(tops) { fallback } else { tops.as_slice() };
        if empty(tops) {
            tracing::error!(
                "The '{own}' saltenv has no top file, and the one of default_top has no top file either"
            );
        }
        for top in tops {
            for (env, targets) in sections(top)? {
                if env.as_str() == Some(own) {
                    put(&mut merged, env, targets);
                }
            }
        }
    }
    Ok(merged)
}

/// All of them, the SLS files of equal targets one after the other.
fn merge_all(tops: &Tops) -> Result<Map, TopError> {
    let mut merged = Map::new();
    for top in tops.values().flatten() {
        for (env, targets) in sections(top)? {
            for (target, items) in targets {
                let before =
                    merged.get_key(env).and_then(|section| section.as_map()?.get_key(target)).cloned();
                let items = match before {
                    Some(before) => joined(&before, items),
                    None => items.clone(),
                };
                put(&mut merged, env, &Map::new().with(target, items));
            }
        }
    }
    Ok(merged)
}

fn joined(a: &Value, b: &Value) -> Value {
    let items = |value: &Value| value.as_list().map(<[Value]>::to_vec).unwrap_or_default();
    let (a, b) = (items(a), items(b));
    let option = |items: &[Value]| items.iter().rfind(|item| item.as_map().is_some()).cloned();
    let mut merged: Vec<Value> = option(&b).or(option(&a)).into_iter().collect();
    merged.extend(a.into_iter().filter(|item| item.as_str().is_some()));
    for item in b.into_iter().filter(|item| item.as_str().is_some()) {
        if !merged.contains(&item) {
            merged.push(item);
        }
    }
    Value::List(merged)
}

/// True if a target of a kind is this minion.
///
/// # Errors
/// Python's `KeyError` for a kind that there is not.
fn matcher(cx: &Context, kind: &str, tgt: &str, nodegroups: Option<&Value>) -> Result<bool> {
    let (grains, pillar) = (cx.grains(), cx.pillar());
    let nodegroups = nodegroups.and_then(Value::as_map);
    let subject = Subject { id: cx.id(), grains: &grains, pillar: &pillar, nodegroups };
    target::by_kind(kind, &tgt.into(), ":", subject)
        .ok_or_else(|| Error::exception("KeyError", format!("'{kind}_match.match'")))
}

/// True if a compound target is this minion; an unreadable one is not.
pub fn compound(cx: &Context, target: &str) -> bool {
    matcher(cx, "compound", target, None).unwrap_or(false)
}

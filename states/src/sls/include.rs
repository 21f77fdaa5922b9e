//! SLS files to one tree of high data: every file with what it includes (`render_highstate`, `render_state`).

use std::collections::HashSet;

use salt::{BoxFuture, Map, Value};

use crate::sls::compiler::{Compiler, Found, Matches};
use crate::sls::fnmatch::filter;
use crate::sls::high;

impl Compiler {
    /// Renders all files of the matches into one tree. All errors come together, beside what could be rendered.
    pub async fn render_highstate(&mut self, matches: &Matches) -> (Map, Vec<String>) {
        let mut tree = Map::new();
        let mut errors = Vec::new();
        let mut done = HashSet::new();
        for (saltenv, patterns) in matches {
            for pattern in patterns {
                let mut names = Vec::new();
                if self.knows(saltenv).await {
                    let available = self.available(saltenv).await;
                    names = filter(&available, pattern).into_iter().map(str::to_string).collect();
                } else {
                    errors.push(format!("No matching salt environment for environment '{saltenv}' found"));
                }
                if names.is_empty() {
                    names.push(pattern.clone());
                }
                for sls in names {
                    if done.contains(&format!("{saltenv}:{sls}")) {
                        continue;
                    }
                    let (state, mut found) =
                        self.render_state(sls, saltenv.clone(), &mut done, matches).await;
                    high::merge(&mut tree, state, &mut found);
                    for error in &mut found {
                        if error.contains("is not available")
                            && error.contains(&format!("SLS {pattern} in saltenv"))
                        {
                            *error = format!("No matching sls found for '{pattern}' in env '{saltenv}'");
                        }
                    }
                    errors.append(&mut found);
                }
            }
        }
        high::drop_repeated_extends(&mut tree);
        (tree, errors)
    }

    /// Renders one file and what it includes.
    pub(super) fn render_state<'a>(
        &'a mut self,
        sls: String,
        saltenv: String,
        done: &'a mut HashSet<String>,
        matches: &'a Matches,
    ) -> BoxFuture<'a, (Map, Vec<String>)> {
        Box::pin(async move {
            let Some(found) = self.find(&sls, &saltenv).await else {
                let error = format!(
                    "Specified SLS {sls} in saltenv {saltenv} is not available on the salt master or through a \
                     configured fileserver"
                );
                return (Map::new(), vec![error]);
            };
            self.render_found(found, sls, saltenv, done, matches).await
        })
    }

    /// Renders a file of this machine, which is on no file server.
    pub async fn render_local(&mut self, path: &str, saltenv: &str) -> (Map, Vec<String>) {
        let Ok(bytes) = tokio::fs::read(path).await else {
            return (Map::new(), vec![format!("Specified SLS {path} on local filesystem cannot be found.")]);
        };
        let found = Found { bytes, place: path.into(), init: false };
        let (sls, saltenv) = (path.to_string(), saltenv.to_string());
        self.render_found(found, sls, saltenv, &mut HashSet::new(), &Matches::new()).await
    }

    fn render_found<'a>(
        &'a mut self,
        found: Found,
        sls: String,
        saltenv: String,
        done: &'a mut HashSet<String>,
        matches: &'a Matches,
    ) -> BoxFuture<'a, (Map, Vec<String>)> {
        Box::pin(async move {
            let rendered = self.render(&found.bytes, &saltenv, &sls, Some(found.place)).await;
            done.insert(format!("{saltenv}:{sls}"));
            self.rendered.insert(sls.clone());
            let value = match rendered {
                Ok(value) => value,
                Err(e) => return (Map::new(), vec![e.of_sls(&saltenv, &sls)]),
            };
            let Value::Map(mut state) = value else {
                // What is no mapping can't be merged either, and Salt says so too.
                return (
                    Map::new(),
                    vec![
                        format!("SLS {sls} does not render to a dictionary"),
                        format!("Error when rendering state with contents: {value}"),
                    ],
                );
            };
            let mut errors = Vec::new();
            let includes = high::take_includes(&mut state, &sls, &mut errors);
            high::take_extend(&mut state, &sls, &saltenv, &mut errors);
            high::take_exclude(&mut state, &sls, &mut errors);
            high::pad(&mut state, &sls, &saltenv, &mut errors);
            for include in includes {
                let from = Includer { sls: &sls, saltenv: &saltenv, init: found.init };
                let (targets, saltenv) = match self.resolve(include, &from, matches).await {
                    Ok(resolved) => resolved,
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                };
                for target in targets {
                    if done.contains(&format!("{saltenv}:{target}")) {
                        continue;
                    }
                    let (mut included, mut found) =
                        self.render_state(target, saltenv.clone(), done, matches).await;
                    high::mark_included(&mut included, &sls);
                    high::merge(&mut state, included, &mut errors);
                    errors.append(&mut found);
                }
            }
            if self.opts.get("state_auto_order").is_none_or(Value::truthy) {
                high::number(&mut state, &mut self.order);
            }
            (state, errors)
        })
    }

    /// The files that an entry of `include` means, and their environment.
    async fn resolve(
        &mut self,
        include: Value,
        from: &Includer<'_>,
        matches: &Matches,
    ) -> Result<(Vec<String>, String), String> {
        let (env, name) = match include {
            Value::Map(map) => match map.into_iter().next_back() {
                Some((env, name)) => (env.to_string(), name.to_string()),
                None => (from.saltenv.to_string(), String::new()),
            },
            name => (from.saltenv.to_string(), name.to_string()),
        };
        let any = env == "_xenv";
        // A server of dynamic environments says so by one of this name; only with it Salt takes `_xenv` at all.
        if !self.knows(&env).await && !self.knows("__env__").await {
            return Err(format!(
                "Nonexistent saltenv '{env}' found in include of '{name}' within SLS '{}:{}'",
                from.saltenv, from.sls
            ));
        }
        let name = from.absolute(name)?;
        let resolved: Vec<String> = if any {
            let mut hits = Vec::new();
            for env in matches.keys() {
                if !filter(&self.available(env).await, &name).is_empty() {
                    hits.push(env.clone());
                }
            }
            hits
        } else if matches.contains_key(&env) || !filter(&self.available(&env).await, &name).is_empty() {
            vec![env.clone()]
        } else {
            vec![]
        };
        let saltenv = match resolved.as_slice() {
            [one] => one.clone(),
            several if several.iter().any(|env| env == from.saltenv) => from.saltenv.to_string(),
            [] => {
                let tried = match any {
                    true => matches.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
                    false => env.clone(),
                };
                return Err(format!(
                    "Unknown include: Specified SLS {env}: {name} is not available on the salt master in saltenv(s): \
                     {tried} "
                ));
            }
            several => {
                return Err(format!(
                    "Ambiguous include: Specified SLS {env}: {name} is available on the salt master in multiple \
                     available saltenvs: {}",
                    several.join(", ")
                ));
            }
        };
        // Globs are expanded with the names of the including environment, as Salt does.
        let available = self.available(from.saltenv).await;
        let mut targets: Vec<String> = filter(&available, &name).into_iter().map(str::to_string).collect();
        if targets.is_empty() {
            targets.push(name);
        }
        Ok((targets, saltenv))
    }
}

/// The file that an include stands in.
struct Includer<'a> {
    sls: &'a str,
    saltenv: &'a str,
    init: bool,
}

impl Includer<'_> {
    /// `.a` beside this file, `..a` a directory above.
    fn absolute(&self, name: String) -> Result<String, String> {
        let rest = name.trim_start_matches('.');
        let levels = name.len() - rest.len();
        if levels == 0 {
            return Ok(name);
        }
        let mut parts: Vec<&str> = self.sls.split('.').collect();
        if self.init {
            parts.push("init");
        }
        if levels > parts.len() {
            return Err(format!(
                "Attempted relative include of '{name}' within SLS '{}:{}' goes beyond top level package ",
                self.saltenv, self.sls
            ));
        }
        parts.truncate(parts.len() - levels);
        parts.push(rest);
        Ok(parts.join("."))
    }
}

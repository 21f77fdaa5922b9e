//! `listen` and `listen_in`: `mod_watch` of a state after the whole run, if what it listens to changed
//! (`State.call_listen`).

use salt::{Map, Value, list, map};

use crate::sls::REQUISITES;
use crate::sls::chunk::{flag, tag, text};
use crate::sls::run::{Run, Running};

/// Somebody who listens: its module, and an id or name; and what it listens to.
struct Listener {
    module: String,
    name: Value,
    sources: Vec<Value>,
}

impl Run {
    /// Runs the listeners and adds their results.
    pub async fn listeners(&mut self, chunks: &[Map], running: &mut Running) {
        let mut calls = Vec::new();
        let mut errors = Running::new();
        for listener in listeners(chunks) {
            for source in &listener.sources {
                for (module, name) in expand(source, chunks) {
                    let sources: Vec<&Map> = chunks.iter().filter(|low| is(low, &module, &name)).collect();
                    if sources.is_empty() {
                        missing(&module, &name, &mut errors);
                        continue;
                    }
                    let changed = |low: &&Map| running.get(&tag(low)).is_some_and(|ret| flag(ret, "changes"));
                    for _ in sources.into_iter().filter(changed) {
                        let hits: Vec<&Map> =
                            chunks.iter().filter(|low| is(low, &listener.module, &listener.name)).collect();
                        if hits.is_empty() {
                            missing(&listener.module, &listener.name, &mut errors);
                        }
                        calls.extend(hits.into_iter().map(watcher));
                    }
                }
            }
        }
        let ran = self.chunks(calls).await;
        running.extend(ran);
        for (tag, mut error) in errors {
            error.insert("__run_num__", self.number);
            self.number += 1;
            running.insert(tag, error);
        }
    }
}

fn listeners(chunks: &[Map]) -> Vec<Listener> {
    let mut found = Vec::new();
    for low in chunks {
        if let Some(sources) = low.get("listen") {
            let sources = sources.as_list().map_or_else(|| vec![sources.clone()], <[Value]>::to_vec);
            found.push(Listener {
                module: text(low, "state"),
                name: low.get("__id__").cloned().unwrap_or_default(),
                sources,
            });
        }
        for target in low.get("listen_in").and_then(Value::as_list).unwrap_or_default() {
            for (module, name) in target.as_map().into_iter().flatten() {
                let source = Map::new().with(text(low, "state"), low.get("__id__").cloned());
                let Value::List(sources) = list![source] else { continue };
                found.push(Listener { module: module.to_string(), name: name.clone(), sources });
            }
        }
    }
    found
}

/// `{module: name}` as it is; a plain name is the last state that has it as id or name.
fn expand(source: &Value, chunks: &[Map]) -> Vec<(String, Value)> {
    match source {
        Value::Map(source) => {
            source.iter().map(|(module, name)| (module.to_string(), name.clone())).collect()
        }
        plain => {
            let hit =
                chunks.iter().rev().find(|low| [low.get("__id__"), low.get("name")].contains(&Some(plain)));
            hit.map(|low| (text(low, "state"), low.get("__id__").cloned().unwrap_or_default()))
                .into_iter()
                .collect()
        }
    }
}

fn is(low: &Map, module: &str, name: &Value) -> bool {
    low.get_str("state") == Some(module) && [low.get("__id__"), low.get("name")].contains(&Some(name))
}

fn watcher(low: &Map) -> Map {
    let mut low = low.clone();
    low.insert("sfun", low.get("fun").cloned());
    low.insert("fun", "mod_watch");
    low.insert("__id__", format!("listener_{}", text(&low, "__id__")));
    low.retain(|key, _| !key.as_str().is_some_and(|key| REQUISITES.contains(&key)));
    low
}

fn missing(module: &str, name: &Value, errors: &mut Running) {
    errors.insert(
        format!("Listen_Error_|-listen_{name}_|-listen_{module}_|-Listen_Error"),
        map! {
            "comment" => format!("Referenced state {module}: {name} does not exist"),
            "name" => format!("listen_{module}:{name}"),
            "result" => false,
            "changes" => Map::new(),
        },
    );
}

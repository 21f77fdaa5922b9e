//! May a chunk run? What its requisites say (`State.check_requisite`).

use indexmap::{IndexMap, IndexSet};
use salt::{Map, Value};

use crate::sls::chunk::{first, tag, text};
use crate::sls::fnmatch::fnmatch;
use crate::sls::run::{Pass, Run};

/// What the requisites of a chunk come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// A target has not run yet, or does not exist.
    Unmet,
    /// A target that is required has failed.
    Fail,
    /// The target of a prereq would not change.
    Pre,
    /// No target of onfail has failed.
    OnFail,
    /// No target of onchanges has changed.
    OnChanges,
    /// A watched target has changed.
    Change,
    /// Go.
    Met,
}

/// The targets of a chunk: by kind, the places of the chunks in the pass.
pub(super) type Targets = IndexMap<&'static str, Vec<usize>>;

const KINDS: &[&str] = &[
    "require",
    "require_any",
    "watch",
    "watch_any",
    "prereq",
    "onfail",
    "onfail_any",
    "onfail_all",
    "onchanges",
    "onchanges_any",
];

/// A reference to other states: `{test: a}`, `{sls: b}`, `{id: c}`.
pub(super) struct Reference {
    pub kind: String,
    pub target: Value,
}

impl Reference {
    /// The references under a kind of requisite. What is no list is taken apart as Python iterates it.
    pub fn all(low: &Map, kind: &str) -> Vec<Reference> {
        let items = match low.get(kind) {
            Some(Value::List(items)) => items.clone(),
            Some(Value::Str(text)) => text.chars().map(|c| c.to_string().into()).collect(),
            Some(Value::Map(map)) => map.keys().cloned().collect(),
            _ => vec![],
        };
        let one = |item: &Value| match item {
            Value::Str(_) => Some(Reference { kind: "id".into(), target: item.clone() }),
            Value::Map(item) => first(item).map(|(kind, target)| {
                let kind = kind.to_string();
                let kind = kind.split('.').next().unwrap_or(&kind).to_string();
                Reference { kind, target: target.clone() }
            }),
            _ => None,
        };
        items.iter().filter_map(one).collect()
    }

    /// True if the chunk is one of those that are meant.
    pub fn means(&self, chunk: &Map) -> bool {
        let Some(pattern) = self.target.as_str() else { return false };
        if self.kind == "sls" {
            let from = chunk.get("__sls_included_from__").and_then(Value::as_list).unwrap_or_default();
            return is(chunk, "__sls__", pattern) || from.contains(&self.target);
        }
        (self.kind == "id" || chunk.get_str("state") == Some(&self.kind))
            && (is(chunk, "name", pattern) || is(chunk, "__id__", pattern))
    }

    /// True if it names an SLS file that was rendered and holds no state: such a requisite is fulfilled.
    pub fn is_empty_sls(&self, rendered: &IndexSet<String>) -> bool {
        let Some(pattern) = self.target.as_str() else { return false };
        self.kind == "sls" && rendered.iter().any(|sls| fnmatch(sls, pattern))
    }

    /// The reference as Salt prints it.
    pub fn line(&self) -> String {
        format!("{}: {}", self.kind, self.target)
    }
}

/// True if the pattern describes what is under the key. Most patterns are plain names, and every chunk is held against
/// every one of them.
fn is(chunk: &Map, key: &str, pattern: &str) -> bool {
    match chunk.get(key) {
        Some(Value::Str(text)) if !pattern.contains(['*', '?', '[']) => text == pattern,
        Some(value) => fnmatch(&value.to_string(), pattern),
        None => fnmatch("", pattern),
    }
}

impl Run {
    /// The targets of a chunk. None if one is not there at all.
    ///
    /// # Errors
    /// Salt's sentence for a reference that is neither text nor nothing.
    fn targets(&self, pass: &Pass, at: usize, with_prerequired: bool) -> Result<Option<Targets>, String> {
        let low = &pass.chunks[at];
        let mut targets: Targets = KINDS.iter().map(|kind| (*kind, vec![])).collect();
        if with_prerequired {
            targets.insert("prerequired", vec![]);
        }
        for (kind, places) in &mut targets {
            if low.get(kind).is_none_or(Value::is_none) {
                continue;
            }
            if self.disabled_requisites.iter().any(|one| one == kind) {
                tracing::warn!("The {kind} requisite has been disabled, Ignoring.");
                continue;
            }
            for reference in Reference::all(low, kind) {
                if reference.target.is_none() {
                    continue;
                }
                if reference.target.as_str().is_none() {
                    let name = pass.chunks.first().map(|chunk| text(chunk, "name")).unwrap_or_default();
                    return Err(format!(
                        "Could not locate requisite of [{}] present in state with name [{name}]",
                        reference.kind
                    ));
                }
                let before = places.len();
                places.extend((0..pass.chunks.len()).filter(|i| reference.means(&pass.chunks[*i])));
                if places.len() == before && !reference.is_empty_sls(&self.rendered) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(targets))
    }

    /// The status of a chunk, and its targets.
    pub(super) fn status(
        &self,
        pass: &Pass,
        at: usize,
        with_prerequired: bool,
    ) -> Result<(Status, Targets), String> {
        let low = &pass.chunks[at];
        if !KINDS.iter().chain(&["prerequired"]).any(|kind| low.contains_key(kind)) {
            return Ok((Status::Met, Targets::new()));
        }
        let Some(targets) = self.targets(pass, at, with_prerequired)? else {
            return Ok((Status::Unmet, Targets::new()));
        };
        let mut all = Stats::default();
        for (kind, places) in &targets {
            let mut stats = Stats::default();
            for place in places {
                let tag = tag(&pass.chunks[*place]);
                let ran = if *kind == "prereq" { self.pre.get(&tag) } else { pass.running.get(&tag) };
                stats.count(kind, ran);
            }
            stats.settle(kind);
            all.add(stats);
        }
        Ok((all.status(), targets))
    }
}

/// What was seen among the targets of one kind, or of all.
#[derive(Clone, Copy, Default)]
struct Stats {
    unmet: bool,
    fail: bool,
    pre: bool,
    premet: bool,
    onfail: bool,
    onchanges: bool,
    onchangesmet: bool,
    change: bool,
    met: bool,
}

impl Stats {
    fn count(&mut self, kind: &str, ran: Option<&Map>) {
        let Some(ran) = ran else {
            self.unmet = true;
            return;
        };
        let result = ran.get("result").unwrap_or(&Value::None);
        let failed = *result == Value::Bool(false);
        let changed = ran.get("changes").is_some_and(Value::truthy);
        if kind.starts_with("onfail") {
            if *result == Value::Bool(true) {
                self.onfail = true;
                return;
            }
        } else if kind.starts_with("onchanges") {
            match !failed && changed {
                true => self.onchangesmet = true,
                false => self.onchanges = true,
            }
            return;
        } else if failed {
            self.fail = true;
            return;
        }
        if kind.starts_with("watch") && changed {
            self.change = true;
            return;
        }
        match (kind, result.is_none()) {
            ("prereq", true) => self.premet = true,
            ("prereq", false) => {
                self.pre = true;
                return;
            }
            ("prerequired", false) => return,
            _ => {}
        }
        if ran.get("__state_ran__").is_none_or(Value::truthy) {
            self.met = true;
        }
    }

    fn settle(&mut self, kind: &str) {
        if kind.ends_with("_any") || kind == "onfail" {
            if self.met || self.change || self.onchangesmet {
                self.fail = false;
            }
            if self.onchangesmet {
                self.onchanges = false;
            }
            if self.met {
                self.onfail = false;
            }
        }
        if kind.ends_with("_all") && self.onfail {
            self.met = false;
        }
    }

    fn add(&mut self, other: Stats) {
        self.unmet |= other.unmet;
        self.fail |= other.fail;
        self.pre |= other.pre;
        self.premet |= other.premet;
        self.onfail |= other.onfail;
        self.onchanges |= other.onchanges;
        self.onchangesmet |= other.onchangesmet;
        self.change |= other.change;
        self.met |= other.met;
    }

    fn status(self) -> Status {
        if self.unmet {
            Status::Unmet
        } else if self.fail {
            Status::Fail
        } else if self.pre {
            if self.premet { Status::Met } else { Status::Pre }
        } else if self.onfail && !self.onchangesmet {
            Status::OnFail
        } else if self.onchanges && !self.onchangesmet {
            Status::OnChanges
        } else if self.change {
            Status::Change
        } else if self.onfail {
            Status::OnFail
        } else {
            Status::Met
        }
    }
}

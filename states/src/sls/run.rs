//! Runs chunks: requisites first, then the chunk (`State.call_chunks`, `State.call_chunk`).

use std::collections::HashSet;

use indexmap::{IndexMap, IndexSet};
use salt::context::PillarRequest;
use salt::{Context, Map, Value, map};

use crate::sls::chunk::{flag, function, tag, text};
use crate::sls::fnmatch::fnmatch;
use crate::sls::pause::{self, Action};
use crate::sls::requisites::{Reference, Status, Targets};

/// The results of a run, by tag, in the order in which they came.
pub type Running = IndexMap<String, Map>;

/// One run of states.
pub struct Run {
    /// The context of the run. Its pillar and its grains change when a state asks for that.
    pub(super) cx: Context,
    /// Nothing is called: every state succeeds (`mock=True`).
    pub mocked: bool,
    /// The SLS files that were rendered.
    pub rendered: IndexSet<String>,
    /// How to compile the pillar again (`reload_pillar`).
    pub pillar: PillarRequest,
    pub(super) disabled_requisites: Vec<String>,
    pub(super) number: i64,
    /// What test runs of prereq targets gave.
    pub(super) pre: Running,
    active: HashSet<String>,
}

/// One list of chunks and what became of them.
pub(super) struct Pass {
    pub chunks: Vec<Map>,
    pub running: Running,
    failhard: bool,
}

/// A chunk that waits for others.
struct Frame {
    at: usize,
    /// How often the chunk itself has been looked at.
    depth: usize,
    /// What it waits for, and how far that has come.
    wanted: Vec<usize>,
    next: usize,
    stage: Stage,
}

/// Where a waiting chunk is.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// At what it waits for.
    Targets,
    /// At itself, after all of them.
    Again,
}

/// The kinds of requisites that pull their targets forward, in this order.
const PULLING: &[&str] = &[
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
    "prerequired",
];

impl Run {
    /// A run with the options and the pillar of the context.
    pub fn new(cx: &Context) -> Run {
        let disabled_requisites = match cx.opts().get("disabled_requisites") {
            Some(Value::List(kinds)) => kinds.iter().map(Value::to_string).collect(),
            Some(Value::Str(kind)) => vec![kind.clone()],
            _ => vec![],
        };
        Run {
            cx: cx.clone(),
            mocked: false,
            rendered: IndexSet::new(),
            pillar: PillarRequest::default(),
            disabled_requisites,
            number: 0,
            pre: Running::new(),
            active: HashSet::new(),
        }
    }

    /// Runs chunks in their order; disabled ones fail without being called.
    pub async fn chunks(&mut self, mut chunks: Vec<Map>) -> Running {
        let mut results = self.take_disabled(&mut chunks);
        // Where a module has nothing to do on a watch, watching is requiring.
        for chunk in &mut chunks {
            self.watch_or_require(chunk);
        }
        let mut pass = Pass { chunks, running: Running::new(), failhard: false };
        for at in 0..pass.chunks.len() {
            if pass.failhard {
                return pass.running;
            }
            if !pass.running.contains_key(&tag(&pass.chunks[at])) {
                if pause::check(&self.cx, &pass.chunks[at]).await == Action::Kill {
                    break;
                }
                self.chunk(&mut pass, at).await;
                if self.failhard(&pass, at) {
                    return pass.running;
                }
            }
            self.active.clear();
        }
        results.extend(pass.running);
        results
    }

    fn take_disabled(&mut self, chunks: &mut Vec<Map>) -> Running {
        let mut disabled = Running::new();
        let grains = self.cx.grains();
        let patterns = grains.get("state_runs_disabled").and_then(Value::as_list).unwrap_or_default();
        chunks.retain(|low| {
            let state = function(low);
            let Some(pattern) = patterns.iter().filter_map(Value::as_str).find(|p| fnmatch(&state, p)) else {
                return true;
            };
            let ret = map! {
                "changes" => Map::new(),
                "result" => false,
                "comment" => format!(
                    "The state function \"{state}\" is currently disabled by \"{pattern}\", to re-enable, run \
                     state.enable {pattern}."
                ),
                "__run_num__" => self.number,
                "__sls__" => low.get("__sls__").cloned(),
            };
            self.number += 1;
            disabled.insert(tag(low), ret);
            false
        });
        disabled
    }

    fn watch_or_require(&self, chunk: &mut Map) {
        let watches = format!("{}.mod_watch", text(chunk, "state"));
        if self.cx.states().get(&watches).is_some() {
            return;
        }
        for (watch, require) in [("watch", "require"), ("watch_any", "require_any")] {
            let Some(more) = chunk.remove(watch) else { continue };
            match (chunk.get_mut(require), more) {
                (Some(Value::List(list)), Value::List(more)) => list.extend(more),
                (_, more) => {
                    chunk.insert(require, more);
                }
            }
        }
    }

    fn failhard(&self, pass: &Pass, at: usize) -> bool {
        let low = &pass.chunks[at];
        let opts = self.cx.opts();
        let wanted = low.get("failhard").or(opts.get("failhard")).is_some_and(Value::truthy);
        let failed =
            |ret: &Map| ret.get("result").is_some_and(|result| !result.is_none() && !result.truthy());
        wanted && !self.cx.test() && pass.running.get(&tag(low)).is_some_and(failed)
    }

    /// Runs one chunk after what it needs. The frames of what waits lie in a list, since a file may well hold a chain
    /// of requisites that is longer than a stack is deep.
    pub(super) async fn chunk(&mut self, pass: &mut Pass, at: usize) {
        let mut waiting: Vec<Frame> = Vec::new();
        let mut step = Some((at, 0));
        loop {
            if let Some((at, depth)) = step.take() {
                waiting.extend(self.enter(pass, at, depth).await);
            }
            let Some(frame) = waiting.last_mut() else { return };
            step = self.advance(pass, frame).await;
            if step.is_none() {
                waiting.pop();
            }
        }
    }

    /// Looks at a chunk and runs it if it may run; else gives the frame in which it waits. The depth is that of a chunk
    /// being looked at again and again.
    async fn enter(&mut self, pass: &mut Pass, at: usize, depth: usize) -> Option<Frame> {
        let tag = tag(&pass.chunks[at]);
        if !flag(&pass.chunks[at], "prerequired") {
            self.active.insert(tag.clone());
        }
        let testing = flag(&pass.chunks[at], "__prereq__");
        let (status, targets) = match self.status(pass, at, !testing) {
            Ok(found) => found,
            Err(comment) => {
                // Salt would lose the whole run here, with all that it has already done.
                let ret = self.not_run(&pass.chunks[at], false, &comment);
                pass.running.insert(tag, ret);
                self.report(pass, at).await;
                return None;
            }
        };
        match status {
            Status::Unmet => return self.pull(pass, at, depth).await,
            Status::Fail => self.requisite_failed(pass, at, &targets),
            Status::Change if !testing => self.watch(pass, at, &targets).await,
            Status::Pre => {
                let ret = self.not_run(&pass.chunks[at], true, "No changes detected");
                self.pre.insert(tag.clone(), ret.clone());
                pass.running.insert(tag, ret);
            }
            Status::OnFail | Status::OnChanges => {
                let comment = match status {
                    Status::OnFail => "State was not run because onfail req did not change",
                    _ => "State was not run because none of the onchanges reqs changed",
                };
                let ret = self.not_run(&pass.chunks[at], true, comment).with("__state_ran__", false);
                pass.running.insert(tag, ret);
            }
            Status::Met | Status::Change => {
                let ret = self.call_at(pass, at).await;
                match testing {
                    true => self.pre.insert(tag, ret),
                    false => pass.running.insert(tag, ret),
                };
            }
        }
        self.report(pass, at).await;
        None
    }

    /// Calls a chunk; a test run for a prereq is one only once.
    async fn call_at(&mut self, pass: &mut Pass, at: usize) -> Map {
        let low = pass.chunks[at].clone();
        let ret = self.call(&low).await;
        if flag(&low, "__prereq__") {
            pass.chunks[at].insert("__prereq__", false);
        }
        ret
    }

    /// The return of a chunk that was not called.
    fn not_run(&mut self, low: &Map, result: bool, comment: &str) -> Map {
        let (start_time, duration) = crate::sls::call::Clock::start().stop();
        let ret = map! {
            "changes" => Map::new(),
            "result" => result,
            "duration" => duration,
            "start_time" => start_time,
            "comment" => comment,
            "__run_num__" => self.number,
            "__sls__" => low.get("__sls__").cloned(),
            "__id__" => low.get("__id__").cloned(),
            "name" => low.get("name").cloned(),
        };
        self.number += 1;
        ret
    }

    /// What a chunk waits for; none if that is not there, which is its result.
    async fn pull(&mut self, pass: &mut Pass, at: usize, depth: usize) -> Option<Frame> {
        let (wanted, lost) = self.wanted(pass, at);
        let Some(comment) = lost else {
            return Some(Frame { at, depth, wanted, next: 0, stage: Stage::Targets });
        };
        let ret = self.not_run(&pass.chunks[at], false, &comment);
        if flag(&pass.chunks[at], "__prereq__") {
            self.fire(&ret, pass.chunks.len(), None).await;
            self.pre.insert(tag(&pass.chunks[at]), ret);
        } else {
            pass.running.insert(tag(&pass.chunks[at]), ret);
            self.report(pass, at).await;
        }
        None
    }

    /// Goes on with a chunk that waits: gives the next one to look at, or none when this frame is done.
    async fn advance(&mut self, pass: &mut Pass, frame: &mut Frame) -> Option<(usize, usize)> {
        let at = frame.at;
        if frame.stage == Stage::Targets {
            if let Some(done) = frame.next.checked_sub(1)
                && self.failhard(pass, frame.wanted[done])
            {
                pass.failhard = true;
                return None;
            }
            while let Some(place) = frame.wanted.get(frame.next).copied() {
                frame.next += 1;
                let target = tag(&pass.chunks[place]);
                if pass.running.contains_key(&target) {
                    continue;
                }
                if !self.active.contains(&target) {
                    return Some((place, 0));
                }
                self.meets_itself(pass, at, place).await;
                return None;
            }
            frame.stage = Stage::Again;
            if flag(&pass.chunks[at], "__prereq__") {
                self.test_run(pass, at).await;
            } else if frame.depth + 1 >= 20 {
                self.recursive(pass, at);
                self.report(pass, at).await;
            } else {
                return Some((at, frame.depth + 1));
            }
        }
        let last = frame.wanted.last().copied().or(pass.chunks.len().checked_sub(1));
        if last.is_some_and(|last| self.failhard(pass, last)) {
            pass.failhard = true;
        }
        None
    }

    /// A chunk needs one that waits for it.
    async fn meets_itself(&mut self, pass: &mut Pass, at: usize, place: usize) {
        if !flag(&pass.chunks[place], "__prerequired__") {
            self.recursive(pass, at);
            return self.report(pass, at).await;
        }
        // The chunk is on the way to itself by a prereq: see what it would do.
        if !self.pre.contains_key(&tag(&pass.chunks[at])) {
            pass.chunks[at].insert("__prereq__", true);
            let ret = self.call_at(pass, at).await;
            self.pre.insert(tag(&pass.chunks[place]), ret);
        }
    }

    /// What a chunk would change, for those that run before it if it would.
    async fn test_run(&mut self, pass: &mut Pass, at: usize) {
        let changed = matches!(self.status(pass, at, false), Ok((Status::Change, _)));
        let mut ret = self.call_at(pass, at).await;
        if changed && !flag(&ret, "changes") {
            ret.insert("changes", map! { "watch" => "watch" });
            ret.insert("result", Value::None);
        }
        self.pre.insert(tag(&pass.chunks[at]), ret);
    }

    fn recursive(&mut self, pass: &mut Pass, at: usize) {
        tracing::error!("Recursive requisite found");
        let mut ret = self.not_run(&pass.chunks[at], false, "Recursive requisite found");
        ret.remove("duration");
        ret.remove("start_time");
        pass.running.insert(tag(&pass.chunks[at]), ret);
    }

    /// The chunks that a chunk needs, in the order in which they are to run, and the comment that names those that
    /// are not there.
    fn wanted(&self, pass: &mut Pass, at: usize) -> (Vec<usize>, Option<String>) {
        let low = pass.chunks[at].clone();
        let kinds = if flag(&low, "__prereq__") { &PULLING[..PULLING.len() - 1] } else { PULLING };
        let mut wanted = Vec::new();
        let mut comment = String::new();
        for kind in kinds {
            let mut lost = Vec::new();
            for reference in Reference::all(&low, kind) {
                if reference.target.is_none() {
                    lost.push(reference.line());
                    continue;
                }
                let hits: Vec<usize> =
                    (0..pass.chunks.len()).filter(|i| reference.means(&pass.chunks[*i])).collect();
                for place in &hits {
                    match *kind {
                        "prereq" => pass.chunks[*place].insert("__prereq__", true),
                        "prerequired" if reference.kind != "sls" => {
                            pass.chunks[*place].insert("__prerequired__", true)
                        }
                        _ => None,
                    };
                }
                if hits.is_empty() && !reference.is_empty_sls(&self.rendered) {
                    lost.push(reference.line());
                }
                wanted.extend(hits);
            }
            if !lost.is_empty() {
                comment.push_str(&format!("{:19}{kind}:\n", ""));
                lost.iter().for_each(|line| comment.push_str(&format!("{:23}{line}\n", "")));
            }
        }
        let lost =
            (!comment.is_empty()).then(|| format!("The following requisites were not found:\n{comment}"));
        (wanted, lost)
    }

    fn requisite_failed(&mut self, pass: &mut Pass, at: usize, targets: &Targets) {
        let low = &pass.chunks[at];
        let own = tag(low);
        if let Some(mut ret) = self.pre.get(&own).cloned() {
            // What it would have changed has not been changed.
            ret.insert("changes", Map::new());
            ret.insert("__run_num__", self.number);
            for key in ["__sls__", "__id__", "name"] {
                ret.insert(key, low.get(key).cloned());
            }
            self.number += 1;
            self.pre.insert(own.clone(), ret.clone());
            pass.running.insert(own, ret);
            return;
        }
        let mut failed = IndexSet::new();
        for place in targets.values().flatten() {
            let target = &pass.chunks[*place];
            let tag = tag(target);
            let ret = self.pre.get(&tag).or(pass.running.get(&tag));
            if ret.and_then(|ret| ret.get("result")) == Some(&Value::Bool(false)) {
                failed.insert(format!("{}.{}", text(target, "__sls__"), text(target, "__id__")));
            }
        }
        let failed: Vec<String> = failed.into_iter().collect();
        let comment = format!("One or more requisite failed: {}", failed.join(", "));
        let ret = self.not_run(&low.clone(), false, &comment);
        self.pre.insert(own.clone(), ret.clone());
        pass.running.insert(own, ret);
    }

    /// Calls the chunk, and its `mod_watch` if it changed nothing itself.
    async fn watch(&mut self, pass: &mut Pass, at: usize, targets: &Targets) {
        let mut ret = self.call_at(pass, at).await;
        if !flag(&ret, "changes") && !flag(&ret, "skip_watch") {
            let watched = targets.get("watch").into_iter().flatten().map(|place| &pass.chunks[*place]);
            let changed =
                watched.filter(|low| pass.running.get(&tag(low)).is_some_and(|ret| flag(ret, "changes")));
            let changed: Vec<String> =
                changed.map(|low| format!("{}: {}", text(low, "state"), text(low, "__id__"))).collect();
            let mut low = pass.chunks[at].clone();
            low.insert("sfun", low.get("fun").cloned());
            low.insert("fun", "mod_watch");
            low.insert("__watched__", changed);
            ret = self.call(&low).await;
        }
        pass.running.insert(tag(&pass.chunks[at]), ret);
    }
}

impl Run {
    /// The kinds of requisites that the configuration switches off.
    pub fn disabled(&self) -> &[String] {
        &self.disabled_requisites
    }

    /// Calls one chunk alone, without regard to requisites.
    pub async fn one(&mut self, low: &Map) -> Map {
        self.call(low).await
    }

    /// Runs the chunks of one id, with what they require.
    pub async fn only(&mut self, mut chunks: Vec<Map>, id: &str) -> Running {
        for chunk in &mut chunks {
            self.watch_or_require(chunk);
        }
        let mut pass = Pass { chunks, running: Running::new(), failhard: false };
        for at in 0..pass.chunks.len() {
            if pass.chunks[at].get_str("__id__") == Some(id)
                && !pass.running.contains_key(&tag(&pass.chunks[at]))
            {
                self.chunk(&mut pass, at).await;
            }
            self.active.clear();
        }
        pass.running
    }
}

//! What a state function gives: a plan that the engine may carry out, or a finished return.

use crate::function::BoxFuture;
use crate::{Map, Result, Value, map};

/// The result of a state function.
pub enum Outcome<'a> {
    /// What would have to happen. The engine alone decides whether it does.
    Plan(Plan<'a>),
    /// A return that is complete as it is: for states that do nothing outside of the minion.
    Ret(StateRet),
}

/// What a state wants: the changes, and the work that makes them. The work is a future, which does nothing until it
/// is polled, so `test=True` means: don't poll.
pub struct Plan<'a> {
    /// The `changes` of the return. Empty means that all is as wanted.
    pub changes: Map,
    /// The comment under `test=True`.
    pub would: String,
    /// The comment when it is done.
    pub did: String,
    /// The comment when there is nothing to do.
    pub unchanged: String,
    /// The work.
    pub apply: BoxFuture<'a, Result<Applied>>,
}

/// What the work of a plan found out while it was done. Empty: it went as planned.
#[derive(Debug, Default)]
pub struct Applied {
    /// Changes that replace the planned ones.
    pub changes: Option<Map>,
    /// A comment that replaces the planned one.
    pub comment: Option<String>,
}

/// The return of one state function (`salt/state.py`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateRet {
    /// The name; `None` lets the engine take the chunk's.
    pub name: Value,
    /// What changed: empty for nothing.
    pub changes: Map,
    /// True: as wanted; false: failed; none: would change.
    pub result: Option<bool>,
    /// A sentence for a person.
    pub comment: String,
    /// Further keys, such as `warnings`, `data` or `skip_watch`.
    pub extra: Map,
}

impl<'a> Plan<'a> {
    /// A plan of changes and the work that makes them.
    pub fn new<T, F>(changes: Map, apply: F) -> Plan<'a>
    where
        T: Into<Applied>,
        F: Future<Output = Result<T>> + Send + 'a,
    {
        Plan {
            changes,
            would: String::new(),
            did: String::new(),
            unchanged: String::new(),
            apply: Box::pin(async move { apply.await.map(Into::into) }),
        }
    }

    /// All is as wanted.
    pub fn unchanged(comment: impl Into<String>) -> Plan<'a> {
        Plan { unchanged: comment.into(), ..Plan::new(Map::new(), async { Ok(()) }) }
    }

    /// The comments: under `test=True`, and when it is done.
    #[must_use]
    pub fn comment(mut self, would: impl Into<String>, did: impl Into<String>) -> Plan<'a> {
        self.would = would.into();
        self.did = did.into();
        self
    }

    /// The comment when there is nothing to do.
    #[must_use]
    pub fn or_else(mut self, unchanged: impl Into<String>) -> Plan<'a> {
        self.unchanged = unchanged.into();
        self
    }
}

impl From<()> for Applied {
    fn from((): ()) -> Applied {
        Applied::default()
    }
}

impl<'a> From<Plan<'a>> for Outcome<'a> {
    fn from(plan: Plan<'a>) -> Outcome<'a> {
        Outcome::Plan(plan)
    }
}

impl From<StateRet> for Outcome<'_> {
    fn from(ret: StateRet) -> Self {
        Outcome::Ret(ret)
    }
}

impl StateRet {
    /// As wanted, with a comment.
    pub fn ok(comment: impl Into<String>) -> StateRet {
        StateRet { result: Some(true), comment: comment.into(), ..StateRet::default() }
    }

    /// Failed, with a comment.
    pub fn failed(comment: impl Into<String>) -> StateRet {
        StateRet { result: Some(false), comment: comment.into(), ..StateRet::default() }
    }

    /// With changes.
    #[must_use]
    pub fn with_changes(mut self, changes: Map) -> StateRet {
        self.changes = changes;
        self
    }

    /// The map that goes into the return of a run; the engine adds the chunk's own keys.
    pub fn into_map(self, name: &str) -> Map {
        let mut ret = map! {
            "name" => if self.name.is_none() { name.into() } else { self.name },
            "changes" => self.changes,
            "result" => self.result,
            "comment" => self.comment,
        };
        ret.extend(self.extra);
        ret
    }
}

/// Old and new of properties: `{"numCPU": {"old": 2, "new": 4}}`. Equal ones are left out.
#[derive(Clone, Debug, Default)]
pub struct Changes(Map);

impl Changes {
    /// No change yet.
    pub fn new() -> Changes {
        Changes::default()
    }

    /// A property that is `old` and shall be `new`.
    #[must_use]
    pub fn set(mut self, property: &str, old: impl Into<Value>, new: impl Into<Value>) -> Changes {
        let (old, new) = (old.into(), new.into());
        if old != new {
            self.0.insert(property, map! { "old" => old, "new" => new });
        }
        self
    }

    /// True if all is as wanted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Changes> for Map {
    fn from(changes: Changes) -> Map {
        changes.0
    }
}

//! What a change leaves behind: the last thing to look at where no task tells any more what became of it.

use std::fmt;
use std::str::FromStr;

use crate::collector::{self, FilterSpec};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::vim::{Args, DateTime, MoRef, Object, Value};

/// How far our clock and the vCenter's may be apart.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// What can be seen of an object after a method has succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Nothing that can be told from what was there before.
    Nothing,
    /// The machine is in this power state.
    Power(String),
    /// There is a snapshot of this name, made since.
    Snapshot(String),
    /// The object is gone.
    Gone,
    /// The object has this name.
    Name(String),
    /// There is something of this name in the object's `childEntity`.
    Child(String),
}

/// What is seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sight {
    /// It has been done; the method's result, where it has one.
    Done(Value),
    /// It has not been done.
    NotDone,
    /// That cannot be told.
    Unclear,
}

impl Trace {
    /// What a method leaves behind. Names are as the API has them, so `/` is `%2f`.
    pub fn of(method: &str, args: &Args) -> Trace {
        let text = |name: &str| args.get(name).and_then(Value::as_str).map(str::to_owned);
        match method {
            "PowerOnVM_Task" => Trace::Power("poweredOn".into()),
            "PowerOffVM_Task" => Trace::Power("poweredOff".into()),
            "SuspendVM_Task" => Trace::Power("suspended".into()),
            "CreateSnapshot_Task" => text("name").map_or(Trace::Nothing, Trace::Snapshot),
            "RemoveSnapshot_Task" | "Destroy_Task" | "UnregisterVM" => Trace::Gone,
            "Rename_Task" => text("newName").map_or(Trace::Nothing, Trace::Name),
            "CreateFolder" | "CreateDatacenter" | "CreateStoragePod" | "RegisterVM_Task" => {
                text("name").map_or(Trace::Nothing, Trace::Child)
            }
            _ => Trace::Nothing,
        }
    }

    /// Looks whether it is there.
    pub(super) async fn look(&self, session: &Session, object: &MoRef, since: &DateTime) -> Result<Sight> {
        let path = match self {
            Trace::Nothing => return Ok(Sight::Unclear),
            Trace::Power(_) => "runtime.powerState",
            Trace::Snapshot(_) => "snapshot.rootSnapshotList",
            Trace::Gone if !object.is_a("ManagedEntity") => return gone(session, object).await,
            Trace::Gone | Trace::Name(_) => "name",
            Trace::Child(name) => return child(session, object, name).await,
        };
        let found = collector::read_if_there(session, object, &[path]).await?;
        let value = match (self, found) {
            (Trace::Gone, None) => return Ok(Sight::Done(Value::Null)),
            (Trace::Gone, Some(_)) => return Ok(Sight::NotDone),
            // What was to be changed is gone: nobody knows how it was before.
            (_, None) => return Ok(Sight::Unclear),
            (_, Some(content)) => content,
        };
        Ok(match self {
            Trace::Power(state) => seen(value.str(path) == Some(state)),
            Trace::Name(name) => seen(value.str(path) == Some(name)),
            Trace::Snapshot(name) => match snapshot(value.objects(path), name, since) {
                Some(reference) => Sight::Done(reference.into()),
                None => Sight::NotDone,
            },
            _ => Sight::Unclear,
        })
    }
}

fn seen(done: bool) -> Sight {
    if done { Sight::Done(Value::Null) } else { Sight::NotDone }
}

/// Objects that are no entities, as snapshots, have few properties that all of them have; one that is gone has none at all.
async fn gone(session: &Session, object: &MoRef) -> Result<Sight> {
    match collector::read_all(session, object).await {
        Ok(_) => Ok(Sight::NotDone),
        Err(error) if collector::is_gone(&error) => Ok(Sight::Done(Value::Null)),
        Err(error) => Err(error),
    }
}

async fn child(session: &Session, object: &MoRef, name: &str) -> Result<Sight> {
    let spec = FilterSpec::new().through(object, "childEntity").properties("ManagedEntity", &["name"]);
    let found = collector::retrieve(session, &spec).await?;
    let made = found.into_iter().find(|child| child.str("name") == Some(name));
    Ok(made.map_or(Sight::NotDone, |child| Sight::Done(child.reference.into())))
}

fn snapshot<'a>(trees: impl Iterator<Item = &'a Object>, name: &str, since: &DateTime) -> Option<MoRef> {
    let earliest = since.timestamp().map(|since| since - SKEW);
    for tree in trees {
        let made = match tree.get("createTime") {
            Some(Value::DateTime(moment)) => moment.timestamp(),
            _ => None,
        };
        let young = made.is_none() || made >= earliest;
        if tree.str("name") == Some(name) && young {
            return tree.moref("snapshot").cloned();
        }
        if let Some(found) = snapshot(tree.objects("childSnapshotList"), name, since) {
            return Some(found);
        }
    }
    None
}

/// As `power:poweredOn`; what [`FromStr`] reads.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trace::Nothing => f.write_str("nothing"),
            Trace::Power(state) => write!(f, "power:{state}"),
            Trace::Snapshot(name) => write!(f, "snapshot:{name}"),
            Trace::Gone => f.write_str("gone"),
            Trace::Name(name) => write!(f, "name:{name}"),
            Trace::Child(name) => write!(f, "child:{name}"),
        }
    }
}

impl FromStr for Trace {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        Ok(match kind {
            "nothing" => Trace::Nothing,
            "gone" => Trace::Gone,
            "power" => Trace::Power(rest.to_owned()),
            "snapshot" => Trace::Snapshot(rest.to_owned()),
            "name" => Trace::Name(rest.to_owned()),
            "child" => Trace::Child(rest.to_owned()),
            _ => return Err(Error::Schema(format!("'{text}' is no trace of a change"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_reads_what_it_writes() {
        let named = Args::new().set("name", "a:b");
        for (method, args, text) in [
            ("PowerOnVM_Task", Args::new(), "power:poweredOn"),
            ("CreateSnapshot_Task", named.clone(), "snapshot:a:b"),
            ("RemoveSnapshot_Task", Args::new(), "gone"),
            ("CreateFolder", named, "child:a:b"),
            ("Rename_Task", Args::new().set("newName", "n"), "name:n"),
            ("ResetVM_Task", Args::new(), "nothing"),
        ] {
            let trace = Trace::of(method, &args);
            assert_eq!(trace.to_string(), text);
            assert_eq!(text.parse::<Trace>().unwrap(), trace);
        }
        assert!("else".parse::<Trace>().is_err());
    }

    #[test]
    fn a_snapshot_of_the_same_name_is_not_ours_if_it_is_old() {
        let node = |name: &str, id: &str, made: &str, below: Vec<Object>| {
            Object::new("VirtualMachineSnapshotTree")
                .set("name", name)
                .set("snapshot", MoRef::new("VirtualMachineSnapshot", id))
                .set("createTime", DateTime::new(made))
                .set("childSnapshotList", below)
        };
        let new = node("a", "s-2", "2026-11-22T12:01:00Z", vec![]);
        let tree = [node("a", "s-1", "2026-11-21T12:00:00Z", vec![new])];
        let since = DateTime::new("2026-11-22T12:00:30Z");
        let find = |name: &str| snapshot(tree.iter(), name, &since).map(|it| it.id().to_owned());
        assert_eq!(find("a").as_deref(), Some("s-2"));
        assert_eq!(find("b"), None);
    }
}

//! What becomes of a return after it was sent.

use salt::{Map, Value};

use crate::channel::Error;
use crate::transport;

/// So many answers in a row that say that the master can't do anything with a return end it. Each of them may have
/// fired its event, so there must not be many.
const REFUSALS: u32 = 3;
/// What masters say of a load that they will never take (`salt/channel/server.py`, `salt/master.py`).
const ABOUT_THE_LOAD: [&str; 3] =
    ["payload and load must be a dict", "Some exception handling minion payload", "bad load: id"];
/// How the text begins that stands for a return that can't be sent.
const INSTEAD: &str = "ERROR: the job is done, but what it returned can't be sent: ";

/// What becomes of a return.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The master has it.
    Taken,
    /// It is sent again later. Counted: the next one like this may be the last.
    Again {
        /// Why.
        why: String,
        /// It counts.
        counted: bool,
    },
    /// It will never get through as it is.
    Impossible(String),
    /// It is dropped.
    Dropped(String),
}

/// Judges an answer. `refusals` is how many counted before.
pub(super) fn judge(answer: Result<Value, Error>, refusals: u32) -> Verdict {
    let counted = |why: String| match refusals + 1 >= REFUSALS {
        true => Verdict::Dropped(why),
        false => Verdict::Again { why, counted: true },
    };
    let again = |why: String| Verdict::Again { why, counted: false };
    match answer {
        // Its handler ended in an exception: perhaps its disk is full, perhaps it will never be able to.
        Ok(Value::Str(_) | Value::Bytes(_)) => counted("the master had trouble with it, see its log".into()),
        // Nothing has happened with it yet, and an operator can change that.
        Ok(Value::Bool(false)) => {
            again("the master refuses it, perhaps because it is not signed (minion_sign_messages)".into())
        }
        Ok(_) => Verdict::Taken,
        Err(Error::Transport(e @ transport::Error::TooMuch { .. })) => Verdict::Impossible(e.to_string()),
        Err(Error::Pack(e)) => Verdict::Impossible(e.to_string()),
        Err(Error::Refused(told)) if ABOUT_THE_LOAD.iter().any(|about| told.starts_with(about)) => {
            counted(format!("the master refuses it: {told}"))
        }
        Err(e) => again(e.to_string()),
    }
}

/// The return that says instead of another why that can't be sent. None if even this one could not be.
pub(super) fn instead(load: &Map, why: &str) -> Option<Map> {
    let second = load.get_str("return").is_some_and(|text| text.starts_with(INSTEAD));
    let bare = load.get("fun_args").and_then(Value::as_list).is_none_or(<[Value]>::is_empty);
    if second && bare && !load.contains_key("metadata") {
        return None;
    }
    let mut said = Map::new();
    for (key, value) in load {
        match key.as_str() {
            Some("return") => {
                said.insert("return", format!("{INSTEAD}{why}"));
            }
            Some("success") => {
                said.insert("success", false);
            }
            Some("retcode") => {
                said.insert("retcode", 1);
            }
            Some("out") => {}
            // It is they that are too large.
            Some("fun_args") if second => {
                said.insert("fun_args", Value::List(vec![]));
            }
            Some("metadata") if second => {}
            _ => {
                said.insert(key.clone(), value.clone());
            }
        }
    }
    said.insert("out", "nested");
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::AuthOutcome;
    use salt::{list, map};

    #[test]
    fn only_what_the_master_will_never_take_is_given_up() {
        let counts = |answer: Result<Value, Error>| match judge(answer, 0) {
            Verdict::Again { counted, .. } => Some(counted),
            _ => None,
        };
        assert_eq!(judge(Ok(Value::None), 2), Verdict::Taken);
        assert_eq!(judge(Ok(Map::new().into()), 2), Verdict::Taken);
        for patient in [
            Ok(Value::Bool(false)),
            Err(Error::Timeout),
            Err(Error::SignedOut),
            Err(Error::Refused("bad load".into())),
            Err(Error::Unauthenticated(AuthOutcome::Pending)),
        ] {
            assert_eq!(counts(patient.clone()), Some(false), "{patient:?}");
            assert!(matches!(judge(patient, 99), Verdict::Again { .. }));
        }
        for hopeless in [Ok("".into()), Err(Error::Refused("Some exception handling minion payload".into()))]
        {
            assert_eq!(counts(hopeless.clone()), Some(true), "{hopeless:?}");
            assert!(matches!(judge(hopeless, 2), Verdict::Dropped(_)));
        }
        let large = Error::Transport(transport::Error::TooMuch { length: 9, limit: 4 });
        assert!(matches!(judge(Err(large), 0), Verdict::Impossible(why) if why.contains('9')));
    }

    #[test]
    fn what_is_said_instead_shrinks_until_it_fits() {
        let load = map! {
            "cmd" => "_return", "success" => true, "return" => "long", "retcode" => 0, "jid" => "1",
            "fun_args" => list!["long"], "metadata" => map! { "a" => 1 }, "out" => "highstate",
        };
        let said = instead(&load, "too long").unwrap();
        assert_eq!(said.get("retcode"), Some(&1.into()));
        assert_eq!(said.get("success"), Some(&false.into()));
        assert_eq!(said.get_str("out"), Some("nested"));
        assert_eq!(said.get("fun_args"), Some(&list!["long"]));
        assert!(said.get_str("return").unwrap().ends_with("too long"));
        let said = instead(&said, "too long").unwrap();
        assert_eq!((said.get("fun_args"), said.get("metadata")), (Some(&list![]), None));
        assert_eq!(instead(&said, "too long"), None);
    }
}

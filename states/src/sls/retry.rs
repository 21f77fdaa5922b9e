//! `retry`: a state that is called again until it has the wanted result.

use std::time::Duration;

use salt::{Map, Value};

use crate::sls::chunk::text;
use crate::sls::run::Run;

/// How often, and how long apart. Values of a wrong type count as not given (`State.verify_retry_data`).
pub(super) struct Retry {
    until: bool,
    attempts: i64,
    interval: i64,
    splay: i64,
}

impl Retry {
    pub fn of(value: &Value) -> Retry {
        let number = |key: &str, default: i64| match value.get(key) {
            Some(Value::Int(n)) => *n,
            Some(Value::Bool(b)) => i64::from(*b),
            _ => default,
        };
        Retry {
            until: value.get("until").and_then(Value::as_bool).unwrap_or(true),
            attempts: if *value == Value::Bool(false) && value.as_bool().is_some() {
                0
            } else {
                number("attempts", 2)
            },
            interval: number("interval", 30),
            splay: number("splay", 0),
        }
    }

    fn pause(&self) -> i64 {
        if self.splay <= 0 {
            return self.interval.max(0);
        }
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.subsec_nanos());
        self.interval.max(0).saturating_add(i64::from(nanos) % self.splay.saturating_add(1))
    }

    fn satisfied(&self, ret: &Map) -> bool {
        ret.get("result").and_then(Value::as_bool) == Some(self.until)
    }
}

impl Run {
    /// Calls the chunk again while its result is not the wanted one.
    pub(super) async fn retry(&mut self, low: &Map, retry: Retry, mut ret: Map) -> Map {
        let python = |b: bool| if b { "True" } else { "False" };
        if self.cx.test() {
            let comment = format!(
                "{}  The state would be retried every {} seconds (with a splay of up to {} seconds) a maximum of {} \
                 times or until a result of {} is returned",
                text(&ret, "comment"),
                retry.interval,
                retry.splay,
                retry.attempts,
                python(retry.until)
            );
            ret.insert("comment", comment);
            return ret;
        }
        let start_time = ret.get("start_time").cloned();
        let mut lines = Vec::new();
        let mut spent = 0.0;
        let mut attempt = 1;
        while !retry.satisfied(&ret) && retry.attempts > attempt {
            let pause = retry.pause();
            lines.push(format!(
                "Attempt {attempt}: Returned a result of \"{}\", with the following comment: \"{}\"",
                text(&ret, "result"),
                text(&ret, "comment")
            ));
            spent += ret.get("duration").and_then(Value::as_f64).unwrap_or(0.0) + pause as f64 * 1000.0;
            tokio::time::sleep(Duration::from_secs(pause.unsigned_abs())).await;
            ret = self.call_once(low).await.0;
            attempt += 1;
        }
        if !lines.is_empty() {
            lines.push(text(&ret, "comment"));
            let duration = ret.get("duration").and_then(Value::as_f64).unwrap_or(0.0);
            ret.insert("comment", lines.join("\n"));
            ret.insert("duration", duration + spent);
            ret.insert("start_time", start_time);
        }
        ret
    }
}

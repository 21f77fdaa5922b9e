//! What a run tells while it goes on: its events, and the parts of states that have parts.

use salt::{Map, Value, map};

use crate::sls::call::Clock;
use crate::sls::chunk::{tag, text};
use crate::sls::run::{Pass, Run};

impl Run {
    /// Fires the events of a chunk that has a result, and takes the results of its parts apart.
    pub(super) async fn report(&mut self, pass: &mut Pass, at: usize) {
        let low = &pass.chunks[at];
        let Some(ret) = pass.running.get_mut(&tag(low)) else { return };
        let parts = ret.remove("sub_state_run");
        let ret = ret.clone();
        self.fire(&ret, pass.chunks.len(), low.get("fire_event")).await;
        for part in parts.iter().filter_map(Value::as_list).flatten() {
            let Some(sub) = part.get("low").and_then(Value::as_map) else { continue };
            self.number += 1;
            let (start_time, duration) = Clock::start().stop();
            let or = |key: &str, other: Value| part.get(key).cloned().unwrap_or(other);
            let ret = map! {
                "name" => low.get("name").cloned(),
                "changes" => or("changes", Map::new().into()),
                "result" => or("result", Value::None),
                "duration" => or("duration", duration.into()),
                "start_time" => or("start_time", start_time.into()),
                "comment" => or("comment", "".into()),
                "__state_ran__" => true,
                "__run_num__" => self.number,
                "__sls__" => low.get("__sls__").cloned(),
                "__id__" => low.get("__id__").cloned(),
            };
            pass.running.insert(tag(sub), ret);
        }
    }

    /// `salt/state_result/…` where a state asks for it, `salt/job/…/prog/…` where the run reports its progress.
    pub(super) async fn fire(&self, ret: &Map, length: usize, fire_event: Option<&Value>) {
        let opts = self.cx.opts();
        let asked = fire_event.filter(|asked| asked.truthy());
        let on = |key: &str| opts.get(key).is_some_and(Value::truthy);
        if on("local") || !(on("state_events") || asked.is_some()) {
            return;
        }
        let (jid, id) = (&self.cx.job().jid, self.cx.id());
        let mut data = map! { "ret" => ret.clone() };
        let event = match asked {
            Some(Value::Bool(true)) => format!("salt/state_result/{jid}/{id}/{}", text(ret, "name")),
            Some(Value::Str(last)) => format!("salt/state_result/{jid}/{id}/{last}"),
            _ => {
                data.insert("len", length);
                format!("salt/job/{jid}/prog/{id}/{}", text(ret, "__run_num__"))
            }
        };
        let preload = map! { "jid" => jid };
        if let Err(e) = self.cx.master().fire_event(event, data, Some(preload)).await {
            tracing::warn!("The event of a state did not reach the master: {e}");
        }
    }
}

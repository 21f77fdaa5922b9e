//! Asking other minions, and the master's runners, by way of the master (`peer`, `peer_run`).
//!
//! Facts: `salt/modules/publish.py` of Salt 3007.17.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use salt::args::yamlify;
use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};
use tracing::{error, info};

functions![full_data, publish, runner];

/// How often the master is asked for what came back.
const POLL: Duration = Duration::from_millis(300);

/// Runs a function on other minions and gives their answers by id.
///
/// The master has to allow it (`peer`): if it does not, the answer is empty. Gives `None` if no minion fits.
///
/// CLI Example:
///
/// ```bash
/// salt vc01 publish.publish '*' test.ping
/// salt vc01 publish.publish 'os:proxy' test.echo hello grain
/// salt vc01 publish.publish '*' test.kwarg arg="['cheese=spam','spam=cheese']"
/// ```
#[salt_fn]
async fn publish(
    cx: &Context,
    /// The minions.
    tgt: Value,
    /// The function.
    fun: String,
    /// Its argument, or a list of them.
    arg: Option<Value>,
    /// How the target is read: `glob`, `compound`, `grain` and so on.
    #[default("glob")]
    tgt_type: String,
    /// A returner that the other minions shall use.
    #[default("")]
    returner: String,
    /// How many seconds to wait for answers.
    #[default(5)]
    timeout: Value,
    /// The master to ask: it has to be the one that this minion is connected to.
    via_master: Option<String>,
) -> Result<Value> {
    if let Some(wanted) = via_master.filter(|master| !master.is_empty()) {
        let opts = cx.opts();
        let connected = opts.get("master").cloned().unwrap_or_default();
        if connected.to_string() != wanted {
            return Err(Error::Invocation(format!(
                "Could not find match for {wanted} in list of configured masters {} when using `via_master` option",
                Value::from([connected]).repr()
            )));
        }
    }
    Publication { tgt, fun, arg, tgt_type, returner, timeout, form: "clean" }.send(cx).await
}

/// Runs a function on other minions and gives by id all that the master knows of their answers: `ret`, and `out` if there
/// is one.
///
/// CLI Example:
///
/// ```bash
/// salt vc01 publish.full_data '*' test.ping
/// ```
#[salt_fn]
async fn full_data(
    cx: &Context,
    /// The minions.
    tgt: Value,
    /// The function.
    fun: String,
    /// Its argument, or a list of them.
    arg: Option<Value>,
    /// How the target is read: `glob`, `compound`, `grain` and so on.
    #[default("glob")]
    tgt_type: String,
    /// A returner that the other minions shall use.
    #[default("")]
    returner: String,
    /// How many seconds to wait for answers.
    #[default(5)]
    timeout: Value,
) -> Result<Value> {
    Publication { tgt, fun, arg, tgt_type, returner, timeout, form: "full" }.send(cx).await
}

/// Runs a runner on the master and gives its result. The master has to allow it (`peer_run`): if it does not, the answer
/// is empty.
///
/// CLI Example:
///
/// ```bash
/// salt vc01 publish.runner manage.down
/// ```
#[salt_fn]
async fn runner(
    cx: &Context,
    /// The runner.
    fun: String,
    /// Its argument, or a list of them.
    arg: Option<Value>,
    /// How many seconds the master waits for it.
    #[default(5)]
    timeout: Value,
) -> Result<Value> {
    if is_local(cx) {
        return Ok("No access to master. If using salt-call with --local, please remove.".into());
    }
    let load = map! {
        "cmd" => "minion_runner", "fun" => fun.as_str(), "arg" => arguments(arg), "tmo" => timeout, "id" => cx.id(),
        "no_parse" => no_parse(cx),
    };
    match cx.master().request(load).await {
        Err(e) if timed_out(&e) => Ok(format!("'{fun}' runner publish timed out").into()),
        other => other,
    }
}

struct Publication {
    tgt: Value,
    fun: String,
    arg: Option<Value>,
    tgt_type: String,
    returner: String,
    timeout: Value,
    form: &'static str,
}

impl Publication {
    async fn send(self, cx: &Context) -> Result<Value> {
        if is_local(cx) {
            error!("Cannot run publish commands without a connection to a salt master. No command sent.");
            return Ok(Map::new().into());
        }
        if self.fun.starts_with("publish.") {
            info!("Cannot publish publish calls. Returning {{}}");
            return Ok(Map::new().into());
        }
        let patience = seconds(&self.timeout)?;
        let Publication { tgt, fun, arg, tgt_type, returner, timeout, form } = self;
        let load = map! {
            "cmd" => "minion_pub", "fun" => fun.as_str(), "arg" => arguments(arg), "tgt" => tgt,
            "tgt_type" => tgt_type, "ret" => returner, "tmo" => timeout, "form" => form,
            "id" => cx.id(), "no_parse" => no_parse(cx),
        };
        let job = match cx.master().request(load).await {
            Err(e) if timed_out(&e) => return Ok(format!("'{fun}' publish timed out").into()),
            other => other?,
        };
        if !job.truthy() {
            return Ok(Map::new().into());
        }
        let asked: HashSet<Value> =
            job.get("minions").and_then(Value::as_list).unwrap_or_default().iter().cloned().collect();
        if asked.is_empty() {
            return Ok(Value::None);
        }
        let jid = job.get("jid").cloned().unwrap_or_default();
        let until = Instant::now() + patience;
        loop {
            let load = map! { "cmd" => "pub_ret", "id" => cx.id(), "jid" => jid.clone() };
            let answers = match cx.master().request(load).await? {
                Value::Map(answers) => answers,
                _ => Map::new(),
            };
            if asked.iter().all(|id| answers.get_key(id).is_some()) || Instant::now() >= until {
                return Ok(shown(form, answers));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

fn shown(form: &str, answers: Map) -> Value {
    if form == "full" {
        return answers.into();
    }
    let ret = |answer: Value| answer.get("ret").cloned().unwrap_or_default();
    answers.into_iter().map(|(id, answer)| (id, ret(answer))).collect::<Map>().into()
}

/// The argument of a call as the list of them that a publication has.
fn arguments(arg: Option<Value>) -> Vec<Value> {
    let read = |arg: Value| match arg {
        Value::Str(text) => yamlify(&text),
        other => other,
    };
    match arg.map(read) {
        None | Some(Value::None) => vec![],
        Some(Value::List(items)) => items,
        Some(one) => vec![one],
    }
}

/// Words of a command line come as text.
fn seconds(timeout: &Value) -> Result<Duration> {
    let number = match timeout {
        Value::Str(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    number.and_then(|n| Duration::try_from_secs_f64(n).ok()).ok_or_else(|| {
        Error::Invocation(format!("Argument 'timeout' must be a number of seconds, got {}", timeout.repr()))
    })
}

fn timed_out(error: &Error) -> bool {
    error.kind() == "salt.exceptions.SaltReqTimeoutError"
}

fn no_parse(cx: &Context) -> Value {
    cx.opts().get("no_parse").cloned().unwrap_or_else(|| Value::List(vec![]))
}

fn is_local(cx: &Context) -> bool {
    cx.opts().get_str("file_client") == Some("local")
}

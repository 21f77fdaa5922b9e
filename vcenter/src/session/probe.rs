//! Finding out whether a server that gave no answer is there again: one question at a time, however many wait for it.

use std::sync::Arc;
use std::time::Duration;

use super::login::{self, Login};
use super::patience::Patience;
use super::state::Shared;
use crate::soap::{Header, Request};
use crate::vim::{Args, MoRef, Object, Value};
use crate::{Error, Recovery, Result};

/// The first pause; it doubles with each question that is not answered either, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(250);

/// The longest pause: how late a server that has come back may be noticed.
const LONGEST: Duration = Duration::from_secs(4);

/// Questions before those who wait are told; who has time left starts anew.
const QUESTIONS: u32 = 8;

/// How long one question may take: it costs the server nothing.
const ANSWER: Duration = Duration::from_secs(10);

/// Asks until the server answers. Then the login is known to be alive, or is lost.
///
/// # Errors
///
/// Why there was no answer, the last time.
pub async fn run(shared: Arc<Shared>, login: Arc<Login>) -> Result<()> {
    let mut questions = 0;
    loop {
        let pause = FIRST.saturating_mul(1 << questions.min(16)).min(LONGEST);
        tokio::time::sleep(pause.mul_f64(login::jitter())).await;
        if shared.is_closed() {
            return Err(Error::Closed);
        }
        questions += 1;
        match ask(&shared, &login).await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                shared.lost(login.epoch);
                return Ok(());
            }
            Err(Error::Fault(fault)) if fault.is("NotAuthenticated") => {
                shared.lost(login.epoch);
                return Ok(());
            }
            // Whatever it says, it speaks.
            Err(Error::Fault(_)) => return Ok(()),
            Err(error) if error.recovery() == Recovery::Retry && questions < QUESTIONS => {
                tracing::debug!(%error, questions, "{} is still silent", shared.transport.endpoint());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the server knows the login: the present session, read as pyVmomi's users do to see whether theirs lives.
async fn ask(shared: &Shared, login: &Login) -> Result<bool> {
    let (Some(manager), Some(collector)) =
        (login.content.moref("sessionManager"), login.content.moref("propertyCollector"))
    else {
        return Ok(true);
    };
    let request = question(manager, collector)?;
    let timeout = ANSWER.min(shared.config.timeouts.request);
    let answer = login::exchange(shared, &request, Some(login), &mut Patience::once(timeout)).await?;
    let Value::Object(answer) = answer else { return Ok(true) };
    Ok(answer.objects("objects").all(knows))
}

fn question(manager: &MoRef, collector: &MoRef) -> Result<Request> {
    let properties = Object::new("PropertySpec")
        .set("type", manager.kind())
        .set("all", false)
        .set("pathSet", ["currentSession.key"].as_slice());
    let object = Object::new("ObjectSpec").set("obj", manager).set("skip", false);
    let spec = Object::new("PropertyFilterSpec").set("propSet", [properties]).set("objectSet", [object]);
    let args = Args::new().set("specSet", [spec]).set("options", Object::new("RetrieveOptions"));
    Request::new(collector, "RetrievePropertiesEx", &args, &Header::default())
}

/// Whether a `SessionManager` (`ObjectContent`) says that somebody is logged in: without a login the present session is
/// unset, or cannot be read.
fn knows(manager: &Object) -> bool {
    manager.objects("propSet").next().is_some()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::double::{Double, Reply};
    use crate::vim::MoRef;
    use crate::{Session, State};

    fn current_session(properties: &str) -> Reply {
        Reply::soap(
            "RetrievePropertiesEx",
            &format!(
                "<returnval><objects><obj type=\"SessionManager\">SessionManager</obj>{properties}</objects></returnval>"
            ),
        )
    }

    /// A server that cuts its first answer to a read off, and then says this of the present session.
    async fn read_again(present: &'static str) -> (Double, Session) {
        let reads = AtomicUsize::new(0);
        let double = Double::start(move |request| match request.method() {
            "CurrentTime" if reads.fetch_add(1, Ordering::SeqCst) == 0 => {
                Some(Reply::soap("CurrentTime", "<returnval>2026-").cut(200))
            }
            "RetrievePropertiesEx" if request.body.contains("currentSession") => {
                Some(current_session(present))
            }
            _ => None,
        })
        .await;
        let session = double.session();
        let clock = MoRef::new("ServiceInstance", "ServiceInstance");
        session.call(&clock, "CurrentTime", ()).await.unwrap();
        (double, session)
    }

    #[tokio::test]
    async fn a_read_that_was_cut_off_is_read_again() {
        let key = "<propSet><name>currentSession.key</name><val xsi:type=\"xsd:string\">k</val></propSet>";
        let (double, session) = read_again(key).await;
        assert_eq!((double.count("CurrentTime"), double.count("Login")), (2, 1));
        assert_eq!(session.state(), State::Live);
    }

    #[tokio::test]
    async fn a_login_that_is_gone_by_then_is_made_anew() {
        let (double, session) = read_again("").await;
        assert_eq!((double.count("CurrentTime"), double.count("Login")), (2, 2));
        assert_eq!((session.state(), session.epoch()), (State::Live, 2));
    }
}

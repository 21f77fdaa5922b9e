//! What a session does when the server, or what stands in front of it, misbehaves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::Recovery;
use crate::collector;
use crate::double::{Double, Reply};
use crate::task::Tasks;

fn clock() -> MoRef {
    MoRef::new("ServiceInstance", "ServiceInstance")
}

/// A server whose clock answers so.
async fn clock_answers(reply: Reply) -> Double {
    Double::start(move |request| (request.method() == "CurrentTime").then(|| reply.clone())).await
}

async fn ask(double: &Double) -> (Session, Result<Value>) {
    let session = double.session();
    let answer = session.call(&clock(), "CurrentTime", ()).await;
    (session, answer)
}

/// A server that answers a call that creates a datacenter so.
async fn create_answers(reply: Reply) -> (Double, Session, Error) {
    let double =
        Double::start(move |request| (request.method() == "CreateDatacenter").then(|| reply.clone())).await;
    let session = double.session();
    let (folder, args) = (MoRef::new("Folder", "group-d1"), [("name", Value::from("west"))]);
    let error = session.call(&folder, "CreateDatacenter", args).await.unwrap_err();
    (double, session, error)
}

#[tokio::test]
async fn what_may_have_been_done_is_not_sent_again() {
    let cut = Reply::soap("CreateDatacenter", "<returnval type=\"Datacenter\">data").cut(200);
    let (double, session, error) = create_answers(cut).await;
    assert!(matches!(error, Error::Transport { sent: true, .. }), "{error}");
    assert_eq!((error.recovery(), double.count("CreateDatacenter")), (Recovery::Retry, 1));
    assert_eq!(session.state(), State::Suspect);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up() {
    let slow = Reply::soap("CurrentTime", &" ".repeat(100_000)).pace(Duration::from_millis(50));
    let silent = Reply::soap("CurrentTime", "").delay(Duration::from_secs(60));
    for reply in [slow, silent] {
        let double = clock_answers(reply).await;
        let session = double.session();
        session.login().await.unwrap();
        let (start, options) = (Instant::now(), CallOptions::timeout(Duration::from_millis(400)));
        let error = session.call_with(&options, &clock(), "CurrentTime", ()).await.unwrap_err();
        assert_eq!(error.to_string(), "CurrentTime was not answered within 0.4 s");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(session.state(), State::Suspect);
        session.content().await.unwrap();
        assert_eq!(double.count("Login"), 1, "a slow answer is no reason to log in again");
    }
}

/// The log-in that a call waits for counts as time of the call, and goes on without it.
#[tokio::test]
async fn a_call_does_not_wait_longer_for_the_log_in_than_it_may_take() {
    let double = Double::start(|request| match request.method() {
        "Login" => Some(Reply::fault("InvalidLogin", "").delay(Duration::from_secs(60))),
        _ => None,
    })
    .await;
    let session = double.session();
    for (object, method, args) in [
        (clock(), "CurrentTime", Args::new()),
        (MoRef::new("Folder", "group-d1"), "CreateDatacenter", Args::new().set("name", "west")),
    ] {
        let options = CallOptions::timeout(Duration::from_millis(400));
        let error = session.call_with(&options, &object, method, args).await.unwrap_err();
        assert!(error.to_string().ends_with("the log-in was not answered within 0.4 s"), "{error}");
        assert!(!error.is_ambiguous(), "it was not sent");
    }
    assert_eq!((double.count("CreateDatacenter"), session.state()), (0, State::LoggingIn));
}

#[tokio::test]
async fn html_is_no_answer() {
    let html = "<html><body>Session limit of the gateway</body></html>";
    let page = Reply::new(200, html).header("content-type", "text/html; charset=utf-8");
    let (session, answer) = ask(&clock_answers(page).await).await;
    let error = answer.unwrap_err();
    assert!(
        error.to_string().ends_with("CurrentTime was answered with a web page, and not by a vCenter"),
        "{error}"
    );
    assert!(matches!(error, Error::Transport { sent: true, .. }), "{error}");
    assert_eq!(session.state(), State::Suspect);

    for status in [500, 502, 504] {
        let (double, _, error) = create_answers(Reply::new(status, html)).await;
        assert!(error.to_string().ends_with(&format!("HTTP status {status}")), "{error}");
        // What stands in front says that it did not get through; the server itself may have done half of it.
        let sent = status != 502;
        assert!(matches!(error, Error::Transport { sent: it, .. } if it == sent), "{error}");
        assert_eq!(double.count("CreateDatacenter"), 1);
    }
}

/// A read that alone is not answered is given up after a few times, however much time it has.
#[tokio::test]
async fn what_cannot_be_read_is_given_up() {
    let double = clock_answers(Reply::new(502, "")).await;
    let (_, answer) = ask(&double).await;
    assert!(answer.unwrap_err().to_string().ends_with("HTTP status 502"));
    assert_eq!((double.count("CurrentTime"), double.count("Login")), (4, 1));
}

#[tokio::test]
async fn a_property_of_fifty_megabytes_is_read_or_refused() {
    const SIZE: usize = 50 * 1024 * 1024;
    let double = Double::start(|request| {
        (request.body.contains("annotation")).then(|| {
            Reply::soap(
                "RetrievePropertiesEx",
                &format!(
                    "<returnval><objects><obj type=\"VirtualMachine\">vm-1</obj><propSet><name>config.annotation</name>\
                     <val xsi:type=\"xsd:string\">{}</val></propSet></objects></returnval>",
                    "x".repeat(SIZE)
                ),
            )
        })
    })
    .await;
    let vm = MoRef::new("VirtualMachine", "vm-1");
    let read = collector::read_property(&double.session(), &vm, "config.annotation").await.unwrap();
    assert_eq!(read.as_str().map(str::len), Some(SIZE));

    let mut config = double.config();
    config.max_body = 1024 * 1024;
    let session = Session::new(config).unwrap();
    let error = collector::read_property(&session, &vm, "config.annotation").await.unwrap_err();
    assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");
}

#[tokio::test]
async fn a_lost_version_is_told_as_such() {
    let double = Double::start(|request| match request.method() {
        "CreatePropertyCollector" => Some(Reply::soap(
            "CreatePropertyCollector",
            "<returnval type=\"PropertyCollector\">pc-1</returnval>",
        )),
        "WaitForUpdatesEx" => Some(Reply::fault("InvalidCollectorVersion", "")),
        _ => None,
    })
    .await;
    let collector = collector::Collector::create(&double.session()).await.unwrap();
    let error = collector.wait("7", Duration::from_secs(1), 10).await.unwrap_err();
    assert!(error.is("InvalidCollectorVersion"), "{error}");
    assert_eq!((error.recovery(), double.count("Login")), (Recovery::Resync, 1));
}

#[tokio::test]
async fn what_may_not_be_seen_is_missing_and_not_empty() {
    let double = Double::start(|request| {
        request.body.contains(">name<").then(|| {
            Reply::soap(
                "RetrievePropertiesEx",
                "<returnval><objects><obj type=\"VirtualMachine\">vm-1</obj>\
                 <propSet><name>name</name><val xsi:type=\"xsd:string\">vm01</val></propSet>\
                 <missingSet><path>config</path><fault><fault xsi:type=\"NoPermission\">\
                 <object type=\"VirtualMachine\">vm-1</object><privilegeId>System.Read</privilegeId></fault>\
                 <localizedMessage>Permission was denied.</localizedMessage></fault></missingSet></objects></returnval>",
            )
        })
    })
    .await;
    let vm = MoRef::new("VirtualMachine", "vm-1");
    let content = collector::read_one(&double.session(), &vm, &["name", "config"]).await.unwrap();
    assert_eq!((content.str("name"), content.get("config")), (Some("vm01"), None));
    let [(path, fault)] = &content.missing[..] else { panic!("{content:?}") };
    assert_eq!((&**path, fault.kind()), ("config", "NoPermission"));
    assert_eq!(fault.detail().str("privilegeId"), Some("System.Read"));
    assert_eq!(double.count("Login"), 1, "no permission is not nobody logged in");
}

fn info_of_task(state: &str, inner: &str) -> Reply {
    Reply::soap(
        "RetrievePropertiesEx",
        &format!(
            "<returnval><objects><obj type=\"Task\">task-1</obj><propSet><name>info</name><val xsi:type=\"TaskInfo\">\
             <key>task-1</key><task type=\"Task\">task-1</task><name>ReconfigVM_Task</name>\
             <descriptionId>VirtualMachine.reconfigure</descriptionId><entityName>vm01</entityName>\
             <state>{state}</state><cancelled>false</cancelled><cancelable>false</cancelable>{inner}\
             <reason xsi:type=\"TaskReasonUser\"><userName>root</userName></reason>\
             <queueTime>2026-03-01T12:00:00Z</queueTime><eventChainId>1</eventChainId></val></propSet></objects></returnval>"
        ),
    )
}

#[tokio::test]
async fn an_object_deleted_under_its_task_fails_the_task() {
    let gone = "<error><fault xsi:type=\"ManagedObjectNotFound\"><obj type=\"VirtualMachine\">vm-1</obj></fault>\
                <localizedMessage>The object has already been deleted.</localizedMessage></error>";
    let double =
        Double::start(|request| request.body.contains(">info<").then(|| info_of_task("error", gone))).await;
    let (tasks, follower) = Tasks::new(double.session());
    let follower = tokio::spawn(follower);
    let error =
        tasks.wait(&MoRef::new("Task", "task-1"), Duration::from_secs(5)).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "ReconfigVM_Task of 'vm01' failed: The object has already been deleted. (ManagedObjectNotFound)"
    );
    follower.abort();
}

/// The task itself is forgotten while somebody waits for it.
#[tokio::test]
async fn a_task_that_vanishes_ends_the_wait() {
    let asked = AtomicUsize::new(0);
    let double = Double::start(move |request| match request.method() {
        "CreatePropertyCollector" => Some(Reply::soap(
            "CreatePropertyCollector",
            "<returnval type=\"PropertyCollector\">pc-1</returnval>",
        )),
        "WaitForUpdatesEx" => Some(Reply::soap("WaitForUpdatesEx", "").delay(Duration::from_secs(30))),
        _ if request.body.contains(">info<") => Some(match asked.fetch_add(1, Ordering::SeqCst) {
            0 => info_of_task("running", ""),
            _ => Reply::fault("ManagedObjectNotFound", "<obj type=\"Task\">task-1</obj>"),
        }),
        _ => None,
    })
    .await;
    let (tasks, follower) = Tasks::new(double.session());
    let follower = tokio::spawn(follower);
    let start = Instant::now();
    let error = tasks.wait(&MoRef::new("Task", "task-1"), Duration::from_secs(20)).await.unwrap_err();
    assert!(collector::is_gone(&error), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    follower.abort();
}

/// The server's list of sessions, each a key and a user agent.
fn session_list<'a>(sessions: impl IntoIterator<Item = (&'a str, String)>) -> Reply {
    let session = |(key, agent): (&str, String)| {
        format!(
            "<UserSession><key>{key}</key><userName>root</userName><fullName>root</fullName>\
             <loginTime>2026-03-01T11:00:00Z</loginTime><lastActiveTime>2026-03-01T11:59:59Z</lastActiveTime>\
             <locale>en</locale><messageLocale>en</messageLocale><userAgent>{agent}</userAgent></UserSession>"
        )
    };
    Reply::soap(
        "RetrievePropertiesEx",
        &format!(
            "<returnval><objects><obj type=\"SessionManager\">SessionManager</obj><propSet><name>sessionList</name>\
             <val xsi:type=\"ArrayOfUserSession\">{}</val></propSet></objects></returnval>",
            sessions.into_iter().map(session).collect::<String>()
        ),
    )
}

/// The sessions that were ended, by their keys, once there are so many.
async fn ended(double: &Double, many: usize) -> Vec<String> {
    let ended = || double.asked().into_iter().filter(|it| it.method() == "TerminateSession");
    for _ in 0..200 {
        if ended().count() >= many {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let key = |body: &str| Some(body.split_once("<sessionId>")?.1.split_once('<')?.0.to_owned());
    ended().filter_map(|it| key(&it.body)).collect()
}

#[tokio::test]
async fn a_login_whose_answer_was_lost_is_ended() {
    let (logins, lists) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let double = Double::start(move |request| match request.method() {
        // The second one: the first look at the list is over by then.
        "Login" if logins.fetch_add(1, Ordering::SeqCst) == 1 => Some(Reply::new(200, "").cut(0)),
        "CurrentTime" if logins.load(Ordering::SeqCst) == 1 => Some(Reply::fault("NotAuthenticated", "")),
        "RetrievePropertiesEx" => {
            let agent = request.header("user-agent")?.to_owned();
            let strays = if lists.fetch_add(1, Ordering::SeqCst) == 0 { 0 } else { 1 };
            Some(session_list([("k", agent.clone()), ("stray", agent)].into_iter().take(1 + strays)))
        }
        "TerminateSession" => Some(Reply::soap("TerminateSession", "")),
        _ => None,
    })
    .await;
    let mut config = double.config();
    config.login.attempts = 2;
    let session = Session::new(config).unwrap();
    session.login().await.unwrap();
    while double.count("RetrievePropertiesEx") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    session.call(&clock(), "CurrentTime", ()).await.unwrap();
    assert_eq!((double.count("Login"), session.epoch()), (3, 2));
    assert_eq!(ended(&double, 1).await, ["stray"]);
}

#[tokio::test]
async fn orphans_are_ended_at_the_first_log_in_only() {
    let listed = |request: &crate::double::Asked| {
        let agent = request.header("user-agent")?.to_owned();
        let (rest, client) = agent.rsplit_once('.')?;
        let (before, start) = rest.rsplit_once('.')?;
        let start: u64 = start.parse().ok()?;
        // The present session, a live one of this process, one of a process that had its number before, a stranger's.
        Some(session_list([
            ("k", agent.clone()),
            ("live", format!("{rest}.1{client}")),
            ("dead", format!("{before}.{}.{client}", start - 1)),
            ("other", "govc/0.30".to_owned()),
        ]))
    };
    let calls = AtomicUsize::new(0);
    let double = Double::start(move |request| match request.method() {
        "RetrievePropertiesEx" => listed(request),
        "TerminateSession" => Some(Reply::soap("TerminateSession", "")),
        "CurrentTime" if calls.fetch_add(1, Ordering::SeqCst) == 0 => Some(Reply::fault(
            "NotAuthenticated",
            "<object type=\"Folder\">x</object><privilegeId>x</privilegeId>",
        )),
        _ => None,
    })
    .await;
    let session = double.session();
    session.login().await.unwrap();
    ended(&double, 1).await;
    session.call(&clock(), "CurrentTime", ()).await.unwrap();
    assert_eq!((session.epoch(), double.count("Login")), (2, 2));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ended(&double, 1).await, ["dead"]);
    assert_eq!(double.count("RetrievePropertiesEx"), 1);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_because_it_has_done_nothing() {
    let refusals: [Reply; 2] = [
        Reply::new(503, "<html>Service Unavailable</html>").header("retry-after", "0"),
        Reply::fault("TooManyConcurrentNativeClones", ""),
    ];
    for refusal in refusals {
        let calls = AtomicUsize::new(0);
        let double = Double::start(move |request| {
            (request.method() == "CurrentTime" && calls.fetch_add(1, Ordering::SeqCst) < 2)
                .then(|| refusal.clone())
        })
        .await;
        let (session, answer) = ask(&double).await;
        answer.unwrap();
        assert_eq!((double.count("CurrentTime"), session.state()), (3, State::Live));
    }
    // Who waits for updates must know at once.
    let double = Double::start(|request| {
        (request.method() == "WaitForUpdatesEx").then(|| Reply::new(503, "").header("retry-after", "0"))
    })
    .await;
    let collector = MoRef::new("PropertyCollector", "propertyCollector");
    let error = double.session().call(&collector, "WaitForUpdatesEx", ()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { sent: false, .. }), "{error}");
    assert_eq!(double.count("WaitForUpdatesEx"), 1);
}

#[tokio::test]
async fn no_more_is_asked_at_once_than_allowed() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (now.clone(), most.clone());
    let double = Double::start(move |request| {
        (request.method() == "CreateFolder").then(|| {
            highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let counted = counted.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(40)).await;
                counted.fetch_sub(1, Ordering::SeqCst);
            });
            Reply::soap("CreateFolder", "<returnval type=\"Folder\">group-1</returnval>")
                .delay(Duration::from_millis(50))
        })
    })
    .await;
    let mut config = double.config();
    config.limits.writes = 3;
    let session = Session::new(config).unwrap();
    session.login().await.unwrap();
    let folder = MoRef::new("Folder", "group-0");
    let writes = futures::future::join_all(
        (0..12).map(|n| session.call(&folder, "CreateFolder", [("name", format!("f{n}").into())])),
    );
    let reads = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        session.call(&clock(), "CurrentTime", ()).await.unwrap();
        double.count("CreateFolder")
    };
    let (written, meanwhile) = tokio::join!(writes, reads);
    assert!(written.iter().all(Result::is_ok));
    assert_eq!((double.count("CreateFolder"), most.load(Ordering::SeqCst)), (12, 3));
    assert!(meanwhile < 12, "the read had to wait for all writes");
}

/// The STS says no to a password with a fault of its own, and to a clock with another.
#[tokio::test]
async fn a_token_is_asked_for_and_handed_on() {
    let token = "<saml2:Assertion xmlns:saml2=\"urn:x\" ID=\"_1\"><a b=\"c\"/></saml2:Assertion>";
    let fault = |code: &str| {
        Reply::new(
            500,
            format!(
                "<S:Fault xmlns:S=\"x\"><faultcode>ns0:{code}</faultcode><faultstring>No.</faultstring></S:Fault>"
            ),
        )
    };
    let double = Double::start(move |request| match request.method() {
        "LoginByToken" if request.body.contains(token) => Some(
            Reply::soap(
                "LoginByToken",
                "<returnval><key>k</key><userName>root</userName><fullName>root</fullName>\
                 <loginTime>2026-03-01T12:00:00Z</loginTime><lastActiveTime>2026-03-01T12:00:00Z</lastActiveTime>\
                 <locale>en</locale><messageLocale>en</messageLocale></returnval>",
            )
            .header("set-cookie", "vmware_soap_session=\"abc\"; Path=/"),
        ),
        _ if request.line == "POST /sts/STSService/corp" => Some(match &request.body {
            body if body.contains(">right<") => Reply::new(200, format!("<E><B><T>{token}</T></B></E>")),
            body if body.contains(">late<") => fault("InvalidTimeRange"),
            _ => fault("FailedAuthentication"),
        }),
        _ => None,
    })
    .await;
    let session = |passwords: &[&str]| {
        let mut config = double.config();
        config.credentials.passwords = passwords.iter().map(|it| Secret::from(*it)).collect();
        config.credentials.mechanism = Mechanism::Token { domain: "corp".into() };
        Session::new(config).unwrap()
    };
    let right = session(&["wrong", "right"]);
    right.login().await.unwrap();
    assert_eq!((double.count("LoginByToken"), double.count("Login")), (1, 0));
    right.close().await;
    let refused = session(&["wrong"]).login().await.unwrap_err();
    assert!(matches!(refused, Error::Login { .. }), "{refused}");
    assert!(refused.to_string().ends_with("'root': No"), "{refused}");
    let late = session(&["late"]).login().await.unwrap_err();
    assert!(
        matches!(late, Error::Transport { .. }) && late.to_string().contains("gave no token: No."),
        "{late}"
    );
}
